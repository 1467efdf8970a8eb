"""How a replay can end: one exit code per cause, and errors that carry theirs."""

from __future__ import annotations

from enum import IntEnum

from metrichmsr_ros.errors import MetricHMRError


class ExitCode(IntEnum):
    """Exit codes of `metrichmsr replay`, `compare` and `eval`."""

    OK = 0  # everything was processed and written
    SOME_FAILED = 1  # of several bags at least one failed; the others are done
    USAGE = 2  # a wrong option, path or topic; nothing was started
    UNREADABLE = 3  # the bag cannot be read at all, or holds no image we can use
    PARTIAL = 4  # the bag is damaged somewhere: what came before was processed and written
    OUTPUT = 5  # results cannot be written: disk full, no permission; what was written stays
    CRASHED = 6  # nobody foresaw it: an error that is a bug, or a process that ended without a word (out of memory)


class ReplayError(MetricHMRError, RuntimeError):
    """A replay that cannot go on; the message names the bag, the cause and the remedy.

    Attributes:
        code: exit code for the command line.
    """

    def __init__(self, text: str, code: ExitCode) -> None:
        super().__init__(text)
        self.code = code

    def __reduce__(self) -> tuple[type[ReplayError], tuple[str, ExitCode]]:
        """Survive the way back from a worker process."""
        return type(self), (str(self), self.code)
