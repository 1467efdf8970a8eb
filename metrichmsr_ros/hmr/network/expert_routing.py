"""Routing of body parts to experts in the deepest Patch MoE layer.

The paper finds that experts specialise on body parts without supervision. Landmark tokens have the positions of
their landmarks; ViT tokens are patches, so that one heat map per expert covers the crop.
"""

from __future__ import annotations

import numpy as np
import torch

from metrichmsr_ros.errors import MetricHMRError
from metrichmsr_ros.hmr.network.batch import CropBatch
from metrichmsr_ros.hmr.network.model import MetricHMR
from metrichmsr_ros.types import AnyArray

PATCH = 16


class RoutingError(MetricHMRError, ValueError):
    """The network has no routed experts, or its tokens do not fit the requested patches."""


@torch.inference_mode()
def patch_routing(model: MetricHMR, batch: CropBatch) -> AnyArray:
    """(B, N, K): each person's combine weight of every image token, in the last Patch MoE layer; sums to 1 over K.

    Later layers are Global MoE, whose tokens have no position in the image.

    Raises:
        RoutingError: the network has no routed experts or no Patch MoE.
    """
    config = model.config.moe
    if config.routed_experts == 0 or config.patch_layers == 0:
        raise RoutingError("this network has no routed experts in Patch MoE layers; choose one that has")
    routing = model(batch, return_routing=True).routing
    assert routing is not None  # because of return_routing
    weights: AnyArray = routing[config.patch_layers - 1].combine.sum(dim=-1).float().cpu().numpy()
    return weights


def patch_maps(weights: AnyArray, crop_size: tuple[int, int]) -> AnyArray:
    """Weights (N, K) of the patches of a crop of `crop_size` (width, height) as maps (K, rows, columns)."""
    rows, columns = crop_size[1] // PATCH, crop_size[0] // PATCH
    if rows * columns != len(weights):
        raise RoutingError(f"{len(weights)} tokens do not fill {rows} x {columns} patches")
    return np.ascontiguousarray(weights.T.reshape(-1, rows, columns))


def at_pixels(maps: AnyArray, pixels: AnyArray) -> AnyArray:
    """(J, K): patch maps (K, rows, columns) at crop pixels (J, 2), bilinear between patch centres."""
    limits = np.array(maps.shape[:0:-1]) - 1.0
    position = np.clip((pixels + 0.5) / PATCH - 0.5, 0.0, limits)
    low = np.minimum(position.astype(int), np.maximum(limits - 1, 0).astype(int))
    high = np.minimum(low + 1, limits.astype(int))
    (x0, y0), (x1, y1), (u, v) = low.T, high.T, (position - low).T
    top = (1 - u) * maps[:, y0, x0] + u * maps[:, y0, x1]
    bottom = (1 - u) * maps[:, y1, x0] + u * maps[:, y1, x1]
    return ((1 - v) * top + v * bottom).T


def spread_over(
    points: AnyArray, weights: AnyArray, crop_size: tuple[int, int], radius: float = 0.045
) -> tuple[AnyArray, AnyArray]:
    """Weights (J, K) at crop pixels (J, 2) as maps (K, H, W), and the proximity of each pixel to a point, (H, W) 0..1.

    A pixel is the mean of the points, weighted by a Gaussian of sigma `radius` crop widths; rows of NaN are left out.
    """
    known = np.isfinite(points).all(1)
    width, height = crop_size
    v, u = np.mgrid[:height, :width].astype(np.float32)
    squared = (u - points[known, 0, None, None]) ** 2 + (v - points[known, 1, None, None]) ** 2
    counts = np.exp(-squared / (2 * (radius * width) ** 2)).astype(np.float64)
    total = counts.sum(0)
    maps = np.einsum("jhw,jk->khw", counts, weights[known]) / np.maximum(total, 1e-9)
    return maps, np.clip(total, 0.0, 1.0)
