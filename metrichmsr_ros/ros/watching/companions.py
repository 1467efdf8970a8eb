"""What belongs to a message and comes a little later than it, or never: its picture, a transform."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from metrichmsr_ros.ros.inputs.stamp_gate import stamp_ns
from metrichmsr_ros.ros.inputs.waiting import Habit

WAIT_S = 0.3
_POLL_S = 0.01
Found = TypeVar("Found")


class Companion(Generic[Found]):
    """Waits for what belongs to a message, as long as that of the last messages came in time.

    Args:
        find: what belongs to a message with this header; None: it is not there.
        may_come: whether it can still come.
    """

    def __init__(self, find: Callable[[Any], Found | None], may_come: Callable[[Any], bool]) -> None:
        self._find, self._may_come, self._habit = find, may_come, Habit()
        self._missed: Any = None

    def of(self, header: Any) -> Found | None:
        """What belongs to the message with this header; None where it does not come within `WAIT_S`."""
        self._look_again()
        until_s = time.monotonic() + (WAIT_S if self._habit.is_worth_waiting else 0.0)
        while True:
            found = self._find(header)
            if found is not None:
                self._habit.found()
                return found
            if time.monotonic() >= until_s or not self._may_come(header):
                self._missed = header
                self._habit.missing(stamp_ns(header), WAIT_S)
                return None
            time.sleep(_POLL_S)

    def _look_again(self) -> None:
        """What was missed and is there by now came late: it is worth waiting for the next one."""
        if self._missed is not None and self._find(self._missed) is not None:
            self._habit.came(stamp_ns(self._missed))
        self._missed = None
