"""The limits of a soak, and what it prints."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from benchmarks.soak.watch import PROCESSED, Watch

MOST_GROWTH = 0.02
MOST_RATIO = 3.0  # of the 99th percentile of the latency to its median
_ENDS = 0.2  # share of the samples of memory at each end that are compared


@dataclass
class Result:
    """Of one soak.

    Attributes:
        watch: counts.
        unaccounted: images without a report, by fault.
        episodes: how often each fault came.
        memory: seconds since the warm-up and resident bytes, after each quiet time.
        lost: why the node was lost; empty if it was not.
    """

    watch: Watch
    unaccounted: Counter[str] = field(default_factory=Counter)
    episodes: Counter[str] = field(default_factory=Counter)
    memory: list[tuple[float, int]] = field(default_factory=list)
    lost: str = ""

    @property
    def growth(self) -> float:
        """Share by which the median of the last samples of memory exceeds that of the first."""
        sizes = [size for _, size in self.memory]
        count = max(1, round(_ENDS * len(sizes)))
        return float(np.median(sizes[-count:]) / np.median(sizes[:count]) - 1) if sizes else 0.0

    @property
    def slope(self) -> float:
        """Bytes per hour, by least squares."""
        if len(self.memory) < 3:
            return 0.0
        times, sizes = np.array(self.memory, np.float64).T
        return float(np.polyfit(times, sizes, 1)[0] * 3600)

    @property
    def percentiles(self) -> tuple[float, float]:
        """Median and 99th percentile of the latency in quiet time, s; NaN without an answer."""
        p50, p99 = np.percentile(self.watch.latencies or [np.nan], (50, 99))
        return float(p50), float(p99)

    def problems(self) -> list[str]:
        """Limits that were not kept."""
        p50, p99 = self.percentiles
        failed = self.watch.counted["failed"]
        checks = {
            self.lost: bool(self.lost),
            f"{self.unaccounted.total()} images are unaccounted for": self.unaccounted.total() != 0,
            f"{failed} images failed with an exception": failed > 0,
            f"memory grew by {100 * self.growth:.2f} %": self.growth > MOST_GROWTH,
            f"p99 is {p99 / p50:.2f} times p50": not p99 <= MOST_RATIO * p50,
        }
        return [text for text, is_wrong in checks.items() if is_wrong]

    def show(self) -> int:
        """Print everything; the exit status."""
        counted = self.watch.counted
        drops = ", ".join(f"{count} {cause}" for cause, count in sorted(counted.items()) if cause != PROCESSED)
        p50, p99 = self.percentiles
        print(f"episodes: {', '.join(f'{count} {name}' for name, count in sorted(self.episodes.items())) or 'none'}")
        print(f"images sent {self.watch.sent} = processed {counted[PROCESSED]} + dropped ({drops or 'none'})", end="")
        print(f" + unaccounted for {self.unaccounted.total()} (0) {dict(self.unaccounted) or ''}")
        ratio = f"p99 / p50 {p99 / p50:.2f} (<= {MOST_RATIO:g})"
        count = len(self.watch.latencies)
        print(f"latency of {count} images in quiet time: p50 {1e3 * p50:.1f} ms, p99 {1e3 * p99:.1f} ms, {ratio}")
        sizes = [size / 2**20 for _, size in self.memory] or [0.0]
        limit = f"growth {100 * self.growth:.2f} % (<= {100 * MOST_GROWTH:g}), {self.slope / 2**20:+.1f} MiB/h"
        print(f"resident {sizes[0]:.1f} -> {sizes[-1]:.1f} MiB, {limit}")
        for problem in self.problems():
            print(f"PROBLEM: {problem}")
        return 1 if self.problems() else 0
