"""One position and shape of each person from two estimates: from landmarks, and from landmarks and pixels."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from metrichmsr_ros.body.joints import JOINT_NAMES
from metrichmsr_ros.hmr.engine import HMREngine
from metrichmsr_ros.hmr.estimate import EstimateFromPixels, HMREstimate, unit
from metrichmsr_ros.hmr.inputs import CropInputs
from metrichmsr_ros.hmr.test_time_augmentation import ViewRoles, sums_by_person
from metrichmsr_ros.people.detection.plausibility import HIPS, legs_hidden
from metrichmsr_ros.types import Float32Array, FloatingArray, IndexArray

_VAGUE = 2.0
"""Factor of the landmarks' deviation in the weights: the branch reads the same landmarks, and has seen twenty times as
many people."""
_THIGHS = [JOINT_NAMES.index(f"{side}_hip") for side in ("left", "right")]
_THIGH_COS = (0.85, 0.75)  # of the angle by which both thighs are lifted from the trunk's axis: standing, sitting
_HIPS_INSIDE = 16.0  # pixels of the crop between the image's border and hips that count as in the image


def with_pixels(
    engine: HMREngine, estimate: HMREstimate, first: CropInputs, more: CropInputs | None, roles: ViewRoles
) -> HMREstimate:
    """`estimate` with what the pixel branch reads in all views that have maps; unchanged by networks without one.

    Args:
        engine: the network. estimate: of B people, from all their views.
        first, more, roles: the views, as for `estimate_from_views`.
    """
    return with_seen_pixels(engine, estimate, first, read_pixels(engine, first, more, roles))


def with_seen_pixels(
    engine: HMREngine, estimate: HMREstimate, first: CropInputs, seen: EstimateFromPixels | None
) -> HMREstimate:
    """`estimate` with what the pixel branch has `seen`; unchanged where that is None.

    Args:
        engine: the network. estimate: of B people, from all their views. first: their first views.
        seen: of the same people, from `read_pixels`.
    """
    if seen is None:
        return estimate
    return fused(estimate, seen, engine.config.pixel_position.correlation, trust_in_pixels(first, estimate))


def has_pixels(engine: HMREngine, first: CropInputs) -> bool:
    """Whether the network has a pixel branch, and the views the maps that it reads."""
    return engine.config.image_encoder.reads_maps and first.trunk_maps is not None


def read_pixels(
    engine: HMREngine, first: CropInputs, more: CropInputs | None, roles: ViewRoles
) -> EstimateFromPixels | None:
    """What the pixel branch reads of B people, in all views that have maps; None where `has_pixels` is false.

    Args:
        engine: the network.
        first, more, roles: the views, as for `estimate_from_views`.
    """
    if not has_pixels(engine, first):
        return None
    views = ViewsWithMaps.of(first, more, roles)
    return views.mean(engine.from_pixels(views.inputs, views.is_mirrored))


@dataclass(frozen=True)
class ViewsWithMaps:
    """The views of some people that the pixel branch can read.

    Attributes:
        inputs: V views. is_mirrored: (V,), views that are shown mirrored.
        person: (V,) row of the person of each view. people: number of people; each has at least one view.
    """

    inputs: CropInputs
    is_mirrored: NDArray[np.bool_]
    person: IndexArray
    people: int

    @classmethod
    def of(cls, first: CropInputs, more: CropInputs | None, roles: ViewRoles) -> ViewsWithMaps:
        """Those of `first` and usual ones of `more`, views as for `estimate_from_views`; `first` has maps."""
        inputs, person, is_mirrored = first, np.arange(len(first)), np.zeros(len(first), np.bool_)
        if more is not None and more.trunk_maps is not None:
            assert more.heavy is not None
            light = np.flatnonzero(~more.heavy & (roles.wide_share == 0))  # the heavy landmark network has other maps
            inputs = first.joined(more.select(light))
            person = np.concatenate([person, np.array(roles.person)[light]])
            is_mirrored = np.concatenate([is_mirrored, np.array(roles.mirrored)[light]])
        return cls(inputs, is_mirrored, person, len(first))

    def read_one(self, engine: HMREngine, row: int) -> EstimateFromPixels:
        """What the pixel branch of `engine` reads in one view."""
        return engine.from_pixels(self.inputs.select(np.array([row])), self.is_mirrored[[row]])

    def mean(self, seen: EstimateFromPixels) -> EstimateFromPixels:
        """The estimate of each person from what was `seen` in every view."""
        return mean_of_views(seen, self.person, self.people) if len(self.person) > self.people else seen


def mean_of_views(views: EstimateFromPixels, person: IndexArray, count: int) -> EstimateFromPixels:
    """Mean over the views of each of `count` people: of the logarithm of the distance, of deviations and shapes.

    Args:
        views: V views, in axes of the original camera.
        person: (V,) row of the person of each view; everybody has at least one.
    """
    seen = np.bincount(person, minlength=count).astype(np.float32)[:, None]

    def mean(values: FloatingArray) -> FloatingArray:
        return sums_by_person(values, person, count) / seen

    distance = np.linalg.norm(views.transl, axis=-1, keepdims=True)
    direction = unit(mean(views.transl / distance))
    return EstimateFromPixels(direction * np.exp(mean(np.log(distance))), mean(views.log_deviation), mean(views.betas))


def fused(landmarks: HMREstimate, pixels: EstimateFromPixels, correlation: float, trust: FloatingArray) -> HMREstimate:
    """The landmarks' estimate with a distance and a shape that pixels know too; direction and pose stay.

    The logarithms of both distances are weighted by their inverse variances, as if their errors were independent, so
    that neither rules where the other is nearly as good. The stated variance has the correlation of the errors, because
    nobody's true height is known. Where the two differ by more than they claim, the deviation grows by that factor
    (Birge's ratio).

    Args:
        landmarks: B people. pixels: the same people.
        correlation: of the two errors, 0 to 1; measured on held-out people.
        trust: (B,) factor 0 to 1 of the pixels' weight. People with 0 keep the landmarks' distance, with the larger of
            the two deviations.
    """
    distance = np.linalg.norm(landmarks.transl, axis=-1)
    difference = np.log(np.linalg.norm(pixels.transl, axis=-1) / distance)
    ours, theirs = landmarks.transl_deviation[:, 0] / distance, np.exp(pixels.log_deviation[:, 2])
    vague = (_VAGUE * ours) ** 2
    weight = trust * vague / (vague + theirs**2)
    shared = correlation * ours * theirs
    rest = 1 - weight
    variance = (rest * ours) ** 2 + (weight * theirs) ** 2 + 2 * weight * rest * shared
    disagreement = difference**2 / (ours**2 + theirs**2 - 2 * shared)
    variance = trust * variance * np.maximum(disagreement, 1) + (1 - trust) * np.maximum(ours, theirs) ** 2
    scale = np.exp(weight * difference)
    return replace(
        landmarks,
        transl=landmarks.transl * scale[:, None],
        betas=landmarks.betas + weight[:, None] * (pixels.betas - landmarks.betas),
        transl_deviation=np.stack(
            [np.sqrt(variance) * distance * scale, landmarks.transl_deviation[:, 1] * scale], axis=-1
        ),
    )


def trust_in_pixels(first: CropInputs, estimate: HMREstimate) -> FloatingArray:
    """(B,) 0 to 1: how much people look like drawn ones: with hips in the image and legs seen, and not sitting.

    All three parts are linear between their limits, so that distances do not jump while people come near, sit down or
    walk behind something.
    """
    trust: FloatingArray = hips_shown(first) * (1 - sitting(estimate.rotmats)) * (1 - legs_hidden(first.visibility))
    return trust


def hips_shown(views: CropInputs) -> Float32Array:
    """(B,) 0 to 1: how far inside the image both hips lie: 1 from `_HIPS_INSIDE` pixels of the crop on.

    Of people who are cut above, drawn crops are least like real ones: there the branch has larger errors than the
    landmarks (docs/explanation/decisions.md).
    """
    to_image = views.intrinsics @ np.linalg.inv(views.crop_intrinsics)
    crop_pixels: Float32Array = views.landmarks[:, list(HIPS), :2]
    hips = np.concatenate([crop_pixels, np.ones_like(crop_pixels[..., :1])], axis=-1) @ to_image.swapaxes(-1, -2)
    pixels = hips[..., :2] / hips[..., 2:]
    from_border = np.minimum(pixels + 0.5, views.image_size[:, None] - 0.5 - pixels).reshape(len(views), -1).min(1)
    image_pixels_a_crop_pixel = np.sqrt(np.linalg.det(to_image[:, :2, :2]))
    shown: Float32Array = np.clip(from_border / (_HIPS_INSIDE * image_pixels_a_crop_pixel), 0, 1).astype(np.float32)
    return shown


def sitting(rotmats: Float32Array) -> Float32Array:
    """(B,) 0 to 1: whether both thighs are lifted, of people with rotations (B, 24, 3, 3) of their joints.

    Drawn seats and tables, and people in them, are less like real ones than people who stand are: on real pictures of
    seated people the branch has larger errors than the landmarks (docs/explanation/decisions.md).
    """
    cosines: Float32Array = rotmats[:, _THIGHS, 1, 1].max(1)
    standing, seated = _THIGH_COS
    share: Float32Array = np.clip((standing - cosines) / (standing - seated), 0, 1)
    return share
