"""Statistics of LeRobot's features: of one episode, and of several together by LeRobot's own rule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from metrichmsr_ros.types import AnyArray

Stats = dict[str, AnyArray]
_QUANTILES = {"q01": 0.01, "q10": 0.10, "q50": 0.50, "q90": 0.90, "q99": 0.99}


def episode_stats(columns: Mapping[str, AnyArray]) -> dict[str, Stats]:
    """Minimum, maximum, mean, deviation, count and quantiles of each column (N,) or (N, D): arrays (1,) or (D,)."""
    return {name: _stats(np.asarray(values, np.float64).reshape(len(values), -1)) for name, values in columns.items()}


def _stats(values: AnyArray) -> Stats:
    quantiles = np.quantile(values, list(_QUANTILES.values()), axis=0)
    return {
        "min": values.min(0),
        "max": values.max(0),
        "mean": values.mean(0),
        "std": values.std(0),
        "count": np.array([len(values)]),
        **dict(zip(_QUANTILES, quantiles, strict=True)),
    }


def joined_stats(episodes: Sequence[dict[str, Stats]]) -> dict[str, Stats]:
    """Statistics of all episodes. Quantiles are the outermost of the episodes', as LeRobot joins them."""
    return {name: _joined([episode[name] for episode in episodes]) for name in episodes[0]}


def _joined(parts: Sequence[Stats]) -> Stats:
    counts = np.stack([part["count"] for part in parts]).astype(np.float64)
    means, deviations = (np.stack([part[name] for part in parts]) for name in ("mean", "std"))
    total = counts.sum(0)
    mean = (means * counts).sum(0) / total
    variance = ((deviations**2 + (means - mean) ** 2) * counts).sum(0) / total
    least, most = ("min", "q01", "q10", "q50"), ("max", "q90", "q99")
    return {
        **{name: np.stack([part[name] for part in parts]).min(0) for name in least},
        **{name: np.stack([part[name] for part in parts]).max(0) for name in most},
        "mean": mean,
        "std": np.sqrt(variance),
        "count": total.astype(np.int64),
    }
