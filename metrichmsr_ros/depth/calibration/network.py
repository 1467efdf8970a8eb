"""The refiner's network in torch: a U-Net with a transformer bottleneck."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from metrichmsr_ros.depth.calibration.refiner import INPUT_CHANNELS, RefinerConfig
from metrichmsr_ros.types import Float32Array

MAX_LOG_SCALE, MAX_OFFSET = 0.7, 0.5  # bounds of the deviations: a factor of 2, half the median depth


class Refiner(nn.Module):
    """Inputs (B, INPUT_CHANNELS, h, w) -> deviations (B, 2, h/4, w/4): log scale and offset over the median depth."""

    bounds: Tensor

    def __init__(self, config: RefinerConfig) -> None:
        super().__init__()
        self.config = config
        first, second, third = config.channels
        self.down1 = _block(INPUT_CHANNELS, first, stride=2)
        self.down2 = _block(first, second, stride=2)
        self.down3 = _block(second, third, stride=2)
        self.embed = nn.Conv2d(third, config.dim, 1)
        tokens = (config.height // 8) * (config.width // 8)
        self.position = nn.Parameter(0.02 * torch.randn(1, tokens, config.dim))
        layer = nn.TransformerEncoderLayer(
            config.dim, config.heads, 2 * config.dim, 0.0, "gelu", batch_first=True, norm_first=True
        )
        self.transformer = nn.TransformerEncoder(layer, config.layers, enable_nested_tensor=False)
        self.back = nn.Conv2d(config.dim, third, 1)
        self.up = _block(third + second, second)
        self.head = nn.Conv2d(second, 2, 3, padding=1)
        self.register_buffer("bounds", torch.tensor([MAX_LOG_SCALE, MAX_OFFSET]).view(2, 1, 1), persistent=False)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)  # type: ignore[arg-type]

    def forward(self, inputs: Tensor) -> Tensor:
        """Predict the deviations; shapes as stated for the class."""
        half = self.down1(inputs)  # (B, c1, h/2, w/2)
        quarter = self.down2(half)  # (B, c2, h/4, w/4)
        eighth = self.down3(quarter)  # (B, c3, h/8, w/8)
        tokens = self.embed(eighth).flatten(2).transpose(1, 2) + self.position
        mixed = self.transformer(tokens).transpose(1, 2).unflatten(2, eighth.shape[-2:])
        grown = F.interpolate(eighth + self.back(mixed), scale_factor=2.0, mode="bilinear", align_corners=False)
        raw = self.head(self.up(torch.cat([grown, quarter], dim=1)))
        return torch.tanh(raw) * self.bounds


def _block(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1),
        nn.GroupNorm(4, outputs),
        nn.SiLU(),
        nn.Conv2d(outputs, outputs, 3, padding=1),
        nn.GroupNorm(4, outputs),
        nn.SiLU(),
    )


class TorchRefiner:
    """A `RefinerEngine`.

    Args:
        model: the network, in evaluation mode, on its device.
    """

    def __init__(self, model: Refiner) -> None:
        self._model, self.config = model, model.config

    @torch.inference_mode()
    def __call__(self, channels: Float32Array) -> Float32Array:
        """Deviations of one or more images; see `RefinerEngine`."""
        parameter = next(self._model.parameters())
        fields = self._model(torch.from_numpy(channels).to(parameter.device, parameter.dtype))
        deviations: Float32Array = fields.float().cpu().numpy()
        return deviations
