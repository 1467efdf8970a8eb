"""One position and shape of each person from two estimates: from landmarks, and from landmarks and pixels."""

from __future__ import annotations

from dataclasses import replace

import torch

from metrichmsr_ros.hmr.network.batch import CropBatch
from metrichmsr_ros.hmr.network.heads import covariance
from metrichmsr_ros.hmr.network.mirroring import pixels_as_seen
from metrichmsr_ros.hmr.network.model import HMROutput, MetricHMR
from metrichmsr_ros.hmr.network.pixels.branch import PixelEstimate, PixelPosition
from metrichmsr_ros.hmr.test_time_augmentation import ViewRoles

HIPS = (23, 24)
"""BlazePose's landmarks."""


def with_pixels(
    model: MetricHMR, estimate: HMROutput, first: CropBatch, more: CropBatch | None, roles: ViewRoles
) -> HMROutput:
    """`estimate` with what the pixel branch reads in all views that have maps; unchanged by networks without one.

    Args:
        model: the network. estimate: of B people, from all their views.
        first, more, roles: the views, as for `estimate_from_views`.
    """
    branch = model.pixel_position
    if branch is None or first.trunk_maps is None:
        return estimate
    seen = branch(first)
    if more is not None and more.trunk_maps is not None:
        seen = _with_further_views(branch, seen, first, more, roles)
    return fused(estimate, seen, branch.correlation, shows_hips(first))


def _with_further_views(
    branch: PixelPosition, seen: PixelEstimate, first: CropBatch, more: CropBatch, roles: ViewRoles
) -> PixelEstimate:
    """The mean of what was seen in the first views and of the further views by the full landmark network."""
    assert more.heavy is not None
    light = (~more.heavy).nonzero()[:, 0]
    views, rows = more.select(light), torch.arange(len(first), device=light.device)
    person, is_mirrored = (torch.tensor(part, device=light.device)[light] for part in (roles.person, roles.mirrored))
    further = pixels_as_seen(branch, views, is_mirrored)
    return mean_of_views(
        PixelEstimate(
            torch.cat([seen.transl, further.transl]),
            torch.cat([seen.log_deviation, further.log_deviation]),
            torch.cat([seen.betas, further.betas]),
        ),
        torch.cat([rows, person]),
        len(first),
    )


def mean_of_views(views: PixelEstimate, person: torch.Tensor, count: int) -> PixelEstimate:
    """Mean over the views of each of `count` people: of the logarithm of the distance, of deviations and shapes.

    Args:
        views: V views, in axes of the original camera.
        person: (V,) row of the person of each view; everybody has at least one.
    """
    seen = torch.zeros(count, device=person.device).index_add(0, person, torch.ones_like(person, dtype=torch.float32))

    def mean(values: torch.Tensor) -> torch.Tensor:
        total = values.new_zeros(count, *values.shape[1:]).index_add(0, person, values)
        return total / seen.view(-1, *[1] * (values.ndim - 1))

    distance = views.transl.norm(dim=-1, keepdim=True)
    direction = torch.nn.functional.normalize(mean(views.transl / distance), dim=-1)
    return PixelEstimate(direction * mean(distance.log()).exp(), mean(views.log_deviation), mean(views.betas))


def fused(landmarks: HMROutput, pixels: PixelEstimate, correlation: float, reads: torch.Tensor) -> HMROutput:
    """The landmarks' estimate with a distance and a shape that pixels know too; direction and pose stay.

    The logarithms of both distances are weighted by their inverse variances, as if their errors were independent, so
    that neither rules where the other is nearly as good. The stated variance has the correlation of the errors, because
    nobody's true height is known. Where the two differ by more than they claim, the deviation grows by that factor
    (Birge's ratio).

    Args:
        landmarks: B people. pixels: the same people.
        correlation: of the two errors, 0 to 1; measured on held-out people.
        reads: (B,) bool, people whose pixels count. Others keep the landmarks' distance, with the larger of the two
            deviations.
    """
    distance = landmarks.transl.norm(dim=-1)
    difference = (pixels.transl.norm(dim=-1) / distance).log()
    ours, theirs = landmarks.transl_deviation[:, 0] / distance, pixels.log_deviation[:, 2].exp()
    weight = torch.where(reads, ours.square() / (ours.square() + theirs.square()), 0.0)
    shared = correlation * ours * theirs
    rest = 1 - weight
    variance = (rest * ours).square() + (weight * theirs).square() + 2 * weight * rest * shared
    disagreement = difference.square() / (ours.square() + theirs.square() - 2 * shared)
    variance = torch.where(reads, variance * disagreement.clamp_min(1), torch.maximum(ours, theirs).square())
    scale = (weight * difference).exp()
    transl = landmarks.transl * scale[:, None]
    deviation = torch.stack([variance.sqrt() * distance * scale, landmarks.transl_deviation[:, 1] * scale], dim=-1)
    return replace(
        landmarks,
        transl=transl,
        betas=landmarks.betas + weight[:, None] * (pixels.betas - landmarks.betas),
        transl_deviation=deviation,
        transl_cov=covariance(transl, deviation),
    )


def shows_hips(views: CropBatch) -> torch.Tensor:
    """(B,) bool: whether both hips lie in the image.

    Of people who are cut above, drawn crops are least like real ones: there the branch has larger errors than the
    landmarks (docs/explanation/decisions.md).
    """
    to_image = views.intrinsics @ torch.linalg.inv(views.crop_intrinsics)
    hips = torch.nn.functional.pad(views.landmarks[:, list(HIPS), :2], (0, 1), value=1.0) @ to_image.mT
    pixels = hips[..., :2] / hips[..., 2:]
    inside = (pixels > -0.5) & (pixels < views.image_size[:, None] - 0.5)
    return inside.flatten(1).all(1)
