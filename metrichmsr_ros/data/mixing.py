"""Weighted mixing of data sets, independent of their sizes, with exact resuming and splitting over processes.

The sequence of draws is a pure function of (seed, position), so resuming at a position and giving every k-th draw to
one of k processes need no state. Within a data set every sample is drawn once before any is drawn twice.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import numpy as np
import torch


@dataclass(frozen=True)
class Mixture(torch.utils.data.Dataset[Any]):
    """The concatenation of data sets; item i is item i - offset of its data set."""

    parts: Sequence[torch.utils.data.Dataset[Any]]

    def __post_init__(self) -> None:
        """Raise ValueError for an empty mixture or an empty part."""
        if not self.parts or min(self.lengths) == 0:
            raise ValueError(f"mixture: every part needs samples, lengths are {self.lengths}")

    @property
    def lengths(self) -> list[int]:
        """Number of samples of each part."""
        return [len(part) for part in self.parts]  # type: ignore[arg-type]

    def __len__(self) -> int:
        """Number of samples of all parts."""
        return sum(self.lengths)

    def __getitem__(self, index: int) -> Any:
        """One sample."""
        part, place = self.locate(index)
        return self.parts[part][place]

    def locate(self, index: int) -> tuple[int, int]:
        """The part that has sample `index`, and the index in this part."""
        ends = list(accumulate(self.lengths))
        part = bisect_right(ends, index)
        return part, index - (ends[part - 1] if part else 0)


@dataclass(frozen=True)
class MixSampler(torch.utils.data.Sampler[int]):
    """Indices into a `Mixture`: draw n comes from part p with probability weights[p].

    Attributes:
        lengths: number of samples of each part.
        weights: relative weight of each part; 0 omits a part.
        count: number of draws of this process.
        start: number of earlier draws of all processes, for resuming.
        rank: index of this process.
        world_size: number of processes; this one has the draws start + rank, start + rank + world_size, ...
    """

    lengths: Sequence[int]
    weights: Sequence[float]
    count: int
    seed: int = 0
    start: int = 0
    rank: int = 0
    world_size: int = 1

    def __post_init__(self) -> None:
        """Raise ValueError for invalid weights."""
        weights = np.asarray(self.weights, float)
        if len(weights) != len(self.lengths) or not np.isfinite(weights).all() or (weights < 0).any():
            raise ValueError(f"mixture: weights {list(self.weights)} must be one finite number >= 0 for each part")
        if weights.sum() <= 0:
            raise ValueError("mixture: all weights are zero")

    def __len__(self) -> int:
        """Number of draws."""
        return self.count

    def __iter__(self) -> Iterator[int]:
        """Indices of the samples to load, in order."""
        offsets = [0, *accumulate(self.lengths)]
        orders: dict[tuple[int, int], np.ndarray] = {}
        for n, (part, turn) in enumerate(self._draws()):
            if n < self.start or (n - self.start) % self.world_size != self.rank:
                continue
            passed, place = divmod(turn, self.lengths[part])
            key = (part, passed)
            if key not in orders:
                orders = {k: v for k, v in orders.items() if k[0] != part}
                orders[key] = np.random.default_rng([self.seed, 1, part, passed]).permutation(self.lengths[part])
            yield offsets[part] + int(orders[key][place])

    def _draws(self) -> Iterator[tuple[int, int]]:
        """Part, and number of earlier draws of that part, for every draw up to the last of this process."""
        rng = np.random.default_rng([self.seed, 0])
        shares = np.asarray(self.weights, float) / np.sum(self.weights)
        seen = np.zeros(len(shares), np.int64)
        last = self.start + self.rank + (self.count - 1) * self.world_size + 1 if self.count else 0
        for begin in range(0, last, 4096):
            for part in rng.choice(len(shares), size=4096, p=shares)[: last - begin]:
                yield int(part), int(seen[part])
                seen[part] += 1
