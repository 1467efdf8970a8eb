"""Images of several cameras in sets: one image of each camera, of nearly the same time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from metrichmsr_ros.people.stamps import JUMP_BACK_S

LIVE_S = 1.0  # a camera whose last image is older than the newest of all by more is not waited for
MOST_LATE = 20  # frames in a row that are too late: then the newest one had the wrong clock

Images = TypeVar("Images")


@dataclass(frozen=True)
class FrameSet(Generic[Images]):
    """Frames by camera, and the time of the newest, s."""

    stamp_s: float
    frames: dict[str, Images]


class FrameSets(Generic[Images]):
    """Collects frames until every camera that is alive has one, or until a frame of the next set comes.

    The next set begins with a camera's second frame, and with a frame that is later than the set's first by more than
    half the time between two frames of its camera. So the delay is at most one frame of the fastest camera, and does
    not depend on the clock of the computer.

    A frame that is more than `LIVE_S` older than the newest of another camera is left out: its camera's clock is wrong,
    or that of the newest. After `MOST_LATE` of them in a row, without another frame between, the sets begin anew there.

    Args:
        left_out: called with the camera and the reason for each frame that is left out.
    """

    def __init__(self, left_out: Callable[[str, str], None]) -> None:
        self._left_out = left_out
        self._late = 0  # frames in a row
        self._last: dict[str, float] = {}  # stamp of each camera's newest frame
        self._waiting: dict[str, tuple[float, Images]] = {}

    def add(self, camera: str, stamp_s: float, frame: Images) -> list[FrameSet[Images]]:
        """Add a frame; the sets that are complete now, oldest first. A camera's stamps that jump back begin anew."""
        newest = max(self._last, key=self._last.__getitem__, default=camera)
        behind_s = self._last.get(newest, stamp_s) - stamp_s
        is_late = behind_s > LIVE_S
        if stamp_s < self._last.get(camera, stamp_s) - JUMP_BACK_S or (is_late and self._late == MOST_LATE):
            self._last, self._waiting, is_late = {}, {}, False
        self._late = self._late + 1 if is_late else 0
        if is_late:
            self._left_out(camera, _too_late(behind_s, newest))
            return []
        ready = self._flush() if self._begins_next(camera, stamp_s) else []
        self._last[camera] = stamp_s
        self._waiting[camera] = stamp_s, frame
        return ready + (self._flush() if self._waiting.keys() >= self.live() else [])

    def _begins_next(self, camera: str, stamp_s: float) -> bool:
        if not self._waiting or camera in self._waiting:
            return bool(self._waiting)
        first = min(stamp for stamp, _ in self._waiting.values())
        return camera in self._last and stamp_s - first > (stamp_s - self._last[camera]) / 2

    def live(self) -> set[str]:
        """The cameras that deliver images."""
        newest = max(self._last.values(), default=0.0)
        return {camera for camera, stamp_s in self._last.items() if newest - stamp_s <= LIVE_S}

    def _flush(self) -> list[FrameSet[Images]]:
        stamp_s = max(stamp for stamp, _ in self._waiting.values())
        flushed = FrameSet(stamp_s, {camera: frame for camera, (_, frame) in self._waiting.items()})
        self._waiting = {}
        return [flushed]


def _too_late(behind_s: float, newest: str) -> str:
    return (
        f"its images are {behind_s:.2f} s older than those of {newest}: synchronise the clocks of both cameras, or "
        "lower the latency of this one"
    )
