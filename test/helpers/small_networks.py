"""Networks small enough to run, or even to train, in a test."""

from __future__ import annotations

from typing import Any

import torch

from metrichmsr_ros.config import build
from metrichmsr_ros.hmr.config import ModelConfig
from metrichmsr_ros.hmr.network.model import MetricHMR

TINY_MOE: dict[str, Any] = {"width": 16, "heads": 2, "patch_layers": 1, "global_layers": 1, "global_tokens": 2}
"""A mixture of experts that a test runs."""
TINY_VITPOSE: dict[str, Any] = {
    "image_encoder": {"kind": "vitpose", "crop_size": [48, 64], "hidden_size": 32, "layers": 2, "heads": 2},
    "ray_encoder": {"kind": "vit", "image_size": [32, 48], "hidden_size": 24, "layers": 1, "heads": 2},
    "moe": TINY_MOE,
    "head": {"hidden": 16},
}
"""A network over pixels and rays that a test runs."""


def model_of(seed: int = 0, **values: Any) -> MetricHMR:
    """A network over landmarks with random weights, of the default configuration but for `values`."""
    torch.manual_seed(seed)
    return MetricHMR(build(ModelConfig, {"moe": TINY_MOE} | values)).eval()
