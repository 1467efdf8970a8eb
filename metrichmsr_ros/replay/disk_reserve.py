"""Disk space reserved for the results, so that they can be written when the disk becomes full."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import TracebackType

LEAST_FREE_BYTES = 64 * 2**20  # needed to start
HELD_BYTES = 24 * 2**20  # freed at the end for the bag's index, estimates, trajectories and report
FRAME_BYTES = 2 * 2**20  # with less free space the disk counts as full
PERSON_BYTES = 1000  # per person and frame: estimates.npz, trajectory and report
NAME = ".reserve"


class DiskReserve:
    """Reserves :data:`HELD_BYTES` on the disk of `folder` inside the `with` block.

    Other processes may fill a robot's disk; then only reserved space is still available.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / NAME

    def __enter__(self) -> DiskReserve:
        """Reserve the space.

        Raises:
            OSError: the disk does not have it.
        """
        try:
            with self._file.open("wb") as file:
                for _ in range(HELD_BYTES >> 20):
                    file.write(bytes(2**20))  # real data: not every file system honours a preallocation
        except OSError:
            self._file.unlink(missing_ok=True)
            raise
        return self

    def is_needed(self, person_frames: int) -> bool:
        """Whether too little space is free to continue and to write the results.

        Args:
            person_frames: people so far, summed over the frames.
        """
        kept_for_results = max(0, PERSON_BYTES * person_frames - HELD_BYTES)
        return shutil.disk_usage(self._file.parent).free < FRAME_BYTES + kept_for_results

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Free the space."""
        self._file.unlink(missing_ok=True)
