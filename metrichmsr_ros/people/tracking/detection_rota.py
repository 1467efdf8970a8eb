"""When the person detector is called, and which part of the image it searches.

Mostly it searches the whole, in between one tile after the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np

from metrichmsr_ros.people.blazepose.crops import Tile
from metrichmsr_ros.people.detection.tiles import tile_pyramid

_ROUND = 3
"""One detector call in this many searches a tile, where people are seen who are too small in the whole image."""


class Need(Enum):
    """How much a frame needs a detector call; the value names the field of `Pauses`."""

    STILL = "still_s"
    CALM = "calm_s"
    URGENT = "urgent_s"


@dataclass(frozen=True)
class Pauses:
    """Least time between two detector calls, s.

    Attributes:
        still_s: while the detector saw all known people and nothing else has changed since all tiles were searched.
        calm_s: while all known people are seen, also while there are none.
        urgent_s: while somebody is new, or somebody known is not seen.
    """

    still_s: float = 0.5
    calm_s: float = 0.09
    urgent_s: float = 0.045


class DetectionRota:
    """Chooses the part of the image for the one detector call of a frame.

    Args:
        divisors, min_side, overlap: as for `tile_pyramid`.
        pauses: least times between calls.
    """

    def __init__(self, divisors: tuple[float, ...], min_side: int, overlap: float, pauses: Pauses) -> None:
        self._pyramid = (divisors, min_side, overlap)
        self._pauses = pauses
        self.reset()

    def reset(self) -> None:
        """Begin anew, with the whole image and then the first tile."""
        self._calls, self._still_calls, self._last_s = 0, 0, -np.inf
        self._size = (0, 0)  # so that the tiles' turns begin anew too

    def is_due(self, stamp_s: float, need: Need) -> bool:
        """Whether enough time has passed since the last call for this need."""
        return stamp_s - self._last_s >= self._pause_s(need)

    def choose(self, width: int, height: int, stamp_s: float, need: Need) -> Tile | None:
        """The part of this frame, an image of (width, height) px, to search; None: no call.

        Args:
            width, height: of the image.
            stamp_s: of the image.
            need: how soon after the last call the next one comes.
        """
        if self._size != (width, height):
            self._start(width, height)
        if need is not Need.STILL:
            self._still_calls = 0
        if not self.is_due(stamp_s, need):
            return None
        self._calls, self._still_calls, self._last_s = self._calls + 1, self._still_calls + 1, stamp_s
        if self._calls % _ROUND or len(self._tiles) == 1:
            return self._tiles[0]
        return self._next_tile()

    def _pause_s(self, need: Need) -> float:
        """Least time since the last call. A scene that became still is first searched in every tile."""
        if need is Need.STILL and self._still_calls < _ROUND * len(self._tiles):
            return self._pauses.calm_s
        return float(getattr(self._pauses, need.value))

    def _start(self, width: int, height: int) -> None:
        self.reset()
        self._size = (width, height)
        self._tiles = tile_pyramid(width, height, *self._pyramid)
        areas = np.array([tile.width * tile.height for tile in self._tiles[1:]], np.float64)
        # Every level gets the same share of visits.
        self._pace = np.array([(areas == area).sum() for area in areas], np.float64)
        self._due = self._pace * np.linspace(0.0, 1.0, len(areas), endpoint=False)

    def _next_tile(self) -> Tile:
        number = int(np.argmin(self._due))
        self._due[number] += self._pace[number]
        return self._tiles[1 + number]
