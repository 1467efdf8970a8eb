"""The three MLP heads: pose (6D to rotation matrices), shape, and position with its uncertainty."""

from __future__ import annotations

import roma
import torch
from torch import nn

from metrichmsr_ros.hmr.config import HeadConfig
from metrichmsr_ros.hmr.network.crop_camera import CropCamera

NUM_JOINTS = 24
NUM_BETAS = 10


def mlp(features: int, hidden: int, out: int, gain: float = 0.1) -> nn.Sequential:
    """A two-layer perceptron with small initial weights in the last layer, so that training starts from the mean."""
    last = nn.Linear(hidden, out)
    nn.init.trunc_normal_(last.weight, std=gain * hidden**-0.5)
    nn.init.zeros_(last.bias)
    return nn.Sequential(nn.Linear(features, hidden), nn.GELU(), last)


class PoseHead(nn.Module):
    """24 rotations in 6D (Zhou et al., CVPR 2019), made orthonormal by Gram-Schmidt.

    Training starts from an upright body that faces the camera.
    """

    def __init__(self, features: int, config: HeadConfig) -> None:
        super().__init__()
        self.layers = mlp(features, config.hidden, NUM_JOINTS * 6)
        mean = torch.eye(3)[:, :2].repeat(NUM_JOINTS, 1, 1)
        mean[0] = torch.diag(torch.tensor([1.0, -1.0, -1.0]))[:, :2]  # the body's y is up, the camera's is down
        self.register_buffer("mean", mean, persistent=False)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """(B, F) -> (B, 24, 3, 3)."""
        offsets = self.layers(features).float().unflatten(-1, (NUM_JOINTS, 3, 2))
        return roma.special_gramschmidt(self.mean + offsets)


class ShapeHead(nn.Module):
    """Ten shape coefficients of the model's body."""

    def __init__(self, features: int, config: HeadConfig) -> None:
        super().__init__()
        self.layers = mlp(features, config.hidden, NUM_BETAS)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """(B, F) -> (B, 10)."""
        return self.layers(features).float()


class PositionHead(nn.Module):
    """Translation (B,3) in the camera frame in metres, and its standard deviations.

    `direct` regresses x, y, z as the paper states. `crop_ray` regresses, in the crop's virtual camera, an offset
    over the half angle and a log depth times the half angle: z = exp(d) / half_angle, so that focal
    length and crop scale act on the metres through geometry alone. The covariance has one standard deviation along the
    line of sight (relative to the distance) and one across it (relative to the crop's width at that distance).
    """

    MEAN_DEPTH = 4.0  # metres, initial depth of `direct`

    def __init__(self, features: int, config: HeadConfig) -> None:
        super().__init__()
        self.direct = config.translation == "direct"
        self.layers = mlp(features, config.hidden, 5)

    def forward(self, features: torch.Tensor, view: CropCamera) -> tuple[torch.Tensor, torch.Tensor]:
        """(B, F) -> translation (B, 3), standard deviations (B, 2) along and across the line of sight, metres."""
        raw = self.layers(features).float()
        translation = self._direct(raw) if self.direct else self._crop_ray(raw, view)
        distance = translation.detach().norm(dim=-1).clamp_min(0.01)
        relative = (raw[:, 3:] - 3.0).clamp(-7, 1).exp()
        along = relative[:, 0] * distance
        across = relative[:, 1] * distance * view.half_angle
        return translation, torch.stack([along, torch.maximum(across, 0.003 * along)], dim=-1)

    def _direct(self, raw: torch.Tensor) -> torch.Tensor:
        return torch.cat([raw[:, :2], raw[:, 2:3] + self.MEAN_DEPTH], dim=-1)

    @staticmethod
    def _crop_ray(raw: torch.Tensor, view: CropCamera) -> torch.Tensor:
        depth = raw[:, 2:3].clamp(-4, 4).exp() / view.half_angle[:, None]
        offset = raw[:, :2] * view.half_angle[:, None]
        return view.to_camera(torch.cat([offset, torch.ones_like(depth)], dim=-1) * depth)


def covariance(translation: torch.Tensor, deviation: torch.Tensor) -> torch.Tensor:
    """(B, 3, 3) m^2 of standard deviations (B, 2) along and across the line of sight to `translation` (B, 3)."""
    sight = torch.nn.functional.normalize(translation, dim=-1)[..., None]
    along, across = deviation.square()[..., None, None].unbind(dim=1)
    outer = sight @ sight.transpose(-1, -2)
    return along * outer + across * (torch.eye(3, device=outer.device) - outer)
