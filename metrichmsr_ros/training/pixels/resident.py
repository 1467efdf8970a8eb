"""Shards of crops in the memory of the training device, so that no batch waits for the disk or the host."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch

from metrichmsr_ros.data.synthesis.crops.shard_files import crop_shards, read_crops
from metrichmsr_ros.training.pixels.crops import NAMES, CropTensors, Position, as_tensors, too_few


class ResidentCrops:
    """The looks of all shards that are finished, up to a capacity.

    Args:
        folder: of `metrichmsr synthesize-crops`.
        device: where the looks are kept; 83 KiB each.
        capacity: looks for which memory is taken. What does not fit is left out, and said.
        report: is told how many looks there are.
    """

    def __init__(
        self, folder: Path, device: torch.device, capacity: int, report: Callable[[str], None] = print
    ) -> None:
        self._folder, self._device, self._capacity, self._report = folder, device, capacity, report
        self._kept: CropTensors = {}
        self._loaded: set[Path] = set()
        self._count = 0

    def __len__(self) -> int:
        """Looks in memory."""
        return self._count

    def load(self) -> None:
        """Load the shards that are finished and not loaded yet.

        Raises:
            CropShardError: no shard, or one that cannot be read.
        """
        before = self._count
        for path in crop_shards(self._folder):
            if path not in self._loaded and self._count < self._capacity:
                self._add(as_tensors(read_crops(path, NAMES)))
                self._loaded.add(path)
        if self._count > before:
            full = "" if self._count < self._capacity else ", as many as fit"
            self._report(f"{self._count} looks of {len(self._loaded)} shards in memory{full}")

    def endless(self, size: int, seed: int, start: Position) -> Iterator[tuple[Position, CropTensors]]:
        """Batches from `start` on, each with the position after it; every pass takes the shards finished by then.

        Raises:
            CropShardError: no shard, or one that cannot be read.
            ValueError: the shards hold fewer looks than `size`.
        """
        epoch, taken = start.epoch, start.taken
        while True:
            self.load()
            if self._count < size:
                raise too_few(self._folder, size)
            order = np.random.default_rng([seed, epoch]).permutation(self._count)
            rows = torch.from_numpy(order).to(self._device)
            for first in range(taken * size, self._count - size + 1, size):
                chosen = rows[first : first + size]
                yield Position(epoch, first // size + 1), {name: kept[chosen] for name, kept in self._kept.items()}
            epoch, taken = epoch + 1, 0

    def _add(self, looks: CropTensors) -> None:
        """Copy looks behind the others, as many as fit."""
        if not self._kept:
            self._kept = {
                name: torch.empty((self._capacity, *values.shape[1:]), dtype=values.dtype, device=self._device)
                for name, values in looks.items()
            }
        room = min(len(looks["betas"]), self._capacity - self._count)
        for name, kept in self._kept.items():
            kept[self._count : self._count + room] = looks[name][:room].to(self._device)
        self._count += room
