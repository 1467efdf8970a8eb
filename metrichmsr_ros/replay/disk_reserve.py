"""Room on the disk of the results, held back so that a full disk ends a replay with its results written."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import TracebackType

LEAST_FREE_BYTES = 64 * 2**20  # to begin with
HELD_BYTES = 24 * 2**20  # given back at the end: index of the bag, estimates, trajectories, report
FRAME_BYTES = 2 * 2**20  # less than this is left for the next frame: the disk counts as full
PERSON_BYTES = 1000  # of one person in one frame in estimates.npz, a line of a trajectory and the report
NAME = ".reserve"


class DiskReserve:
    """Holds :data:`HELD_BYTES` of the disk of `folder` for as long as the block runs.

    What fills a robot's disk is mostly something else; then only room that is already ours can still be written to.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / NAME

    def __enter__(self) -> DiskReserve:
        """Take the room.

        Raises:
            OSError: there is not so much.
        """
        try:
            with self._file.open("wb") as file:
                for _ in range(HELD_BYTES >> 20):
                    file.write(bytes(2**20))  # written, not just promised: not every file system keeps such promises
        except OSError:
            self._file.unlink(missing_ok=True)
            raise
        return self

    def is_needed(self, person_frames: int) -> bool:
        """Whether too little is free to go on and then to write the results of so many people's frames."""
        kept_for_results = max(0, PERSON_BYTES * person_frames - HELD_BYTES)
        return shutil.disk_usage(self._file.parent).free < FRAME_BYTES + kept_for_results

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the room back."""
        self._file.unlink(missing_ok=True)
