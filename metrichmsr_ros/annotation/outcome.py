"""What became of one shard."""

from __future__ import annotations

from dataclasses import dataclass

from metrichmsr_ros.data.formats.annotations.manifest import State
from metrichmsr_ros.io.whole_files import DiskFullError


@dataclass(frozen=True)
class ShardOutcome:
    """What became of a task.

    Attributes:
        state: done; damaged: the shard has problems or lacks frames; failed: there is no shard.
        cause: of a damage or failure.
        frames: in the shard.
        people: rows of people in the shard.
        body_model: that was used; empty if none.
        weights_sha256: of the network; empty if unknown.
        skipped: an earlier run wrote it.
        is_fatal: all others will fail in the same way.
        full_disk: the error of a disk that became full.
    """

    state: State
    cause: str = ""
    frames: int = 0
    people: int = 0
    body_model: str = ""
    weights_sha256: str = ""
    skipped: bool = False
    is_fatal: bool = False
    full_disk: DiskFullError | None = None
