"""Checks of image stamps: which images are processed, and where a video restarts."""

from __future__ import annotations

from typing import Any

from metrichmsr_ros.errors import MetricHMRError
from metrichmsr_ros.people.stamps import JUMP_BACK_S

GAP_S = 5.0  # all tracks end after a longer pause


class FrameDropped(MetricHMRError):
    """An image is not processed: `cause` is counted, and `args[0]` is reported to the user."""

    def __init__(self, cause: str, text: str) -> None:
        super().__init__(text)
        self.cause = cause


def stamp_ns(header: Any) -> int:
    """Nanoseconds of a std_msgs/Header."""
    return int(header.stamp.sec) * 1_000_000_000 + int(header.stamp.nanosec)


class StampGate:
    """Decides by its stamp whether an image is processed, and whether the video restarts with it."""

    def __init__(self) -> None:
        self._last: int | None = None
        self._refused: int | None = None

    def admit(self, stamp: int) -> float | None:
        """Seconds by which stamps jumped, after which all tracks must end; None: the video continues.

        Args:
            stamp: nanoseconds; the caller replaces a stamp of 0.

        Raises:
            FrameDropped: the stamp equals the last one, or is a little older.
        """
        last, refused = self._last, self._refused
        if last is None:
            self._last = stamp
            return None
        if stamp == last:
            raise FrameDropped(
                "duplicate stamp",
                f"two images with the stamp {stamp / 1e9:.3f} s: check whether the image is published twice",
            )
        behind = (last - stamp) / 1e9
        # Late images are single. A second one in a row, newer than the first late one, shows a short loop.
        looped = behind >= JUMP_BACK_S or (behind > 0 and refused is not None and stamp > refused)
        if behind > 0 and not looped:
            self._refused = stamp
            raise FrameDropped("out of order", f"image is {behind:.3f} s older than the one before it")
        self._last, self._refused = stamp, None
        return -behind if looped or -behind > GAP_S else None
