"""How far a way to run a network moves its estimates from those of torch on the CPU in float32."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np
import torch

from benchmarks.gpu.networks import engine_of
from benchmarks.gpu.people import Found, inputs_of
from metrichmsr_ros.acceleration.execution import Execution
from metrichmsr_ros.hmr.estimate import HMREstimate
from metrichmsr_ros.hmr.network.engine import TorchEngine
from metrichmsr_ros.hmr.network.model import MetricHMR

POSITION_M, ROTATION_DEG = 0.005, 0.5
"""Bounds."""


@dataclass(frozen=True)
class Difference:
    """The largest differences over some people: of the position, metres, and of any joint's rotation, degrees."""

    position: float
    rotation: float

    @property
    def is_small(self) -> bool:
        """Whether both keep their bounds."""
        return self.position <= POSITION_M and self.rotation <= ROTATION_DEG

    @classmethod
    def between(cls, ours: HMREstimate, theirs: HMREstimate) -> Difference:
        """Of two estimates of the same people."""
        apart = np.linalg.norm(ours.transl.astype(np.float64) - theirs.transl, axis=-1)
        # By the length of the difference: the arc cosine of the trace is inexact for small angles.
        chord = np.linalg.norm(ours.rotmats.astype(np.float64) - theirs.rotmats, axis=(-2, -1))
        angle = 2 * np.arcsin(np.clip(chord / np.sqrt(8), 0, 1))
        return cls(float(apart.max()), float(np.degrees(angle.max())))


def difference(model: MetricHMR, execution: Execution, people: list[Found], device: torch.device) -> Difference:
    """Of one way to run a network on a device, on all of `people`."""
    views, straight = inputs_of(model.config, people), np.zeros(len(people), np.bool_)
    reference = TorchEngine(model)(views, straight)
    return Difference.between(engine_of(copy.deepcopy(model), device, execution)(views, straight), reference)


def line(name: str, execution: Execution, device: torch.device, found: Difference) -> str:
    """A difference in words and numbers."""
    how = f"{execution.precision}{', compiled' if execution.compile else ''}"
    return (
        f"{name:18} {device.type} {how:18} position {1000 * found.position:.3f} mm (<= {1000 * POSITION_M:.0f}), "
        f"rotation {found.rotation:.4f} degrees (<= {ROTATION_DEG}){'' if found.is_small else '  MISSED'}"
    )
