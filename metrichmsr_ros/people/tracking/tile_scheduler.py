"""Choice of the tiles for the few detector calls of a frame: new people are found soon, at a fixed cost per frame.

The order of priority is: places where a person was lost; moving regions without a known person; the surroundings of
known people, who are masked; and the tiles of the whole pyramid in turn. A coarse map holds the time of the last visit
of each place, so that a waving tree or a passing car is not visited in every frame.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from metrichmsr_ros.people.blazepose.crops import Tile
from metrichmsr_ros.people.blazepose.landmarks import LandmarkSet, Roi
from metrichmsr_ros.people.detection.tiles import tile_around, tile_pyramid

_MOTION_SIDE = 240
"""Short side of the image in which motion is measured, px."""
_MOTION_STEP = 14
"""Grey levels between two frames that count as motion; sensor noise stays below."""
_MAX_MOVING = 0.25
"""Moving share of the image above which the camera itself is assumed to move."""
_MIN_TILE = 72
_BLOB_FACTOR = 2.2
_CELLS = 24


class MotionMap:
    """Regions that change between consecutive images, without those of known people."""

    def __init__(self) -> None:
        self._last: np.ndarray | None = None

    def reset(self) -> None:
        """Discard the last image."""
        self._last = None

    def update(self, image: np.ndarray, known: Sequence[LandmarkSet]) -> list[Tile] | None:
        """Compare with the last image.

        Returns:
            One square tile per moving region, the largest first, in px of `image`; None for the first image, and while
            the camera itself moves.
        """
        height, width = image.shape[:2]
        shrink = max(1.0, min(height, width) / _MOTION_SIDE)
        size = (max(1, round(width / shrink)), max(1, round(height / shrink)))
        small = cv2.cvtColor(cv2.resize(image, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
        last, self._last = self._last, small
        if last is None or last.shape != small.shape:
            return None
        moving = (cv2.absdiff(small, last) > _MOTION_STEP).astype(np.uint8)
        if moving.mean() > _MAX_MOVING:
            return None
        for body in known:
            low, high = _box(body, 0.08)
            x0, y0, x1, y1 = np.concatenate([low, high]) / shrink
            moving[max(0, int(y0)) : max(0, int(y1) + 1), max(0, int(x0)) : max(0, int(x1) + 1)] = 0
        return _blob_tiles(moving, shrink, width, height)


class TileScheduler:
    """Chooses the tiles of each frame.

    Args:
        divisors, min_side, overlap: as for `tile_pyramid`, whose tiles are visited in rotation.
        recheck_s: a place visited for a lost person, motion or neighbours is not visited again within this time.
    """

    def __init__(self, divisors: tuple[float, ...], min_side: int, overlap: float, recheck_s: float) -> None:
        self._pyramid = (divisors, min_side, overlap)
        self._recheck_s = recheck_s
        self._motion = MotionMap()
        self._size = (0, 0)
        self._tiles: list[Tile] = []
        self._due: np.ndarray = np.zeros(0)
        self._pace: np.ndarray = np.zeros(0)
        self._visited: dict[tuple[int, int, int], float] = {}

    def reset(self) -> None:
        """Discard all visits and the last image."""
        self._size = (0, 0)
        self._motion.reset()

    def choose(
        self, image: np.ndarray, stamp_s: float, known: Sequence[LandmarkSet], lost: Sequence[Roi], count: int
    ) -> list[Tile]:
        """At most `count` tiles for this frame; at least one of them is the pyramid's next.

        To save time, one tile fewer is chosen while people are known and none is lost. While people are known and the
        camera stands still, motion reveals newcomers, so only one tile is of the pyramid.
        """
        count = max(1, count - (bool(known) and not lost))
        height, width = image.shape[:2]
        if self._size != (width, height):
            self._start(width, height)
        blobs = self._motion.update(image, known)
        wanted = [tile_around(roi, width, height) for roi in lost]
        wanted += blobs or []
        wanted += [tile_around(body.next_roi(), width, height) for body in known]
        chosen: list[Tile] = []
        for tile in wanted:
            if len(chosen) >= count - 1:
                break
            if self._is_due(tile, stamp_s):
                self._visited[self._spot(tile)] = stamp_s
                chosen.append(tile)
        is_calm = bool(known) and blobs is not None
        return chosen + self._rotate(1 if is_calm else count - len(chosen))

    def _start(self, width: int, height: int) -> None:
        self._motion.reset()
        self._visited.clear()
        self._size = (width, height)
        self._tiles = tile_pyramid(width, height, *self._pyramid)
        areas = np.array([tile.width * tile.height for tile in self._tiles])
        # Every level gets the same share of visits: large people are found at once, small ones later. People enter at
        # the border, so its tiles are visited twice as often.
        level = np.array([(areas == area).sum() for area in areas], np.float64)
        border = np.array([_touches_border(tile, width, height) for tile in self._tiles])
        self._pace = level * np.where(border, 1.0, 2.0)
        self._due = self._pace * np.linspace(0.0, 1.0, len(self._tiles), endpoint=False)
        self._due[0] = 0.0

    def _rotate(self, count: int) -> list[Tile]:
        """The next `count` tiles of the pyramid in rotation."""
        order = np.argsort(self._due, kind="stable")[: max(count, 0)]
        now = self._due[order[0]] if len(order) else 0.0
        self._due[order] = np.maximum(self._due[order], now) + self._pace[order]
        return [self._tiles[i] for i in order]

    def _spot(self, tile: Tile) -> tuple[int, int, int]:
        width, height = self._size
        column = int((tile.x + tile.width / 2) / width * _CELLS)
        row = int((tile.y + tile.height / 2) / height * _CELLS)
        return column, row, round(np.log2(max(tile.width, tile.height)) * 2)

    def _is_due(self, tile: Tile, stamp_s: float) -> bool:
        column, row, scale = self._spot(tile)
        near = [
            self._visited.get((column + dx, row + dy, scale + ds), -np.inf)
            for dx in (-1, 0, 1)
            for dy in (-1, 0, 1)
            for ds in (-1, 0, 1)
        ]
        return stamp_s - max(near) >= self._recheck_s


def _box(body: LandmarkSet, margin: float) -> tuple[np.ndarray, np.ndarray]:
    box = body.bbox()
    extra = margin * body.roi.size
    return box[:2] - extra, box[2:] + extra


def _blob_tiles(moving: np.ndarray, shrink: float, width: int, height: int) -> list[Tile]:
    """Squares around connected moving regions; regions within a few px of each other are joined."""
    joined = cv2.dilate(moving, np.ones((7, 5), np.uint8))
    count, _, stats, centres = cv2.connectedComponentsWithStats(joined)
    order = 1 + np.argsort(-stats[1:, cv2.CC_STAT_AREA], kind="stable")
    tiles = []
    for index in order[: min(count, 8)]:
        side = max(stats[index, cv2.CC_STAT_WIDTH], stats[index, cv2.CC_STAT_HEIGHT]) * shrink * _BLOB_FACTOR
        roi = Roi(centres[index] * shrink, float(np.clip(side, _MIN_TILE, min(width, height))))
        if stats[index, cv2.CC_STAT_AREA] >= 60:
            tiles.append(tile_around(roi, width, height, factor=1.0))
    return tiles


def _touches_border(tile: Tile, width: int, height: int) -> bool:
    return tile.x == 0 or tile.y == 0 or tile.x + tile.width == width or tile.y + tile.height == height
