"""Which expert attends to which part of the body: the deepest Patch MoE layer's routing, joint by expert.

The paper finds that experts specialise on body parts without being told to. For landmark tokens the picture is a table
(landmark by expert); for ViT tokens it is one heat map per expert over the crop.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from metrichmsr_ros.hmr.inputs import NUM_LANDMARKS, CropBatch
from metrichmsr_ros.hmr.model import MetricHMR

Array = NDArray[np.float32]


@dataclass(frozen=True)
class TokenRouting:
    """Mean combine weight of every image token. mean: (N, K) over people; spread: (N, K) standard deviation."""

    mean: Array
    spread: Array


@torch.inference_mode()
def deepest_patch_routing(model: MetricHMR, batch: CropBatch) -> TokenRouting:
    """Routing of the image tokens in the last Patch MoE layer over the people of `batch`.

    Raises ValueError for a network without routed experts or without Patch MoE.
    """
    config = model.config.moe
    if config.routed_experts == 0 or config.patch_layers == 0:
        raise ValueError("this network has no routed experts in Patch MoE layers; nothing is routed")
    routing = model(batch, return_routing=True).routing
    assert routing is not None  # asked for
    weights = routing[config.patch_layers - 1].combine.sum(dim=-1).float()  # (B, N, K)
    spread = weights.std(dim=0, correction=0)
    return TokenRouting(weights.mean(dim=0).cpu().numpy(), spread.cpu().numpy())


def landmark_table(routing: TokenRouting) -> Array:
    """(33, K) rows of BlazePose's body landmarks. Raises ValueError when the tokens are no landmarks."""
    if len(routing.mean) < NUM_LANDMARKS:
        raise ValueError(f"{len(routing.mean)} tokens are no {NUM_LANDMARKS} landmarks; use heat_maps")
    return routing.mean[:33]


def heat_maps(routing: TokenRouting, crop_size: tuple[int, int], patch: int = 16) -> Array:
    """(K, h/patch, w/patch) maps of a network over pixels, from `crop_size` (width, height)."""
    rows, columns = crop_size[1] // patch, crop_size[0] // patch
    if rows * columns != len(routing.mean):
        raise ValueError(f"{len(routing.mean)} tokens do not fill {rows} x {columns} patches")
    return np.ascontiguousarray(routing.mean.T.reshape(-1, rows, columns))
