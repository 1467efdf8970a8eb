"""Half precision where it is fast and harmless: in the products of linear layers.

Weights of the layers are stored in half precision, so that a GPU reads half as many bytes, and products take and give
half precision. What is added up along the layers of a transformer, and every normalisation, stays in float32.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from metrichmsr_ros.acceleration.execution import Precision

DTYPES: dict[Precision, torch.dtype] = {"float32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


class HalfLinear(nn.Module):
    """A linear layer with weights in half precision.

    Args:
        layer: whose weights it takes.
        dtype: half precision.
    """

    def __init__(self, layer: nn.Linear, dtype: torch.dtype) -> None:
        super().__init__()
        self.weight = nn.Parameter(layer.weight.detach().to(dtype), requires_grad=False)
        self.bias = None if layer.bias is None else nn.Parameter(layer.bias.detach().to(dtype), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        """(..., F) of any precision -> (..., D)."""
        return functional.linear(x.to(self.weight.dtype), self.weight, self.bias)


def halve_linear_layers(module: nn.Module, dtype: torch.dtype) -> None:
    """Replace all linear layers inside `module`, for inference."""
    layers = {name: layer for name, layer in module.named_modules() if isinstance(layer, nn.Linear)}
    for name, layer in layers.items():
        parent, _, own = name.rpartition(".")
        setattr(module.get_submodule(parent), own, HalfLinear(layer, dtype))
