"""Outputs of a network as one tensor, so that one copy takes them to the host."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from metrichmsr_ros.hmr.estimate import EstimateFromPixels, HMREstimate
from metrichmsr_ros.hmr.network.model import HMROutput
from metrichmsr_ros.hmr.network.pixels.branch import PixelEstimate
from metrichmsr_ros.types import Float32Array

_ESTIMATE = {"rotmats": (24, 3, 3), "betas": (10,), "transl": (3,), "transl_deviation": (2,)}
_PIXELS = {"transl": (3,), "log_deviation": (3,), "betas": (10,)}


def packed_estimate(output: HMROutput) -> Tensor:
    """(B, 231) float32: rotations, shape, position and its deviations."""
    return torch.cat([getattr(output, name).flatten(1).float() for name in _ESTIMATE], dim=1)


def packed_pixels(output: PixelEstimate) -> Tensor:
    """(B, 16) float32: position, its deviations and shape."""
    return torch.cat([getattr(output, name).float() for name in _PIXELS], dim=1)


def estimate_of(packed: Tensor) -> HMREstimate:
    """The rows of `packed_estimate` as arrays."""
    return HMREstimate(**_arrays(packed, _ESTIMATE))


def pixels_of(packed: Tensor) -> EstimateFromPixels:
    """The rows of `packed_pixels` as arrays."""
    return EstimateFromPixels(**_arrays(packed, _PIXELS))


def _arrays(packed: Tensor, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Float32Array]:
    rows, found, start = packed.cpu().numpy(), {}, 0
    for name, shape in shapes.items():
        length = int(np.prod(shape))
        found[name] = np.ascontiguousarray(rows[:, start : start + length]).reshape(len(rows), *shape)
        start += length
    return found
