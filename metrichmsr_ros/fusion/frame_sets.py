"""Images of several cameras in sets: one image of each camera, of nearly the same time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from metrichmsr_ros.fusion.clocks import LIVE_S, CameraClocks

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

    Frames whose stamps differ too much from those of most cameras are left out (`clocks.py`).

    Args:
        left_out: called with the camera, the kind of problem and its cause for each frame that is left out.
    """

    def __init__(self, left_out: Callable[[str, str, str], None]) -> None:
        self._left_out = left_out
        self._clocks = CameraClocks()
        self._waiting: dict[str, tuple[float, Images]] = {}

    def add(self, camera: str, stamp_s: float, frame: Images) -> list[FrameSet[Images]]:
        """Add a frame; the sets that are complete now, oldest first."""
        ruling = self._clocks.add(camera, stamp_s)
        if ruling.left_out is not None:
            self._left_out(camera, *ruling.left_out)
            return []
        if ruling.begins_anew:
            self._waiting = {}
        ready = self._flush() if self._begins_next(camera, stamp_s, ruling.step_s) else []
        self._waiting[camera] = stamp_s, frame
        return ready + (self._flush() if self._waiting.keys() >= self._clocks.live() else [])

    def _begins_next(self, camera: str, stamp_s: float, step_s: float | None) -> bool:
        if not self._waiting or camera in self._waiting:
            return bool(self._waiting)
        first = min(stamp for stamp, _ in self._waiting.values())
        return stamp_s - first > (LIVE_S if step_s is None else step_s / 2)

    def _flush(self) -> list[FrameSet[Images]]:
        stamp_s = max(stamp for stamp, _ in self._waiting.values())
        flushed = FrameSet(stamp_s, {camera: frame for camera, (_, frame) in self._waiting.items()})
        self._waiting = {}
        return [flushed]
