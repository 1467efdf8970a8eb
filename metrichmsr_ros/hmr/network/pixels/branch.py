"""Position and size of people from pixels: a branch beside the landmarks' HumanMoE, which keeps the pose.

Pixels say how far a person is where landmarks cannot: the width of a head or a shoe, the texture of cloth. The branch
reads BlazePose's landmarks and two maps of BlazePose's own trunk, from the same run of the landmark network: 16 x 16
cells of 88 channels, above which the branch has a trained copy of the trunk, and 8 x 8 cells of 288 channels. This is
the paper's decoupling: local pose without the camera, global position with the camera's rays.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from metrichmsr_ros.geometry.ray_map import inverted, rays_at
from metrichmsr_ros.hmr.config import PixelPositionConfig
from metrichmsr_ros.hmr.inputs import NUM_LANDMARKS
from metrichmsr_ros.hmr.network.batch import CropBatch

TRUNK_CHANNELS, TRUNK_CELLS = 88, 16
DECODER_CHANNELS, DECODER_CELLS = 288, 8
CROP_SIDE = 256
TRUNK_HIDDEN = (528, 864, 864, 864)
"""Hidden channels of the trunk's blocks above stride 16; the first has stride 2."""
_TRUNK_OUT = 144
_MEAN = (0.5, 0.5, 0.9)  # where training starts: the middle of the crop, and a person who fills most of it


@dataclass(frozen=True)
class PixelEstimate:
    """B people.

    transl: (B, 3) m in the camera frame; log_deviation: (B, 3), natural logarithms of the standard deviations of the
    position in the crop (u, v: shares of a quarter of the crop's side) and of the distance (share of it); betas:
    (B, 10).
    """

    transl: torch.Tensor
    log_deviation: torch.Tensor
    betas: torch.Tensor


@dataclass(frozen=True)
class Located:
    """B people as the branch sees them, before geometry.

    where: (B, 3) place of the body's origin in the crop (shares of its side) and logarithm of the distance in crop
    units; log_deviation: (B, 3); betas: (B, 10); features: (B, 3 D).
    """

    where: torch.Tensor
    log_deviation: torch.Tensor
    betas: torch.Tensor
    features: torch.Tensor


@dataclass(frozen=True)
class BranchTokens:
    """camera: (B, 1, D); landmarks: (B, 39, D); pixels: (B, 64, D)."""

    camera: torch.Tensor
    landmarks: torch.Tensor
    pixels: torch.Tensor


class _InvertedResidual(nn.Module):
    """Expand, filter each channel, project: a block of BlazePose's trunk."""

    def __init__(self, channels: int, hidden: int, out: int, stride: int) -> None:
        super().__init__()
        self.expand = nn.Conv2d(channels, hidden, 1)
        self.filter = nn.Conv2d(hidden, hidden, 5, stride, padding=2, groups=hidden)
        self.project = nn.Conv2d(hidden, out, 1)
        self.adds = stride == 1

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        hidden = nn.functional.relu6(self.filter(nn.functional.relu6(self.expand(maps))))
        projected: torch.Tensor = self.project(hidden)
        return maps + projected if self.adds else projected


class _TransformerBlock(nn.Module):
    """Attention and a perceptron, both with a residual and normalised before."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm_attention, self.norm_mlp = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)
        self.mlp = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        normed = self.norm_attention(tokens)
        tokens = tokens + self.attention(normed, normed, normed, need_weights=False)[0]
        mixed: torch.Tensor = tokens + self.mlp(self.norm_mlp(tokens))
        return mixed


class PixelPosition(nn.Module):
    """Landmark tokens, pixel tokens and a camera token to position, its deviations, and shape."""

    cells: torch.Tensor
    mean: torch.Tensor

    def __init__(self, config: PixelPositionConfig) -> None:
        super().__init__()
        width = config.width
        self.crop_side = float(CROP_SIDE)
        self.correlation = config.correlation
        first, *others = TRUNK_HIDDEN
        self.trunk = nn.Sequential(
            _InvertedResidual(TRUNK_CHANNELS, first, _TRUNK_OUT, stride=2),
            *(_InvertedResidual(_TRUNK_OUT, hidden, _TRUNK_OUT, stride=1) for hidden in others),
        )
        channels = _TRUNK_OUT + DECODER_CHANNELS
        self.normalise_pixels = nn.LayerNorm(channels)
        self.pixel, self.pixel_ray = nn.Linear(channels, width), nn.Linear(4, width)
        self.landmark, self.camera = nn.Linear(12, width), nn.Linear(8, width)
        self.landmark_place = nn.Parameter(0.02 * torch.randn(NUM_LANDMARKS, width))
        self.pixel_place = nn.Parameter(0.02 * torch.randn(DECODER_CELLS**2, width))
        self.blocks = nn.Sequential(*(_TransformerBlock(width, config.heads) for _ in range(config.layers)))
        self.norm = nn.LayerNorm(width)
        self.position = nn.Sequential(nn.Linear(3 * width, 256), nn.GELU(), nn.Linear(256, 6))
        self.shape = nn.Sequential(nn.Linear(3 * width, 128), nn.GELU(), nn.Linear(128, 10))
        steps = (torch.arange(DECODER_CELLS) + 0.5) * (CROP_SIDE / DECODER_CELLS) - 0.5
        v, u = torch.meshgrid(steps, steps, indexing="ij")
        self.register_buffer("cells", torch.stack([u, v], -1).reshape(1, -1, 2), persistent=False)
        self.register_buffer("mean", torch.tensor(_MEAN), persistent=False)

    def forward(self, batch: CropBatch) -> PixelEstimate:
        """Estimate every person of `batch`, whose maps are present, independently of the others."""
        located = self.locate(self.tokens(batch))
        pixels = torch.nn.functional.pad(located.where[:, None, :2] * self.crop_side, (0, 1), value=1.0)
        depth = located.where[:, 2].exp() * focal(batch.crop_intrinsics) / self.crop_side
        transl = (pixels @ inverted(batch.crop_intrinsics).mT)[:, 0] * depth[:, None]
        return PixelEstimate(transl, located.log_deviation, located.betas)

    def tokens(self, batch: CropBatch) -> BranchTokens:
        """The tokens of every person."""
        middle = self.cells.new_full((1, 1, 2), (self.crop_side - 1) / 2)
        fixed = torch.cat([middle, self.cells], dim=1).expand(batch.landmarks.shape[0], -1, -1)
        points = torch.cat([fixed[:, :1], batch.landmarks[..., :2], fixed[:, 1:]], dim=1)
        middle, landmarks, cells = _tangents(points, batch).split([1, NUM_LANDMARKS, DECODER_CELLS**2], dim=1)
        return BranchTokens(
            self._camera(batch, middle[:, 0])[:, None], self._landmarks(batch, landmarks), self._pixels(batch, cells)
        )

    def locate(self, tokens: BranchTokens) -> Located:
        """Position, deviations and shape from tokens."""
        mixed = self.norm(self.blocks(torch.cat([tokens.camera, tokens.landmarks, tokens.pixels], dim=1)))
        parts = mixed.split([1, NUM_LANDMARKS, DECODER_CELLS**2], dim=1)
        features = torch.cat([part.mean(1) for part in parts], dim=-1)
        raw = self.position(features).float()
        deviation = (raw[:, 3:] - 2.5).clamp(-5, 2)
        return Located(raw[:, :3] + self.mean, deviation, self.shape(features).float(), features)

    def _camera(self, batch: CropBatch, middle: torch.Tensor) -> torch.Tensor:
        """Where the crop looks, how large it is in the image, and where the image's downward axis points in it."""
        matrix = batch.crop_intrinsics @ inverted(batch.intrinsics)
        size = focal(matrix)
        parts = [
            (focal(batch.crop_intrinsics) / self.crop_side).log()[:, None],
            middle,
            middle.square().sum(1, keepdim=True),
            size.log()[:, None],
            matrix[:, :2, 1] / size[:, None],
            torch.ones_like(size)[:, None],
        ]
        projected: torch.Tensor = self.camera(torch.cat(parts, dim=-1))
        return projected

    def _landmarks(self, batch: CropBatch, tangents: torch.Tensor) -> torch.Tensor:
        points, half = batch.landmarks, self.crop_side / 2
        inside = [edge.float().mean(-1, keepdim=True) for edge in (points[..., :2] > 0, points[..., :2] < 2 * half)]
        parts = [
            (torch.cat([points[..., :2] - half, points[..., 2:]], dim=-1) / half).clamp(-4, 4),
            tangents,
            batch.visibility[..., None],
            batch.presence[..., None],
            batch.world,
            *inside,
        ]
        tokens: torch.Tensor = self.landmark(torch.cat(parts, dim=-1)) + self.landmark_place
        return tokens

    def _pixels(self, batch: CropBatch, tangents: torch.Tensor) -> torch.Tensor:
        assert batch.trunk_maps is not None
        assert batch.decoder_maps is not None
        maps = torch.cat([batch.decoder_maps, self.trunk(batch.trunk_maps)], dim=1).flatten(2).mT
        cells = self.cells.expand(batch.landmarks.shape[0], -1, -1)
        rays = torch.cat([tangents, cells / (self.crop_side / 2) - 1], dim=-1)
        tokens: torch.Tensor = self.pixel(self.normalise_pixels(maps)) + self.pixel_ray(rays) + self.pixel_place
        return tokens


def focal(matrix: torch.Tensor) -> torch.Tensor:
    """(B,): the scale of the first two rows and columns of (B, 3, 3); the focal length of intrinsics."""
    return (matrix[:, 0, 0] * matrix[:, 1, 1] - matrix[:, 0, 1] * matrix[:, 1, 0]).abs().sqrt()


def _tangents(pixels: torch.Tensor, batch: CropBatch) -> torch.Tensor:
    """Crop pixels (B, N, 2) to tangents in the camera frame."""
    rays = rays_at(batch.crop_intrinsics, pixels)
    return (rays[..., :2] / rays[..., 2:].clamp_min(0.05)).clamp(-5, 5)
