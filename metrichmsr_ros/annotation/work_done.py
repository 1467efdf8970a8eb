"""How far an annotation is, in numbers for people who wait."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from metrichmsr_ros.annotation.outcome import ShardOutcome
from metrichmsr_ros.annotation.tasks import ShardTask


class WorkDone:
    """Frames and share of the work so far; the work of a task is measured by the bytes of its input.

    Args:
        tasks: all tasks.
        clock: seconds.
    """

    def __init__(self, tasks: Sequence[ShardTask], clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._began_s = clock, clock()
        self._weights = {task: task.weight for task in tasks}
        self._total = max(1, sum(self._weights.values()))
        self._parts: dict[ShardTask, float] = {}  # of tasks that are running
        self._frames_of: dict[ShardTask, int] = {}  # likewise
        self._bytes = self._skipped_bytes = 0.0
        self.tasks = self.skipped = self.frames = self.people = 0

    def take(self, task: ShardTask, said: ShardOutcome | tuple[int, int | None]) -> None:
        """Count what a task says."""
        if not isinstance(said, ShardOutcome):
            done, total = said
            self._frames_of[task] = done
            self._parts[task] = self._weights[task] * min(1.0, done / total) if total else 0.0
            return
        self._parts.pop(task, None)
        self._frames_of.pop(task, None)
        self._bytes += self._weights[task]
        self._skipped_bytes += self._weights[task] if said.skipped else 0
        self.tasks, self.skipped = self.tasks + 1, self.skipped + said.skipped
        if not said.skipped:
            self.frames, self.people = self.frames + said.frames, self.people + said.people

    @property
    def share(self) -> float:
        """0 to 1 of the work."""
        return (self._bytes + sum(self._parts.values())) / self._total

    @property
    def left_s(self) -> float | None:
        """Seconds to the end at the speed so far; None before there is one."""
        done = self.share - self._skipped_bytes / self._total
        return (self._clock() - self._began_s) / done * (1 - self.share) if done > 0 else None

    def line(self) -> str:
        """Shards, frames and speed."""
        frames = self.frames + sum(self._frames_of.values())
        seconds = self._clock() - self._began_s
        before = f", {self.skipped} of them done before" if self.skipped else ""
        return (
            f"{self.tasks} of {len(self._weights)} shards{before}, {frames} frames, "
            f"{frames / seconds if seconds > 0 else 0.0:.1f} frames/s"
        )
