"""Losses of the pixel branch: likelihood of the position, shape, and two tasks that only training has."""

from __future__ import annotations

import torch
from torch import nn

from metrichmsr_ros.body.base import BodyModel
from metrichmsr_ros.hmr.network.pixels.branch import Located, PixelPosition, focal
from metrichmsr_ros.training.pixels.crops import CropTruth

CHILD_HEIGHT = 1.5  # metres
_QUARTERS = 4.0  # errors in the crop count in quarters of its side, about as large as relative errors of the distance
_ENOUGH_SIGMA = 50.0  # half squared errors beyond this do not pull harder


class Auxiliary(nn.Module):
    """Heads that only training has: joints in the crop, and standing height."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.joints = nn.Sequential(nn.Linear(features, 256), nn.GELU(), nn.Linear(256, 24 * 3))
        self.height = nn.Linear(features, 1)

    def forward(self, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(B, F) -> joints (B, 24, 3) about the position (shares of the crop's side; half metres), height (B,) m."""
        return self.joints(features).unflatten(-1, (24, 3)), self.height(features)[:, 0] + 1.65


def position_target(branch: PixelPosition, truth: CropTruth, crop_intrinsics: torch.Tensor) -> torch.Tensor:
    """(B, 3) the true position as the branch gives it: place in the crop, log of the distance in crop units."""
    side = branch.crop_side
    shown = (crop_intrinsics @ truth.transl[..., None])[..., 0]
    depth = (truth.transl[:, 2] * side / focal(crop_intrinsics)).log()
    return torch.stack([shown[:, 0] / shown[:, 2] / side, shown[:, 1] / shown[:, 2] / side, depth], dim=-1)


def pixel_losses(
    branch: PixelPosition,
    auxiliary: Auxiliary,
    located: Located,
    truth: CropTruth,
    crop_intrinsics: torch.Tensor,
    body: BodyModel,
    child_weight: float,
) -> dict[str, torch.Tensor]:
    """Weighted losses by name and their `total`.

    The position has the beta-weighted Gaussian likelihood (Seitzer et al., ICLR 2022; beta 0.5) and an L1 loss.
    """
    weight = torch.where(truth.height < CHILD_HEIGHT, child_weight, 1.0)
    weight = weight / weight.mean()
    target = position_target(branch, truth, crop_intrinsics)
    error = (located.where - target) * target.new_tensor([_QUARTERS, _QUARTERS, 1.0])
    deviation = located.log_deviation
    likelihood = 0.5 * (error / deviation.exp()).square().clamp_max(_ENOUGH_SIGMA) + deviation
    joints, height = auxiliary(located.features)
    parts = {
        "likelihood": 2 * (likelihood * deviation.detach().exp()).sum(1),
        "position": 2 * error.abs().sum(1),
        "joints": 0.9 * (joints - _joint_target(truth, crop_intrinsics, target, branch.crop_side)).abs().mean((1, 2)),
        "height": (height - truth.height).abs() + (body.height(located.betas) - truth.height).abs(),
        "shape": 3 * (body.rest_joints(located.betas) - body.rest_joints(truth.betas)).abs().mean((1, 2)),
        "betas": 0.01 * (located.betas - truth.betas).square().mean(1),
    }
    means = {name: (weight * values).mean() for name, values in parts.items()}
    return means | {"total": torch.stack(list(means.values())).sum()}


def _joint_target(truth: CropTruth, crop_intrinsics: torch.Tensor, position: torch.Tensor, side: float) -> torch.Tensor:
    shown = truth.joints @ crop_intrinsics.mT
    places = (shown[..., :2] / shown[..., 2:].clamp_min(0.1) / side - position[:, None, :2]).clamp(-3, 3)
    return torch.cat([places, 2 * (truth.joints[..., 2:] - truth.transl[:, None, 2:])], dim=-1)
