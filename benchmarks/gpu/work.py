"""What the forward of a network has to do: operations counted, and bytes of weights."""

from __future__ import annotations

import copy

import torch
from torch import nn

from benchmarks.parameters import flops
from metrichmsr_ros.hmr.inputs import CropInputs
from metrichmsr_ros.hmr.network.batch import CropBatch

_NO_DATA = torch.device("meta")


def operations(model: nn.Module, views: CropInputs) -> float:
    """Floating-point operations of one forward, counted on a device without data: products, convolutions, attention."""
    empty = copy.deepcopy(model).to(_NO_DATA).requires_grad_(False)
    batch = CropBatch.of(views, torch.device("cpu")).to(_NO_DATA)
    return float(flops(empty, batch))


def weight_bytes(model: nn.Module) -> int:
    """Bytes of all weights. Each is read once in a forward of one batch."""
    return sum(value.numel() * value.element_size() for value in model.parameters())
