"""How long an image waits for what belongs to it, and whether that has been worth it lately."""

from __future__ import annotations

import time
from collections import deque


class WaitBudget:
    """The time that the image in hand may still wait. All its waits begin together, so that they do not add up."""

    def __init__(self) -> None:
        self._began: float | None = None

    def begin(self) -> None:
        """An image was taken in hand."""
        self._began = time.monotonic()

    def left(self, wait_s: float) -> float:
        """Seconds left of `wait_s`, all of them where nobody says when the image was taken in hand."""
        return wait_s if self._began is None else max(0.0, self._began + wait_s - time.monotonic())


class Habit:
    """Whether the messages that belong to images have come in time lately: only then is it worth waiting for them.

    Both of the last two must have come: a sensor of half the camera's rate keeps no second image waiting.
    """

    def __init__(self) -> None:
        self._in_time = deque([True, True], maxlen=2)
        self._open: tuple[int, float] | None = None  # stamp of the last image without its message, until when it counts

    @property
    def is_worth_waiting(self) -> bool:
        """Whether to wait for the next one."""
        return all(self._in_time)

    def found(self) -> None:
        """The image's message is there."""
        self._give_up()
        self._in_time.append(True)

    def missing(self, stamp_ns: int, for_s: float) -> None:
        """The image's message is not there yet; it may still come within `for_s` seconds."""
        self._give_up()
        self._open = stamp_ns, time.monotonic() + for_s

    def came(self, stamp_ns: int, within_ns: int = 0) -> bool:
        """A message came; returns whether it is the missing one, in time, and no farther from it than `within_ns`."""
        if self._open is None or abs(stamp_ns - self._open[0]) > within_ns or time.monotonic() > self._open[1]:
            return False
        self._in_time.append(True)
        self._open = None
        return True

    def _give_up(self) -> None:
        if self._open is not None:
            self._in_time.append(False)
        self._open = None
