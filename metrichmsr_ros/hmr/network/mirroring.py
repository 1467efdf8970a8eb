"""Views that the network sees mirrored: its input in the mirrored image, and its answer back in the original one."""

from __future__ import annotations

import dataclasses
from typing import Any

import torch
from torch import nn

from metrichmsr_ros.body.joints import MIRROR_ALL_LANDMARKS, MIRROR_JOINTS
from metrichmsr_ros.hmr.network.batch import CropBatch, choose
from metrichmsr_ros.hmr.network.model import HMROutput, MetricHMR
from metrichmsr_ros.hmr.network.pixels.branch import PixelEstimate, PixelPosition

MIRROR_X = (-1.0, 1.0, 1.0)
PER_VIEW = ("rotmats", "betas", "transl", "transl_deviation", "transl_cov", "expert_share")


class Mirror(nn.Module):
    """What mirroring changes, as tensors that move with the module: order of landmarks and joints, signs of x."""

    landmarks: torch.Tensor
    joints: torch.Tensor
    flip: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("landmarks", torch.tensor(MIRROR_ALL_LANDMARKS), persistent=False)
        self.register_buffer("joints", torch.tensor(MIRROR_JOINTS), persistent=False)
        self.register_buffer("flip", torch.diag(torch.tensor(MIRROR_X)), persistent=False)

    def batch(self, batch: CropBatch) -> CropBatch:
        """The same people in the mirrored image, pixels included; mirroring twice gives the original."""
        width = batch.crop_size[0]
        u, v, z = batch.landmarks[:, self.landmarks].unbind(-1)
        image_width = batch.image_size[:, 0]
        x1, y1, x2, y2 = batch.bbox.unbind(-1)
        return dataclasses.replace(
            batch,
            landmarks=torch.stack([width - 1 - u, v, z], dim=-1),
            visibility=batch.visibility[:, self.landmarks],
            presence=batch.presence[:, self.landmarks],
            world=batch.world[:, self.landmarks] @ self.flip,
            crop_intrinsics=_flip_pixels(batch.crop_intrinsics, torch.full_like(image_width, width)) @ self.flip,
            intrinsics=_flip_pixels(batch.intrinsics, image_width) @ self.flip,
            bbox=torch.stack([image_width - 1 - x2, y1, image_width - 1 - x1, y2], dim=-1),
            image=None if batch.image is None else batch.image.flip(-1),
        )

    def back(self, output: HMROutput) -> HMROutput:
        """Estimates from the mirrored image in the original one; its own inverse."""
        return dataclasses.replace(
            output,
            rotmats=self.flip @ output.rotmats[:, self.joints] @ self.flip,
            transl=output.transl @ self.flip,
            transl_cov=self.flip @ output.transl_cov @ self.flip,
        )


def estimate_as_seen(model: MetricHMR, views: CropBatch, is_mirrored: torch.Tensor, mirror: Mirror) -> HMROutput:
    """One estimate a view in coordinates of the original image; some views (N,) are shown to the network mirrored."""
    output: HMROutput = model(mirror.batch(views).where(is_mirrored, views))
    back = mirror.back(output)
    both = {k: (getattr(back, k), getattr(output, k)) for k in PER_VIEW}
    changed: dict[str, Any] = {k: choose(is_mirrored, yes, no) for k, (yes, no) in both.items() if yes is not no}
    return dataclasses.replace(output, routing=None, **changed)


def pixels_as_seen(branch: PixelPosition, views: CropBatch, is_mirrored: torch.Tensor, mirror: Mirror) -> PixelEstimate:
    """What the pixel branch reads in each view, likewise; all views have maps."""
    found = branch(mirror.batch(views).where(is_mirrored, views))
    return dataclasses.replace(found, transl=choose(is_mirrored, found.transl @ mirror.flip, found.transl))


def mirrored(batch: CropBatch) -> CropBatch:
    """`Mirror.batch` on the device of `batch`, for one use."""
    return Mirror().to(batch.landmarks.device).batch(batch)


def mirrored_back(output: HMROutput) -> HMROutput:
    """`Mirror.back` on the device of `output`, for one use."""
    return Mirror().to(output.transl.device).back(output)


def _flip_pixels(matrix: torch.Tensor, width: torch.Tensor) -> torch.Tensor:
    """(B,3,3): u -> width - 1 - u after `matrix`."""
    first = (width - 1)[:, None] * matrix[:, 2] - matrix[:, 0]
    return torch.stack([first, matrix[:, 1], matrix[:, 2]], dim=1)
