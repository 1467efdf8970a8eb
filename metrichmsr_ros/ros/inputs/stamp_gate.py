"""The place of an image in time: whether its stamp lets it go on, and whether the video starts anew with it."""

from __future__ import annotations

from typing import Any

from metrichmsr_ros.errors import MetricHMRError

LOOP_S = 1.0  # an image older than the last by this much starts the sequence anew (bag loop, clock jump)
GAP_S = 5.0  # after such a pause nobody is followed on


class FrameDropped(MetricHMRError):
    """An image that is not processed: `cause` is counted, `args[0]` is reported to the user."""

    def __init__(self, cause: str, text: str) -> None:
        super().__init__(text)
        self.cause = cause


def stamp_ns(header: Any) -> int:
    """Nanoseconds of a std_msgs/Header."""
    return int(header.stamp.sec) * 1_000_000_000 + int(header.stamp.nanosec)


class StampGate:
    """Decides from its stamp whether an image goes on, and whether the sequence starts anew with it."""

    def __init__(self) -> None:
        self._last: int | None = None
        self._refused: int | None = None

    def admit(self, stamp: int) -> float | None:
        """Seconds by which stamps jumped, where everybody must be forgotten first; None: the sequence goes on.

        Args:
            stamp: nanoseconds; 0 is for the caller to replace beforehand.

        Raises:
            FrameDropped: the same image again, or one overtaken by a newer.
        """
        last, refused = self._last, self._refused
        if last is None:
            self._last = stamp
            return None
        if stamp == last:
            raise FrameDropped(
                "duplicate stamp", f"two images with the stamp {stamp / 1e9:.3f} s: is it published twice?"
            )
        behind = (last - stamp) / 1e9
        # Late packets come one at a time; a second image behind the last, but after the first such, is a short loop.
        looped = behind >= LOOP_S or (behind > 0 and refused is not None and stamp > refused)
        if behind > 0 and not looped:
            self._refused = stamp
            raise FrameDropped("out of order", f"image is {behind:.3f} s older than the one before it")
        self._last, self._refused = stamp, None
        return -behind if looped or -behind > GAP_S else None
