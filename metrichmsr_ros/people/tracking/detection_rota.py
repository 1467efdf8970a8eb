"""Which part of each image the person detector searches: mostly the whole, in between one tile after the other."""

from __future__ import annotations

import numpy as np

from metrichmsr_ros.people.blazepose.crops import Tile
from metrichmsr_ros.people.detection.tiles import tile_pyramid

_ROUND = 3
"""One detector call in this many searches a tile, where people are seen who are too small in the whole image."""


class DetectionRota:
    """Chooses the part of the image for the one detector call of a frame.

    Args:
        divisors, min_side, overlap: as for `tile_pyramid`.
        calm_s: least time between two detector calls while all known people are seen and nobody is new.
    """

    def __init__(self, divisors: tuple[float, ...], min_side: int, overlap: float, calm_s: float) -> None:
        self._pyramid = (divisors, min_side, overlap)
        self._calm_s = calm_s
        self._size = (0, 0)
        self.reset()

    def reset(self) -> None:
        """Begin anew, with the whole image."""
        self._calls, self._last_s = 0, -np.inf

    def choose(self, width: int, height: int, stamp_s: float, is_calm: bool) -> Tile | None:
        """The part of this frame, an image of (width, height) px, to search; None: no call.

        Args:
            width, height: of the image.
            stamp_s: of the image.
            is_calm: all known people are seen and nobody is new, so that a call is not urgent.
        """
        if self._size != (width, height):
            self._start(width, height)
        if is_calm and stamp_s - self._last_s < self._calm_s:
            return None
        self._calls, self._last_s = self._calls + 1, stamp_s
        if self._calls % _ROUND or len(self._tiles) == 1:
            return self._tiles[0]
        return self._next_tile()

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
