"""Time of each part of a preset on the device: encoders, HumanMoE, heads, body, refiner."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.gpu.clock import milliseconds
from benchmarks.gpu.networks import network_of
from benchmarks.gpu.people import Found, inputs_of
from metrichmsr_ros.acceleration.fixed_sizes import recorder_of
from metrichmsr_ros.assets import asset_path
from metrichmsr_ros.body.load import load_body
from metrichmsr_ros.depth.calibration.refiner import INPUT_CHANNELS
from metrichmsr_ros.depth.calibration.weights import load_refiner
from metrichmsr_ros.depth.factory import SHIPPED_REFINER
from metrichmsr_ros.hmr.network.batch import CropBatch
from metrichmsr_ros.hmr.network.execution.half_precision import halve
from metrichmsr_ros.hmr.network.model import MetricHMR

REFINER_TARGET_MS = 0.7
Forward = Callable[[Mapping[str, Tensor]], Tensor]


@torch.inference_mode()
def parts_of(
    preset: str, precision: Any, people: list[Found], count: int, device: torch.device, compiled: bool = True
) -> dict[str, float]:
    """Milliseconds of the parts of a preset's network for `count` people, each recorded by itself."""
    model = network_of(preset)
    batch = CropBatch.of(inputs_of(model.config, people, count), device)
    halve(model, precision)
    model = model.to(device)
    view, rays = model.rays(batch)
    tokens = model.image_encoder(batch)
    given = {"tokens": tokens} | ({} if rays is None else {"rays": rays})

    def time(forward: Forward) -> float:
        return _milliseconds(_wrapped(forward, compiled), given, device)

    times = {"image encoder": time(lambda rows: model.image_encoder(batch))}
    if rays is not None:
        times["ray encoder"] = time(lambda rows: _rays(model, batch))
    times["HumanMoE"] = time(lambda rows: model.moe(rows["tokens"], rows.get("rays")).pooled)
    both = time(lambda rows: model.decoded(rows["tokens"], rows.get("rays"), view).transl)
    return times | {"heads": max(0.0, both - times["HumanMoE"])}


@torch.inference_mode()
def shared_parts(count: int, device: torch.device, compiled: bool = True) -> dict[str, float]:
    """Milliseconds of what all presets share: the light open body of `count` people, and the refiner of one image."""
    body, refiner = load_body("open_light").to(device).eval(), load_refiner(asset_path(SHIPPED_REFINER)).to(device)
    config = refiner.config
    bodies = {
        "betas": torch.zeros(count, 10, device=device),
        "rotmats": torch.eye(3, device=device).expand(count, 24, 3, 3).contiguous(),
        "transl": torch.zeros(count, 3, device=device),
    }
    images = {"image": torch.zeros(1, INPUT_CHANNELS, config.height, config.width, device=device)}
    posed = _wrapped(lambda rows: body(rows["betas"], rows["rotmats"], rows["transl"]).vertices, compiled)
    refined = _wrapped(lambda rows: refiner(rows["image"]), compiled)
    return {"body": _milliseconds(posed, bodies, device), "refiner": _milliseconds(refined, images, device)}


def _wrapped(forward: Forward, compiled: bool) -> Forward:
    return torch.compile(forward, fullgraph=True) if compiled else forward


def _rays(model: MetricHMR, batch: CropBatch) -> Tensor:
    _, rays = model.rays(batch)
    assert rays is not None
    return rays


def _milliseconds(forward: Forward, rows: Mapping[str, Tensor], device: torch.device) -> float:
    recording = recorder_of(device).record(forward, rows)
    return milliseconds(torch.inference_mode()(recording.replay), device)


def line(preset: str, count: int, times: Mapping[str, float]) -> str:
    """The parts of a preset in words and numbers."""
    listed = ", ".join(f"{name} {ms:.2f}" for name, ms in times.items())
    return f"{preset:10} {count:2} people  parts in ms: {listed}; in sum {np.sum(list(times.values())):.2f}"
