"""Position and size of people from pixels: a branch beside the landmarks' HumanMoE, which keeps the pose.

Pixels say how far a person is where landmarks cannot: the width of a head or a shoe, the texture of cloth. The branch
reads BlazePose's landmarks and two maps of BlazePose's own trunk, from the same run of the landmark network: 16 x 16
cells of 88 channels, above which the branch has a trained copy of the trunk, and 8 x 8 cells of 288 channels. This is
the paper's decoupling: local pose without the camera, global position with the camera's rays.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import nn

from metrichmsr_ros.hmr.config import PixelPositionConfig
from metrichmsr_ros.hmr.inputs import (
    DECODER_CELLS,
    DECODER_CHANNELS,
    NUM_LANDMARKS,
    TRUNK_CHANNELS,
)
from metrichmsr_ros.hmr.network.batch import CropBatch
from metrichmsr_ros.hmr.network.encoders import GroupedLinear, cliff_vector
from metrichmsr_ros.hmr.network.moe import HumanMoE
from metrichmsr_ros.hmr.network.pixels.blocks import InvertedResidual, TransformerBlock
from metrichmsr_ros.hmr.network.ray_map import inverted, rays_at

CROP_SIDE = 256
TRUNK_HIDDEN = (528, 864, 864, 864)
"""Hidden channels of the trunk's blocks above stride 16; the first has stride 2."""
_TRUNK_OUT = 144
_RAYS_PER_TOKEN = 4
_RAY_TOKENS = (1 + NUM_LANDMARKS + DECODER_CELLS**2) // _RAYS_PER_TOKEN
_FEET = slice(27, 33)  # BlazePose's ankles, heels and toes
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
    units; log_deviation: (B, 3); betas: (B, 10); features: (B, F).
    """

    where: torch.Tensor
    log_deviation: torch.Tensor
    betas: torch.Tensor
    features: torch.Tensor


@dataclass(frozen=True)
class BranchTokens:
    """camera: (B, C, D), and for HumanMoE rays; landmarks: (B, 39 or 0, D); pixels: (B, 64 or 0, D)."""

    camera: torch.Tensor
    landmarks: torch.Tensor
    pixels: torch.Tensor


class PixelPosition(nn.Module):
    """Landmark tokens, pixel tokens and camera tokens to position, its deviations, and shape."""

    cells: torch.Tensor
    mean: torch.Tensor
    counts: torch.Tensor

    def __init__(self, config: PixelPositionConfig) -> None:
        super().__init__()
        self.config, width = config, config.token_width
        self.crop_side = float(CROP_SIDE)
        self.correlation = config.correlation
        self.sees_rays = config.conditioning == "ray_map"
        self._rays_in_tokens = in_tokens = self.sees_rays and config.mixer == "transformer"
        if config.reads != "landmarks":
            first, *others = TRUNK_HIDDEN
            self.trunk = nn.Sequential(
                InvertedResidual(TRUNK_CHANNELS, first, _TRUNK_OUT, stride=2),
                *(InvertedResidual(_TRUNK_OUT, hidden, _TRUNK_OUT, stride=1) for hidden in others),
            )
            channels = _TRUNK_OUT + DECODER_CHANNELS
            self.normalise_pixels = nn.LayerNorm(channels)
            self.pixel = nn.Linear(channels, width)
            self.pixel_ray = nn.Linear(4, width) if in_tokens else None
            self.pixel_place = nn.Parameter(0.02 * torch.randn(DECODER_CELLS**2, width))
        if config.reads != "pixels":
            self.landmark = nn.Linear(12 if in_tokens else 10, width)
            self.landmark_place = nn.Parameter(0.02 * torch.randn(NUM_LANDMARKS, width))
        if config.conditioning != "none":
            self.camera = nn.Linear(8 if self.sees_rays else 3, width)
        grouped = self.sees_rays and config.mixer == "human_moe"
        self.ray = GroupedLinear(_RAY_TOKENS, 2 * _RAYS_PER_TOKEN, width) if grouped else None
        if config.mixer == "transformer":
            self.blocks = nn.ModuleList(TransformerBlock(width, config.heads) for _ in range(config.layers))
            self.register_buffer("counts", _counts(config), persistent=False)
            self.norm = nn.LayerNorm(width)
            self.features = width * ((config.conditioning != "none") + (2 if config.reads == "both" else 1))
        else:
            self.moe = HumanMoE(config.moe, has_rays=config.conditioning != "none")
            self.features = self.moe.features
        self.position = nn.Sequential(nn.Linear(self.features, 256), nn.GELU(), nn.Linear(256, 6))
        self.shape = nn.Sequential(nn.Linear(self.features, 128), nn.GELU(), nn.Linear(128, 10))
        steps = (torch.arange(DECODER_CELLS) + 0.5) * (CROP_SIDE / DECODER_CELLS) - 0.5
        v, u = torch.meshgrid(steps, steps, indexing="ij")
        self.register_buffer("cells", torch.stack([u, v], -1).reshape(1, -1, 2), persistent=False)
        self.register_buffer("mean", torch.tensor(_MEAN), persistent=False)

    def forward(self, batch: CropBatch) -> PixelEstimate:
        """Estimate every person of `batch`, whose maps are present, independently of the others."""
        located = self._located(batch)
        pixels = torch.nn.functional.pad(located.where[:, None, :2] * self.crop_side, (0, 1), value=1.0)
        depth = located.where[:, 2].exp() * focal(batch.crop_intrinsics) / self.crop_side
        transl = (pixels @ inverted(batch.crop_intrinsics).mT)[:, 0] * depth[:, None]
        return PixelEstimate(transl, located.log_deviation, located.betas)

    def tokens(self, batch: CropBatch) -> BranchTokens:
        """The tokens of every person."""
        middle = self.cells.new_full((1, 1, 2), (self.crop_side - 1) / 2)
        fixed = torch.cat([middle, self.cells], dim=1).expand(batch.landmarks.shape[0], -1, -1)
        points = torch.cat([fixed[:, :1], batch.landmarks[..., :2], fixed[:, 1:]], dim=1)
        tangents = _tangents(points, batch)
        _, landmarks, cells = tangents.split([1, NUM_LANDMARKS, DECODER_CELLS**2], dim=1)
        none = tangents.new_zeros(tangents.shape[0], 0, self.config.token_width)
        reads = self.config.reads
        return BranchTokens(
            none if self.config.conditioning == "none" else self._camera_tokens(batch, tangents),
            none if reads == "pixels" else self._landmarks(batch, landmarks),
            none if reads == "landmarks" else self._pixels(batch, cells),
        )

    def _located(self, batch: CropBatch) -> Located:
        """The mean of two looks, one of which does not see the pixels.

        Of people whose feet are cut off, drawn crops are less like real ones than of whole people: there only the look
        without pixels counts (docs/explanation/decisions.md).
        """
        tokens = self.tokens(batch)
        sighted = self.locate(tokens)
        if not self.config.blind_share:
            return sighted
        blind = self.locate_blind(tokens)
        share = torch.where(shows_feet(batch), self.config.blind_share, 1.0)[:, None]

        def mean(seen: torch.Tensor, unseen: torch.Tensor) -> torch.Tensor:
            return (1 - share) * seen + share * unseen

        return Located(
            mean(sighted.where, blind.where),
            mean(sighted.log_deviation, blind.log_deviation),
            mean(sighted.betas, blind.betas),
            sighted.features,
        )

    def locate(self, tokens: BranchTokens) -> Located:
        """Position, deviations and shape from tokens."""
        return self._read(self._mixed(tokens))

    def locate_blind(self, tokens: BranchTokens) -> Located:
        """`locate` with all pixel tokens zero, as training leaves them out.

        A transformer keeps tokens equal that start equal, so that one of them stands for all.
        """
        if self.config.mixer != "transformer":
            return self.locate(replace(tokens, pixels=torch.zeros_like(tokens.pixels)))
        one = replace(tokens, pixels=torch.zeros_like(tokens.pixels[:, :1]))
        return self._read(self._transformed(one, self.counts))

    def _read(self, features: torch.Tensor) -> Located:
        raw = self.position(features).float()
        deviation = (raw[:, 3:] - 2.5).clamp(-5, 2)
        return Located(raw[:, :3] + self.mean, deviation, self.shape(features).float(), features)

    def _mixed(self, tokens: BranchTokens) -> torch.Tensor:
        """(B, F) features of people, from all their tokens."""
        if self.config.mixer == "transformer":
            return self._transformed(tokens)
        image = torch.cat([tokens.landmarks, tokens.pixels], dim=1)
        pooled: torch.Tensor = self.moe(image, tokens.camera if tokens.camera.shape[1] else None).pooled
        return pooled

    def _transformed(self, tokens: BranchTokens, bias: torch.Tensor | None = None) -> torch.Tensor:
        """Mean of each group of tokens after the transformer; bias (N, N) of the logarithms of attention."""
        groups = [part for part in (tokens.camera, tokens.landmarks, tokens.pixels) if part.shape[1]]
        mixed = torch.cat(groups, dim=1)
        for block in self.blocks:
            mixed = block(mixed, bias)
        parts = self.norm(mixed).split([part.shape[1] for part in groups], dim=1)
        return torch.cat([part.mean(1) for part in parts], dim=-1)

    def _camera_tokens(self, batch: CropBatch, tangents: torch.Tensor) -> torch.Tensor:
        """(B, C, D) of the camera and, for HumanMoE, of the rays through landmarks and cells (B, 1 + 39 + 64, 2)."""
        if not self.sees_rays:
            vector: torch.Tensor = self.camera(cliff_vector(batch))[:, None]
            return vector
        camera = self._camera(batch, tangents[:, 0])[:, None]
        if self.ray is None:
            return camera
        rays = tangents.unflatten(1, (_RAY_TOKENS, _RAYS_PER_TOKEN)).flatten(2)
        return torch.cat([camera, self.ray(rays)], dim=1)

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
            *([tangents] if self._rays_in_tokens else []),
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
        tokens: torch.Tensor = self.pixel(self.normalise_pixels(maps)) + self.pixel_place
        if self.pixel_ray is None:
            return tokens
        cells = self.cells.expand(batch.landmarks.shape[0], -1, -1)
        rays = torch.cat([tangents, cells / (self.crop_side / 2) - 1], dim=-1)
        return tokens + self.pixel_ray(rays)


def focal(matrix: torch.Tensor) -> torch.Tensor:
    """(B,): the scale of the first two rows and columns of (B, 3, 3); the focal length of intrinsics."""
    return (matrix[:, 0, 0] * matrix[:, 1, 1] - matrix[:, 0, 1] * matrix[:, 1, 0]).abs().sqrt()


def _counts(config: PixelPositionConfig) -> torch.Tensor:
    """(N, N) logarithms of the number of tokens for which each stands where one pixel token stands for all."""
    others = (config.conditioning != "none") + (0 if config.reads == "pixels" else NUM_LANDMARKS)
    counts = torch.zeros(others + 1, others + 1)
    counts[:, -1] = math.log(DECODER_CELLS**2)
    return counts


def shows_feet(batch: CropBatch) -> torch.Tensor:
    """(B,) bool: whether both ankles, heels and toes lie in the image.

    Ankles alone do not tell: BlazePose draws one that is cut off to the edge.
    """
    to_image = batch.intrinsics @ inverted(batch.crop_intrinsics)
    feet = torch.nn.functional.pad(batch.landmarks[:, _FEET, :2], (0, 1), value=1.0) @ to_image.mT
    pixels = feet[..., :2] / feet[..., 2:]
    inside = (pixels > -0.5) & (pixels < batch.image_size[:, None] - 0.5)
    return inside.flatten(1).all(1)


def _tangents(pixels: torch.Tensor, batch: CropBatch) -> torch.Tensor:
    """Crop pixels (B, N, 2) to tangents in the camera frame."""
    rays = rays_at(batch.crop_intrinsics, pixels)
    return (rays[..., :2] / rays[..., 2:].clamp_min(0.05)).clamp(-5, 5)
