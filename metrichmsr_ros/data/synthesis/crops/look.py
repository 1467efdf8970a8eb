"""BlazePose's look at a rendered crop, through regions as in use: detected, guessed, or from the look before."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from metrichmsr_ros.data.rendering.crops.generator import RenderedCrop
from metrichmsr_ros.people.blazepose.landmarks import Detection, LandmarkSet, Roi
from metrichmsr_ros.people.blazepose.networks import BlazePose
from metrichmsr_ros.people.detection.plausibility import torso_points
from metrichmsr_ros.types import Float64Array

_MIN_SCORE = 0.5
_DETECTED, _FOLLOWED = 0.15, 0.5  # shares of crops whose region is detected; that are looked at again
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
        landmarks: the network's output, with maps; its region and pixels are those of the rendered picture.
        region: the region it looked at, image px.
        way: where that region came from.
        off: largest distance of its shoulders' and hips' middles from the true ones, as a share of the region's side.
    """

    landmarks: LandmarkSet
    region: Roi
    way: Way
    off: float


def looks_at(rendered: RenderedCrop, blazepose: BlazePose, rng: np.random.Generator) -> list[CropLook]:
    """The looks of the landmark network: none if it finds no person or another than the true one, else one or two.

    The second look is through the region that follows from the first, as in tracking.

    Args:
        rendered: the picture with truth.
        blazepose: made `with_maps`.
        rng: random generator.
    """
    region, way = rendered.region, Way.GUESSED
    if rng.random() < _DETECTED:
        detected = _detected(rendered, blazepose)
        if detected is not None:
            region, way = detected, Way.DETECTED
    first = _looked(rendered, region, way, blazepose)
    if first is None:
        return []
    again = _moved(first.landmarks.next_roi(), _to_image(rendered))
    if rng.random() >= _FOLLOWED or not _inside_picture(rendered, again):
        return [first]
    second = _looked(rendered, again, Way.FOLLOWED, blazepose)
    return [first] if second is None else [first, second]


def true_torso(rendered: RenderedCrop) -> Float64Array:
    """The true middles of shoulders and hips (2, 2) in image px."""
    pixels = rendered.camera.project(rendered.joints)
    return np.stack([pixels[list(_SHOULDERS)].mean(0), pixels[list(_HIPS)].mean(0)])


def _looked(rendered: RenderedCrop, region: Roi, way: Way, blazepose: BlazePose) -> CropLook | None:
    landmarks = blazepose.landmarks(rendered.picture, _moved(region, rendered.to_picture), _MIN_SCORE)
    if landmarks is None:
        return None
    truth = true_torso(rendered) @ rendered.to_picture[:2, :2].T + rendered.to_picture[:2, 2]
    gaps = np.linalg.norm(torso_points(landmarks) - truth, axis=1)
    off = float(gaps.max()) / landmarks.roi.size
    return CropLook(landmarks, region, way, off) if off < _MATCH else None


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
