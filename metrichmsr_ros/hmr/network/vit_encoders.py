"""Encoders of pixels, for GPUs: ViTPose on the person's crop and a ViT on the ray map of the same crop.

Both come from `transformers` (the `vitpose` extra). Weights are a hub id or a local folder; without them the
architecture of the configuration gets random parameters, for tests and for training from scratch.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from metrichmsr_ros.config import ConfigError
from metrichmsr_ros.errors import MissingPackageError
from metrichmsr_ros.hmr.config import ImageEncoderConfig, ModelConfig, RayEncoderConfig
from metrichmsr_ros.hmr.network.batch import CropBatch
from metrichmsr_ros.hmr.network.crop_camera import CropCamera
from metrichmsr_ros.hmr.network.ray_map import ray_map

try:
    import transformers
except ImportError as error:
    text = "ViTPose and ViT encoders need transformers: pip install 'metrichmsr_ros[vitpose]'"
    raise MissingPackageError(text) from error

PATCH = 16
IMAGE_MEAN = (0.485, 0.456, 0.406)
IMAGE_STD = (0.229, 0.224, 0.225)


class ViTPoseTokens(nn.Module):
    """ViTPose's backbone: (B,3,h,w) RGB 0..1 to one token per 16x16 patch, row by row, projected to the MoE's width."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config.image_encoder
        self.backbone: Any = _vitpose(self.config)
        if self.config.frozen:
            self.backbone.requires_grad_(False)
        self.project = nn.Linear(self.backbone.config.hidden_size, config.moe.width)
        self.mean: torch.Tensor
        self.std: torch.Tensor
        self.register_buffer("mean", torch.tensor(IMAGE_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(IMAGE_STD).view(1, 3, 1, 1), persistent=False)

    def forward(self, batch: CropBatch) -> torch.Tensor:
        """(B, h/16 * w/16, D) image tokens. Raises ValueError if the batch has no pixels or another crop size."""
        if batch.image is None:
            raise ValueError("this network needs pixels: pass each person's crop as CropBatch.image")
        if batch.crop_size != self.config.crop_size:
            raise ValueError(f"crops are {batch.crop_size}, this network needs {self.config.crop_size} (width, height)")
        pixels = (batch.image - self.mean) / self.std
        index = None
        if self.config.dataset_index is not None:
            index = torch.full((len(batch),), self.config.dataset_index, device=pixels.device)
        return self.project(self.backbone(pixels, dataset_index=index).feature_maps[-1])


def _vitpose(config: ImageEncoderConfig) -> Any:
    width, height = config.crop_size
    if config.weights:
        loaded = _pretrained(transformers.VitPoseForPoseEstimation, config.weights).backbone
        experts = loaded.config.num_experts
        if experts > 1 and config.dataset_index is None:
            raise ConfigError(f"image_encoder: {config.weights} has {experts} experts; set dataset_index (0 is COCO)")
        return loaded
    settings: Any = transformers.VitPoseBackboneConfig  # accepts out_indices, which its signature lacks
    return transformers.VitPoseBackbone(
        settings(
            image_size=(height, width),
            hidden_size=config.hidden_size,
            num_hidden_layers=config.layers,
            num_attention_heads=config.heads,
            num_experts=1 if config.dataset_index is None else 6,
            part_features=config.hidden_size // 4,
            out_indices=[config.layers],
        )
    )


class ViTRays(nn.Module):
    """A Vision Transformer over the bounding camera ray map: (B,3,H,W) to class and patch tokens of the MoE's width.

    The map covers exactly the pixels of the crop, at the transformer's own resolution. In the camera frame it is the
    paper's K'^-1 [u, v, 1]; with `orientation_frame: crop` it is rotated to the crop's virtual camera, its first two
    channels are divided by the half angle and the third is the logarithm of the half angle.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config.ray_encoder
        self.in_crop_frame = config.head.orientation_frame == "crop"
        self.backbone: Any = _vit(self.config)
        self.project = nn.Linear(self.backbone.config.hidden_size, config.moe.width)

    def forward(self, batch: CropBatch, view: CropCamera) -> torch.Tensor:
        """(B, 1 + H/p * W/p, D) ray tokens."""
        return self.project(self.backbone(self.rays(batch, view)).last_hidden_state)

    def rays(self, batch: CropBatch, view: CropCamera) -> torch.Tensor:
        """(B,3,H,W) float32 input of the transformer."""
        width, height = self.config.image_size
        rays = ray_map(_resized(batch.crop_intrinsics, batch.crop_size, (width, height)), height, width)
        if not self.in_crop_frame:
            return rays
        rotated = torch.einsum("bji,bjhw->bihw", view.rotation, rays)
        tangents = rotated[:, :2] / rotated[:, 2:].clamp_min(0.1) / view.half_angle[:, None, None, None]
        log_angle = view.half_angle.log()[:, None, None, None].expand(-1, 1, height, width)
        return torch.cat([tangents, log_angle], dim=1)


def _resized(intrinsics: torch.Tensor, old: tuple[int, int], new: tuple[int, int]) -> torch.Tensor:
    """K' (B,3,3) of the same crop at another size (width, height), with integer pixel centres."""
    first, second, third = intrinsics.unbind(-2)
    along, down = new[0] / old[0], new[1] / old[1]
    rows = [along * first + (along - 1) / 2 * third, down * second + (down - 1) / 2 * third, third]
    return torch.stack(rows, dim=-2)


def _vit(config: RayEncoderConfig) -> Any:
    width, height = config.image_size
    if config.weights:
        model = _pretrained(transformers.ViTModel, config.weights, add_pooling_layer=False)
        size = model.config.image_size
        found = (size, size) if isinstance(size, int) else tuple(size)
        if found != (height, width):
            raise ConfigError(
                f"ray_encoder: {config.weights} needs {found} as (height, width), but image_size is {(height, width)}"
            )
        return model
    return transformers.ViTModel(
        transformers.ViTConfig(
            image_size=(height, width),
            patch_size=config.patch_size,
            hidden_size=config.hidden_size,
            num_hidden_layers=config.layers,
            num_attention_heads=config.heads,
            intermediate_size=4 * config.hidden_size,
        ),
        add_pooling_layer=False,
    )


def built_from_numbers(config: ModelConfig, image_encoder: nn.Module, ray_encoder: nn.Module | None) -> ModelConfig:
    """`config` with explicit architecture numbers instead of encoder `weights`.

    A checkpoint holds all parameters, so its network is built without the folder or the hub.
    """
    changes: dict[str, Any] = {}
    for name, encoder in (("image_encoder", image_encoder), ("ray_encoder", ray_encoder)):
        own = getattr(config, name)
        if own.weights and isinstance(encoder, (ViTPoseTokens, ViTRays)):
            built = encoder.backbone.config
            numbers = (built.hidden_size, built.num_hidden_layers, built.num_attention_heads)
            changes[name] = replace(
                own, weights="", **dict(zip(("hidden_size", "layers", "heads"), numbers, strict=True))
            )
            if name == "ray_encoder":
                changes[name] = replace(changes[name], patch_size=built.patch_size)
    return replace(config, **changes)


def _pretrained(kind: Any, name: str, **options: object) -> Any:
    """`kind` from a local folder or, by its id, from the hub. Raises ConfigError that names the place tried."""
    try:
        return kind.from_pretrained(str(Path(name).expanduser()), **options)
    except OSError as error:
        where = "folder" if Path(name).expanduser().exists() else "hub id"
        raise ConfigError(f"encoder weights: cannot load {where} {name!r}: {error}") from None
