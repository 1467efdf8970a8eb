"""The mirrored image: what the network reads of it, and what its answer says of the image that was mirrored."""

from __future__ import annotations

import dataclasses

import roma
import torch

from metrichmsr_ros.body.joints import MIRROR_ALL_LANDMARKS, mirror_pose
from metrichmsr_ros.hmr.batch import CropBatch
from metrichmsr_ros.hmr.model import HMROutput

MIRROR_X = (-1.0, 1.0, 1.0)


def mirrored(batch: CropBatch) -> CropBatch:
    """The same people in the mirrored image, pixels included; twice gives them back."""
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
    """What an answer about `mirrored` people says of the people themselves; its own inverse."""
    flip = torch.diag(output.transl.new_tensor(MIRROR_X))
    pose = mirror_pose(roma.rotmat_to_rotvec(output.rotmats).flatten(1))
    return dataclasses.replace(
        output,
        rotmats=roma.rotvec_to_rotmat(pose.unflatten(-1, (-1, 3))),
        transl=output.transl @ flip,
        transl_cov=flip @ output.transl_cov @ flip,
    )
