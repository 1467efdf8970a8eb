"""Views that the network sees mirrored: its input in the mirrored image, and its answer back in the original one."""

from __future__ import annotations

import dataclasses
from typing import Any

import torch

from metrichmsr_ros.body.joints import MIRROR_ALL_LANDMARKS, MIRROR_JOINTS
from metrichmsr_ros.hmr.network.batch import CropBatch, choose
from metrichmsr_ros.hmr.network.model import HMROutput, MetricHMR
from metrichmsr_ros.hmr.network.pixels.branch import PixelEstimate, PixelPosition

MIRROR_X = (-1.0, 1.0, 1.0)
PER_VIEW = ("rotmats", "betas", "transl", "transl_deviation", "transl_cov", "expert_share")


def estimate_as_seen(model: MetricHMR, views: CropBatch, is_mirrored: torch.Tensor) -> HMROutput:
    """One estimate a view in coordinates of the original image; some views (N,) are shown to the network mirrored."""
    output: HMROutput = model(mirrored(views).where(is_mirrored, views))
    back = mirrored_back(output)
    both = {k: (getattr(back, k), getattr(output, k)) for k in PER_VIEW}
    changed: dict[str, Any] = {k: choose(is_mirrored, yes, no) for k, (yes, no) in both.items() if yes is not no}
    return dataclasses.replace(output, routing=None, **changed)


def pixels_as_seen(branch: PixelPosition, views: CropBatch, is_mirrored: torch.Tensor) -> PixelEstimate:
    """What the pixel branch reads in each view, likewise; all views have maps."""
    found = branch(mirrored(views).where(is_mirrored, views))
    flip = found.transl.new_tensor(MIRROR_X)
    return dataclasses.replace(found, transl=choose(is_mirrored, found.transl * flip, found.transl))


def mirrored(batch: CropBatch) -> CropBatch:
    """The same people in the mirrored image, pixels included; mirroring twice gives the original."""
    flip = torch.diag(batch.landmarks.new_tensor(MIRROR_X))
    order = list(MIRROR_ALL_LANDMARKS)
    width = batch.crop_size[0]
    u, v, z = batch.landmarks[:, order].unbind(-1)
    image_width = batch.image_size[:, 0]
    x1, y1, x2, y2 = batch.bbox.unbind(-1)
    return dataclasses.replace(
        batch,
        landmarks=torch.stack([width - 1 - u, v, z], dim=-1),
        visibility=batch.visibility[:, order],
        presence=batch.presence[:, order],
        world=batch.world[:, order] @ flip,
        crop_intrinsics=_flip_pixels(batch.crop_intrinsics, torch.full_like(image_width, width)) @ flip,
        intrinsics=_flip_pixels(batch.intrinsics, image_width) @ flip,
        bbox=torch.stack([image_width - 1 - x2, y1, image_width - 1 - x1, y2], dim=-1),
        image=None if batch.image is None else batch.image.flip(-1),
    )


def _flip_pixels(matrix: torch.Tensor, width: torch.Tensor) -> torch.Tensor:
    """(B,3,3): u -> width - 1 - u after `matrix`."""
    first = (width - 1)[:, None] * matrix[:, 2] - matrix[:, 0]
    return torch.stack([first, matrix[:, 1], matrix[:, 2]], dim=1)


def mirrored_back(output: HMROutput) -> HMROutput:
    """Convert estimates from the mirrored image to the original image; its own inverse."""
    flip = torch.diag(output.transl.new_tensor(MIRROR_X))
    return dataclasses.replace(
        output,
        rotmats=flip @ output.rotmats[:, list(MIRROR_JOINTS)] @ flip,
        transl=output.transl @ flip,
        transl_cov=flip @ output.transl_cov @ flip,
    )
