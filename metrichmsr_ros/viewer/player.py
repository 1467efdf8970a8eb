"""The clock of the timeline: which frame is on, while playing and after scrubbing."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

SPEEDS = (0.25, 0.5, 1.0, 2.0, 4.0)


class Player:
    """Plays frames at their own times. It never asks what time it is: every call says it.

    Args:
        is_playing: whether it plays at first.
        is_live: while playing, the newest frame is on.

    Attributes:
        index: the frame that is on.
        is_playing: whether time goes on.
        speed: seconds of the recording per second.
    """

    def __init__(self, is_playing: bool, is_live: bool = False) -> None:
        self.index = 0
        self._is_live = is_live
        self.is_playing = is_playing
        self.speed = 1.0
        self._from: tuple[float, float] | None = None  # time now, time of the recording

    def seek(self, index: int) -> None:
        """Show a frame; playing goes on from it."""
        self.index = index
        self._from = None

    def play(self, is_playing: bool) -> None:
        """Start or stop."""
        self.is_playing = is_playing
        self._from = None

    def set_speed(self, speed: float) -> None:
        """Play at this speed from now on."""
        self.speed = speed
        self._from = None

    def advance(self, now_s: float, times: Sequence[float], ended: bool) -> int:
        """The frame that is on at `now_s`.

        At the last frame it begins again if the recording has ended, and else waits for the next one.

        Args:
            now_s: of a clock that only goes forward.
            times: seconds of each frame, ascending, at least one.
            ended: whether no more frames come.
        """
        self.index = min(self.index, len(times) - 1)
        if self._is_live and self.is_playing:
            self.index = len(times) - 1
            return self.index
        if not self.is_playing or len(times) == 1:
            self._from = None
            return self.index
        if self._from is None:
            self._from = now_s, times[self.index]
        began_s, at_s = self._from
        wanted_s = at_s + (now_s - began_s) * self.speed
        self.index = max(self.index, bisect_right(times, wanted_s) - 1)
        if self.index == len(times) - 1:
            self._wait_or_begin_again(wanted_s - times[-1], times, ended)
        return self.index

    def _wait_or_begin_again(self, after_s: float, times: Sequence[float], ended: bool) -> None:
        if not ended:
            self._from = None  # what comes next is not skipped
        elif after_s > (times[-1] - times[0]) / (len(times) - 1):  # the last frame has had its time
            self.seek(0)
