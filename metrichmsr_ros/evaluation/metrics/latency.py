"""Percentiles of durations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from metrichmsr_ros.evaluation.metrics.checks import MetricInputError


@dataclass(frozen=True)
class LatencySummary:
    """Seconds over all measured frames.

    Attributes:
        p50, p95, p99: percentiles, s, with linear interpolation between samples. max, mean: s. frames: sample count.
    """

    p50: float
    p95: float
    p99: float
    max: float
    mean: float
    frames: int


def summarise_latency(seconds: Sequence[float]) -> LatencySummary:
    """Percentiles of durations in seconds.

    Raises:
        MetricInputError: no durations, or one that is negative or not finite.
    """
    values = np.asarray(seconds, dtype=np.float64)
    if values.size == 0:
        raise MetricInputError("no durations were measured, so there are no percentiles")
    if not np.isfinite(values).all() or (values < 0).any():
        raise MetricInputError(f"durations must be finite and not negative, got {values.min()} to {values.max()}")
    p50, p95, p99 = (float(p) for p in np.percentile(values, [50, 95, 99]))
    return LatencySummary(p50, p95, p99, float(values.max()), float(values.mean()), int(values.size))
