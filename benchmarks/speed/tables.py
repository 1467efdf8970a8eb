"""Times of trackers as rows of text."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmarks.speed.scenes import Video
from benchmarks.speed.trackers import Answer

MIB = 2**20


def verdict(value: float, most: float | None) -> str:
    """The target behind a figure, and whether it is met; nothing without a target."""
    if most is None:
        return ""
    return f" (<= {most:g}{'' if value <= most else ', MISSED'})"


def print_times(video: Video, name: str, answers: Sequence[Answer]) -> None:
    """One row: median and 95th percentile, CPU time, memory, people seen."""
    wall = 1e3 * np.array([answer.seconds for answer in answers])
    p50, p95 = np.percentile(wall, (50, 95))
    cpu = 1e3 * np.mean([answer.cpu for answer in answers])
    seen, memory = np.mean([answer.people for answer in answers]), answers[-1].resident / MIB
    target = verdict(p50, video.target_ms if name == "ours" else None)
    print(
        f"{video.name:22} {name:10} p50 {p50:6.1f} p95 {p95:6.1f} mean {wall.mean():6.1f} CPU {cpu:6.1f} ms  "
        f"{memory:5.0f} MiB  {seen:4.1f} seen{target}"
    )


def print_ratio(ours: Sequence[Answer], theirs: Sequence[Answer], name: str, most: float | None) -> float:
    """Print and return the median over frames of our time divided by that of `name` for the same frame."""
    ratio = np.array([a.seconds / b.seconds for a, b in zip(ours, theirs, strict=True)])
    p50 = float(np.median(ratio))
    print(f"{'':22} ratio of ours to that of {name} for the same frame: p50 {p50:.2f}{verdict(p50, most)}")
    return p50


def print_stages(video: Video, answers: Sequence[Answer]) -> None:
    """Median and 95th percentile of each stage."""
    parts = []
    for stage in answers[0].stages:
        p50, p95 = np.percentile([1e3 * answer.stages.get(stage, 0.0) for answer in answers], (50, 95))
        if p95 >= 0.05 and stage != "total":
            parts.append(f"{stage} {p50:.1f} / {p95:.1f}")
    print(f"{'':22} p50 / p95 by stage: {', '.join(parts)}")
