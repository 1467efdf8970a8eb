"""Time of a network's call by preset, number of people and precision, beside the least that the device allows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from benchmarks.gpu.clock import milliseconds
from benchmarks.gpu.limits import Limits
from benchmarks.gpu.people import Found, inputs_of
from benchmarks.gpu.work import operations, weight_bytes
from metrichmsr_ros.acceleration.execution import Execution, Precision
from metrichmsr_ros.assets import config_path
from metrichmsr_ros.config import load_config
from metrichmsr_ros.hmr.config import ModelConfig
from metrichmsr_ros.hmr.network.checkpoint import load_model
from metrichmsr_ros.hmr.network.engine import TorchEngine
from metrichmsr_ros.hmr.network.execution.half_precision import halve
from metrichmsr_ros.hmr.network.model import MetricHMR

MEBIBYTE = 1 << 20
TARGET_MS = {("paper", 1): 3.0, ("paper", 8): 7.5, ("vitpose-b", 1): 1.2, ("embedded", 1): 0.7}
"""Of the fastest precision, on one H100 or H200."""


@dataclass(frozen=True)
class Timed:
    """One row of the table.

    Attributes:
        preset, people, execution: what ran.
        ms: median time of a call, from arrays on the host to arrays on the host.
        flop: operations of a forward.
        least_ms: the device's limit for them, and for reading the weights once.
        memory: bytes of the device in use at most; 0 without a GPU.
    """

    preset: str
    people: int
    execution: Execution
    ms: float
    flop: float
    least_ms: float
    memory: int

    @property
    def share(self) -> float:
        """Of the limit, 0..1."""
        return self.least_ms / self.ms

    @property
    def target_ms(self) -> float | None:
        """Longest time that was set, for the fastest precision."""
        fast = self.execution.compile and (self.execution.precision != "float32" or self.preset == "embedded")
        return TARGET_MS.get((self.preset, self.people)) if fast else None


def network_of(preset: str) -> MetricHMR:
    """The network of a preset: with its weights where the package has them, else with random ones."""
    if preset == "embedded":
        return load_model(preset)
    torch.manual_seed(0)
    return MetricHMR(load_config(ModelConfig, config_path(f"models/{preset}.yaml"))).eval()


def executions_of(preset: str) -> tuple[Execution, ...]:
    """The ways to run a preset: networks over landmarks have one precision."""
    precisions: tuple[Precision, ...] = ("float32",) if preset == "embedded" else ("float32", "bf16", "fp16")
    return tuple(Execution(precision, compiled) for precision in precisions for compiled in (False, True))


def engine_of(model: MetricHMR, device: torch.device, execution: Execution) -> TorchEngine:
    """An engine that may change `model`."""
    halve(model, execution.precision)
    return TorchEngine(model.to(device), device, execution=execution)


def timed(
    preset: str, execution: Execution, people: list[Found], count: int, device: torch.device, limits: Limits
) -> Timed:
    """Time a preset's network on `count` of `people`."""
    model = network_of(preset)
    views, straight = inputs_of(model.config, people, count), np.zeros(count, np.bool_)
    flop = operations(model, views)
    engine = engine_of(model, device, execution)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    ms = milliseconds(lambda: engine(views, straight), device)
    memory = torch.cuda.max_memory_allocated(device) if device.type == "cuda" else 0
    return Timed(preset, count, execution, ms, flop, limits.least_ms(flop, weight_bytes(engine.model)), memory)


def line(row: Timed) -> str:
    """A row in words and numbers."""
    execution = row.execution
    how = f"{execution.precision}{', compiled' if execution.compile else ''}"
    target = ""
    if row.target_ms is not None:
        target = f"  (<= {row.target_ms}{'' if row.ms <= row.target_ms else ', MISSED'})"
    return (
        f"{row.preset:10} {row.people:2} people  {how:18} {row.ms:8.2f} ms  {row.flop / row.ms / 1e9:7.1f} TFLOP/s  "
        f"{100 * row.share:3.0f} % of the limit {row.least_ms:.2f} ms  {row.memory / MEBIBYTE:6.0f} MiB{target}"
    )
