"""How long an image waits for its other inputs, and whether the last ones arrived in time."""

from __future__ import annotations

import time
from collections import deque


class WaitBudget:
    """The remaining waiting time of the current image. All its waits start together, so they do not add up."""

    def __init__(self) -> None:
        self._began: float | None = None

    def begin(self) -> None:
        """Start the time of a new image."""
        self._began = time.monotonic()

    def left(self, wait_s: float) -> float:
        """Seconds left of `wait_s`; all of it if `begin` was never called."""
        return wait_s if self._began is None else max(0.0, self._began + wait_s - time.monotonic())


class Habit:
    """Whether the other messages of the last images arrived in time; only then does an image wait for them.

    Both of the last two must have arrived. So a sensor at half the camera's rate does not delay every second image.
    """

    def __init__(self) -> None:
        self._in_time = deque([True, True], maxlen=2)
        self._open: tuple[int, float] | None = None  # stamp of the last image without its message, and its deadline

    @property
    def is_worth_waiting(self) -> bool:
        """Whether to wait for the next one."""
        return all(self._in_time)

    def found(self) -> None:
        """The image's message was there."""
        self._give_up()
        self._in_time.append(True)

    def missing(self, stamp_ns: int, for_s: float) -> None:
        """The image's message is missing; it may still arrive within `for_s` seconds."""
        self._give_up()
        self._open = stamp_ns, time.monotonic() + for_s

    def came(self, stamp_ns: int, within_ns: int = 0) -> bool:
        """Whether an arrived message is the missing one, in time, with a stamp within `within_ns` of the image's."""
        if self._open is None or abs(stamp_ns - self._open[0]) > within_ns or time.monotonic() > self._open[1]:
            return False
        self._in_time.append(True)
        self._open = None
        return True

    def _give_up(self) -> None:
        if self._open is not None:
            self._in_time.append(False)
        self._open = None
