"""Encoders of the `embedded` preset: BlazePose landmarks to image tokens, rays at sampled pixels to ray tokens.

The convolutional part is BlazePose's frozen landmark network, which runs before this one; here its 39 landmarks
become tokens. The encoders of pixels are in `vit_encoders`.
"""

from __future__ import annotations

import torch
from torch import nn

from metrichmsr_ros.hmr.config import ModelConfig
from metrichmsr_ros.hmr.inputs import NUM_LANDMARKS, refuse_heavy
from metrichmsr_ros.hmr.network.batch import CropBatch, choose
from metrichmsr_ros.hmr.network.crop_camera import CropCamera
from metrichmsr_ros.hmr.network.ray_map import inverted

LANDMARK_FEATURES = 8  # x, y, z in the crop; visibility, presence; world x, y, z


class GroupedLinear(nn.Module):
    """One affine map per group (landmark or ray); its weights and bias encode the identity of the group."""

    def __init__(self, groups: int, features: int, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(groups, features, width) * features**-0.5)
        self.bias = nn.Parameter(torch.randn(groups, width) * 0.02)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (B, G, F) -> (B, G, D)."""
        return torch.einsum("bgf,gfd->bgd", x, self.weight) + self.bias


class LandmarkTokens(nn.Module):
    """39 landmark tokens and a few summary tokens, computed from all landmarks by one dense layer."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width = config.moe.width
        self.summary_tokens = config.image_encoder.summary_tokens
        self.landmark = GroupedLinear(NUM_LANDMARKS, LANDMARK_FEATURES, width)
        self.summary = nn.Linear(NUM_LANDMARKS * LANDMARK_FEATURES, self.summary_tokens * width)

    def tokens(self, features: torch.Tensor) -> torch.Tensor:
        """features: (B, 39, 8) -> (B, 39 + summary, D)."""
        summary = self.summary(features.flatten(1)).unflatten(1, (self.summary_tokens, -1))
        return torch.cat([self.landmark(features), summary], dim=1)


class BlazePoseTokens(LandmarkTokens):
    """Image tokens from landmarks, with separate weights for each landmark network."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)
        self.heavy = LandmarkTokens(config) if config.image_encoder.reads_heavy else None

    def forward(self, batch: CropBatch) -> torch.Tensor:
        """(B, 39 + summary, D) image tokens, independent of the camera.

        Raises:
            ValueError: landmarks of the heavy landmark network with weights that were not trained on them.
        """
        features = landmark_features(batch).to(self.landmark.weight.dtype)
        tokens = self.tokens(features)
        if batch.heavy is None:
            return tokens
        if self.heavy is not None:
            return choose(batch.heavy, self.heavy.tokens(features), tokens)
        if batch.heavy.device.type == "cpu" and not torch.compiler.is_compiling():
            refuse_heavy(batch.heavy)  # elsewhere the question would stop the host; engines ask it before
        return tokens


def landmark_features(batch: CropBatch) -> torch.Tensor:
    """(B, 39, 8): crop x, y, z scaled to about -1..1, visibility, presence, world landmarks in metres."""
    width, height = batch.crop_size
    u, v, z = batch.landmarks.unbind(-1)
    places = [(u - (width - 1) / 2) / (width / 2), (v - (height - 1) / 2) / (height / 2), z / (width / 2)]
    crop = torch.stack(places, dim=-1)
    certainty = torch.stack([batch.visibility, batch.presence], dim=-1)
    return torch.cat([crop.clamp(-3, 3), certainty, batch.world.clamp(-3, 3)], dim=-1)


class SampledRays(nn.Module):
    """Rays at the 39 landmarks and on a grid over the crop, several per token, and one token for the virtual camera.

    With `orientation_frame: crop` rays are in the crop's virtual camera, divided by its half angle; with `camera` they
    are the entries of the paper's bounding camera ray map (camera frame, z = 1).
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.in_crop_frame = config.head.orientation_frame == "crop"
        self.grid = config.ray_encoder.grid
        self.per_token = config.ray_encoder.rays_per_token
        rays = NUM_LANDMARKS + self.grid**2
        self.tokens = -(-rays // self.per_token)
        self.padding = self.tokens * self.per_token - rays
        self.ray = GroupedLinear(self.tokens, 2 * self.per_token, config.moe.width)
        self.view = nn.Linear(3 if self.in_crop_frame else 7, config.moe.width)

    def forward(self, batch: CropBatch, view: CropCamera) -> torch.Tensor:
        """(B, M, D) ray tokens."""
        pixels = torch.cat([batch.landmarks[..., :2], self._grid_pixels(batch)], dim=1)
        dtype = self.ray.weight.dtype
        tangents = self._tangents(pixels, batch, view).to(dtype)
        padded = torch.nn.functional.pad(tangents.clamp(-4, 4), (0, 0, 0, self.padding))
        rays = padded.reshape(padded.shape[0], self.tokens, 2 * self.per_token)
        return torch.cat([self.ray(rays), self.view(self._view_features(view).to(dtype))[:, None]], dim=1)

    def _grid_pixels(self, batch: CropBatch) -> torch.Tensor:
        width, height = batch.crop_size
        steps = (torch.arange(self.grid, device=batch.landmarks.device) + 0.5) / self.grid
        v, u = torch.meshgrid(steps * height - 0.5, steps * width - 0.5, indexing="ij")
        return torch.stack([u, v], dim=-1).reshape(1, -1, 2).expand(batch.landmarks.shape[0], -1, -1)

    def _tangents(self, pixels: torch.Tensor, batch: CropBatch, view: CropCamera) -> torch.Tensor:
        if self.in_crop_frame:
            return view.rays(pixels)
        rays = (view.rotation[:, None] @ _homogeneous(view.rays(pixels), view.half_angle)[..., None])[..., 0]
        return rays[..., :2] / rays[..., 2:].clamp_min(0.1)

    def _view_features(self, view: CropCamera) -> torch.Tensor:
        log_angle = view.half_angle.clamp_min(1e-4).log()[:, None]
        perspective = torch.cat([log_angle, view.half_angle[:, None], log_angle.exp().square()], dim=-1)
        if self.in_crop_frame:
            return perspective
        axes = torch.cat([view.rotation[:, :2, 0], view.rotation[:, :2, 2]], dim=-1)  # the crop's u axis and middle ray
        return torch.cat([perspective, axes], dim=-1)


def _homogeneous(tangents: torch.Tensor, half_angle: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.pad(tangents * half_angle[:, None, None], (0, 1), value=1.0)


class CliffVector(nn.Module):
    """CLIFF's conditioning (Li et al., ECCV 2022): position and size of the box, divided by the focal length."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.project = nn.Linear(3, config.moe.width)

    def forward(self, batch: CropBatch, view: CropCamera) -> torch.Tensor:
        """(B, 1, D): one token for the ray expert."""
        return self.project(cliff_vector(batch).to(self.project.weight.dtype))[:, None]


def cliff_vector(batch: CropBatch) -> torch.Tensor:
    """(B, 3): (c_x - w/2, c_y - h/2, b) / f with the crop's centre c and side b in full-image pixels."""
    K, width, height = batch.intrinsics, *batch.crop_size
    to_image = K @ inverted(batch.crop_intrinsics)
    middle = to_image[..., 0] * ((width - 1) / 2) + to_image[..., 1] * ((height - 1) / 2) + to_image[..., 2]
    side = max(width, height) * to_image[:, :2, 0].norm(dim=-1)
    focal = (K[:, 0, 0] + K[:, 1, 1]) / 2
    offset = middle[:, :2] - (batch.image_size - 1) / 2
    return torch.cat([offset, side[:, None]], dim=-1) / focal[:, None]
