"""Images of several cameras in sets: one image of each camera, of nearly the same time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from metrichmsr_ros.fusion.people_fusion import JUMP_BACK_S

LIVE_S = 1.0  # a camera whose last image is older than the newest of all by more is not waited for

Item = TypeVar("Item")


@dataclass(frozen=True)
class FrameSet(Generic[Item]):
    """Frames by camera, and the time of the newest, s."""

    stamp_s: float
    frames: dict[str, Item]


class FrameSets(Generic[Item]):
    """Collects frames until every camera that is alive has one, or until one camera has its next.

    So the delay is at most one image of the fastest camera, and does not depend on the clock of the computer.
    """

    def __init__(self) -> None:
        self._last: dict[str, float] = {}  # stamp of each camera's newest frame
        self._waiting: dict[str, tuple[float, Item]] = {}

    def add(self, camera: str, stamp_s: float, frame: Item) -> list[FrameSet[Item]]:
        """Add a frame; the sets that are complete now, oldest first."""
        if stamp_s < self._last.get(camera, stamp_s) - JUMP_BACK_S:
            self._last, self._waiting = {}, {}
        ready = self._flush() if camera in self._waiting else []
        self._last[camera] = stamp_s
        self._waiting[camera] = stamp_s, frame
        return ready + (self._flush() if self._waiting.keys() >= self.live() else [])

    def live(self) -> set[str]:
        """The cameras that deliver images."""
        newest = max(self._last.values(), default=0.0)
        return {camera for camera, stamp_s in self._last.items() if newest - stamp_s <= LIVE_S}

    def _flush(self) -> list[FrameSet[Item]]:
        stamp_s = max(stamp for stamp, _ in self._waiting.values())
        flushed = FrameSet(stamp_s, {camera: frame for camera, (_, frame) in self._waiting.items()})
        self._waiting = {}
        return [flushed]
