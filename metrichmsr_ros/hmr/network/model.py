"""MetricHMR: crops and their bounding camera ray maps to metric SMPL pose, shape and position (paper, Fig. 2).

    image encoder -> image tokens \\
                                    HumanMoE (Patch MoE, Global MoE) -> pose, shape and position heads
    ray encoder   -> ray tokens   /
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from metrichmsr_ros.hmr.config import ModelConfig
from metrichmsr_ros.hmr.network.batch import CropBatch
from metrichmsr_ros.hmr.network.crop_camera import CropCamera
from metrichmsr_ros.hmr.network.encoders import BlazePoseTokens, CliffVector, SampledRays
from metrichmsr_ros.hmr.network.heads import PoseHead, PositionHead, ShapeHead, covariance
from metrichmsr_ros.hmr.network.moe import HumanMoE, Routing
from metrichmsr_ros.hmr.network.pixels.branch import PixelPosition


@dataclass(frozen=True)
class HMROutput:
    """B people. rotmats: (B,24,3,3), [:,0] takes body axes to the camera frame; betas: (B,10); transl: (B,3) m in
    the camera frame; transl_cov: (B,3,3) m^2, made of transl_deviation: (B,2) m along and across the line of sight;
    expert_share: (B,L,K) combine weight per Soft-MoE layer and routed
    expert; load_balance: scalar, mean over layers of K sum p_i^2 (1 when even); routing: per layer, None unless
    requested.
    """

    rotmats: torch.Tensor
    betas: torch.Tensor
    transl: torch.Tensor
    transl_cov: torch.Tensor
    transl_deviation: torch.Tensor
    expert_share: torch.Tensor
    load_balance: torch.Tensor
    routing: tuple[Routing, ...] | None = None


def load_balance(expert_share: torch.Tensor) -> torch.Tensor:
    """K sum_i p_i^2 with p_i the batch mean of (B,L,K) shares, mean over layers; 0 without routed experts."""
    if expert_share.numel() == 0:
        return expert_share.new_zeros(())
    return expert_share.shape[-1] * expert_share.mean(dim=0).square().sum(dim=-1).mean()


class MetricHMR(nn.Module):
    """The network of one `ModelConfig`. Stateless between calls; inputs and outputs are values."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.image_encoder = _image_encoder(config)
        self.ray_encoder = _ray_encoder(config)
        self.moe = HumanMoE(config.moe, has_rays=self.ray_encoder is not None)
        self.pose = PoseHead(self.moe.features, config.head)
        self.shape = ShapeHead(self.moe.features, config.head)
        self.position = PositionHead(self.moe.features, config.head)
        self.pixel_position = PixelPosition(config.pixel_position) if config.image_encoder.reads_maps else None

    def forward(self, batch: CropBatch, return_routing: bool = False) -> HMROutput:
        """Estimate every person of `batch`, independently of the others."""
        view, rays = self.rays(batch)
        return self.decoded(self.image_encoder(batch), rays, view, return_routing)

    def rays(self, batch: CropBatch) -> tuple[CropCamera, torch.Tensor | None]:
        """The virtual cameras of the crops, and ray tokens (B, M, D) unless the network has none."""
        view = CropCamera.of(batch.crop_intrinsics, batch.crop_size)
        return view, None if self.ray_encoder is None else self.ray_encoder(batch, view)

    def decoded(
        self, image: torch.Tensor, rays: torch.Tensor | None, view: CropCamera, return_routing: bool = False
    ) -> HMROutput:
        """Estimates from image tokens (B, N, D) and ray tokens (B, M, D)."""
        features = self.moe(image, rays)
        rotmats = self.pose(features.pooled)
        if self.config.head.orientation_frame == "crop":
            rotmats = torch.cat([view.rotation[:, None] @ rotmats[:, :1], rotmats[:, 1:]], dim=1)
        transl, deviation = self.position(features.pooled, view)
        share = _expert_share(features.routing, transl)
        return HMROutput(
            rotmats=rotmats,
            betas=self.shape(features.pooled),
            transl=transl,
            transl_cov=covariance(transl, deviation),
            transl_deviation=deviation,
            expert_share=share,
            load_balance=load_balance(share),
            routing=features.routing if return_routing else None,
        )


def _expert_share(routing: tuple[Routing, ...], like: torch.Tensor) -> torch.Tensor:
    if not routing:
        return like.new_zeros(like.shape[0], 0, 0)
    return torch.stack([layer.expert_share.float() for layer in routing], dim=1)


def _image_encoder(config: ModelConfig) -> nn.Module:
    if config.image_encoder.reads_landmarks:
        return BlazePoseTokens(config)
    from metrichmsr_ros.hmr.network.vit_encoders import ViTPoseTokens  # needs the `vitpose` extra

    return ViTPoseTokens(config)


def _ray_encoder(config: ModelConfig) -> nn.Module | None:
    if config.conditioning == "none":
        return None
    if config.conditioning == "cliff":
        return CliffVector(config)
    if config.ray_encoder.kind == "sampled":
        return SampledRays(config)
    from metrichmsr_ros.hmr.network.vit_encoders import ViTRays  # needs the `vitpose` extra

    return ViTRays(config)
