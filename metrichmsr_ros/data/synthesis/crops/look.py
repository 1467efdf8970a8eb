"""BlazePose's look at a rendered crop, through regions as in use: detected, guessed, or from the look before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import IntEnum

import numpy as np

from metrichmsr_ros.data.rendering.crops.generator import RenderedCrop
from metrichmsr_ros.data.synthesis.crops.mirroring import mirrored_crop
from metrichmsr_ros.people.blazepose.landmarks import Detection, LandmarkSet, Roi
from metrichmsr_ros.people.blazepose.networks import BlazePose
from metrichmsr_ros.people.detection.plausibility import torso_points
from metrichmsr_ros.types import Float64Array

_MIN_SCORE = 0.5
_DETECTED = 0.15  # share of crops whose region is detected
_FOLLOWED = 0.5  # share that is looked at again through the region that follows
_MIRRORED = 0.7  # share whose mirror image is looked at too
_NEAR = 0.25  # a detection's shoulders and hips lie this near to the true ones, as a share of its region
_MATCH = 0.15  # landmarks' shoulders and hips, as a share of the region
_HIPS, _SHOULDERS = (1, 2), (16, 17)


class Way(IntEnum):
    """Where the region comes from."""

    GUESSED = 0
    DETECTED = 1
    FOLLOWED = 2


@dataclass(frozen=True)
class CropLook:
    """What BlazePose says about one rendered person.

    Attributes:
        rendered: what it looked at, with the truth.
        mirrored: True for the mirror image of what was rendered; `rendered` is mirrored too.
        landmarks: the network's output, with maps; its region and pixels are those of the rendered picture.
        region: the region it looked at, image px.
        way: where that region came from.
        off: largest distance of its shoulders' and hips' middles from the true ones, as a share of the region's side.
    """

    rendered: RenderedCrop
    mirrored: bool
    landmarks: LandmarkSet
    region: Roi
    way: Way
    off: float


@dataclass(frozen=True)
class _Request:
    """A region of a picture that the landmark network is asked about."""

    rendered: RenderedCrop
    region: Roi
    way: Way
    mirrored: bool = False


def looks_at(rendered: RenderedCrop, blazepose: BlazePose, rng: np.random.Generator) -> list[CropLook]:
    """The looks of the landmark network: none if it finds no person or another than the true one, else one to three.

    Further looks are through the region that follows from the first, as in tracking: at the same picture, and at its
    mirror image, where that region has the errors of a prediction in time.

    Args:
        rendered: the picture with truth.
        blazepose: made `with_maps`.
        rng: random generator.
    """
    return looks_at_many([rendered], blazepose, [rng])[0]


def looks_at_many(
    rendered: Sequence[RenderedCrop], blazepose: BlazePose, rngs: Sequence[np.random.Generator]
) -> list[list[CropLook]]:
    """The looks at every picture, as `looks_at` with its generator; the network is asked about all at a time."""
    first = _answers(
        [_first_request(crop, blazepose, rng) for crop, rng in zip(rendered, rngs, strict=True)], blazepose
    )
    further = [_further_requests(look, rng) if look else [] for look, rng in zip(first, rngs, strict=True)]
    answers = iter(_answers([request for requests in further for request in requests], blazepose))
    looks = []
    for look, requests in zip(first, further, strict=True):
        again = [next(answers) for _ in requests]
        looks.append([found for found in (look, *again) if found is not None])
    return looks


def _first_request(rendered: RenderedCrop, blazepose: BlazePose, rng: np.random.Generator) -> _Request:
    if rng.random() < _DETECTED:
        detected = _detected(rendered, blazepose)
        if detected is not None:
            return _Request(rendered, detected, Way.DETECTED)
    return _Request(rendered, rendered.region, Way.GUESSED)


def _further_requests(first: CropLook, rng: np.random.Generator) -> list[_Request]:
    rendered, requests = first.rendered, []
    again = _moved(first.landmarks.next_roi(), _to_image(rendered))
    if rng.random() < _FOLLOWED and _inside_picture(rendered, again):
        requests.append(_Request(rendered, again, Way.FOLLOWED))
    predicted = _predicted(again, rng)
    if rng.random() < _MIRRORED and _inside_picture(rendered, predicted):
        turned = mirrored_crop(replace(rendered, region=predicted))
        requests.append(_Request(turned, turned.region, Way.FOLLOWED, mirrored=True))
    return requests


def _answers(requests: Sequence[_Request], blazepose: BlazePose) -> list[CropLook | None]:
    """What the network says to each request; None where it finds nobody, or another person than the true one."""
    pictures = [request.rendered.picture for request in requests]
    regions = [_moved(request.region, request.rendered.to_picture) for request in requests]
    answers = blazepose.landmarks_of_many(pictures, regions, _MIN_SCORE)
    return [_checked(request, found) for request, found in zip(requests, answers, strict=True)]


def _checked(request: _Request, found: LandmarkSet | None) -> CropLook | None:
    if found is None:
        return None
    rendered = request.rendered
    truth = true_torso(rendered) @ rendered.to_picture[:2, :2].T + rendered.to_picture[:2, 2]
    gaps = np.linalg.norm(torso_points(found) - truth, axis=1)
    off = float(gaps.max()) / found.roi.size
    return CropLook(rendered, request.mirrored, found, request.region, request.way, off) if off < _MATCH else None


def true_torso(rendered: RenderedCrop) -> Float64Array:
    """The true middles of shoulders and hips (2, 2) in image px."""
    pixels = rendered.camera.project(rendered.joints)
    return np.stack([pixels[list(_SHOULDERS)].mean(0), pixels[list(_HIPS)].mean(0)])


def _predicted(region: Roi, rng: np.random.Generator) -> Roi:
    """The region as tracking predicts it for the next image: moved, scaled and turned a little."""
    centre = region.centre + 0.025 * region.size * rng.standard_normal(2)
    size = region.size * float(np.exp(0.05 * rng.standard_normal()))
    return Roi(centre, size, region.rotation + 0.06 * float(rng.standard_normal()))


def _detected(rendered: RenderedCrop, blazepose: BlazePose) -> Roi | None:
    """The region of the detection nearest to the true torso, if there is one close to it; image px."""
    to_picture = rendered.to_picture
    torso = true_torso(rendered) @ to_picture[:2, :2].T + to_picture[:2, 2]
    side = rendered.region.size * to_picture[0, 0]

    def gap(detection: Detection) -> float:
        return float(np.linalg.norm(detection.keypoints[[2, 0]] - torso, axis=1).max())

    found = min(blazepose.detect(rendered.picture), key=gap, default=None)
    if found is None or gap(found) > _NEAR * side:
        return None
    return _moved(found.roi(), _to_image(rendered))


def _to_image(rendered: RenderedCrop) -> Float64Array:
    """(3, 3) picture px to image px."""
    return np.asarray(np.linalg.inv(rendered.to_picture), np.float64)


def _inside_picture(rendered: RenderedCrop, region: Roi) -> bool:
    """Whether the picture holds all of a region that lies inside the image."""
    if not region.is_usable(rendered.camera.width, rendered.camera.height):
        return False
    size = np.array([rendered.camera.width, rendered.camera.height], np.float64)
    corners = np.clip(region.corners(), -0.5, size - 0.5)
    in_picture = corners @ rendered.to_picture[:2, :2].T + rendered.to_picture[:2, 2]
    low, high = in_picture.min(0), in_picture.max(0)
    limit = np.array(rendered.picture.shape[1::-1])
    return bool((low > -2).all() and (high < limit + 1).all())


def _moved(region: Roi, matrix: Float64Array) -> Roi:
    """The region in the pixels to which `matrix` (3, 3), a scaling with a shift, maps the present ones."""
    return Roi.from_matrix(region.matrix() @ np.linalg.inv(matrix))
