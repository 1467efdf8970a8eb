"""Square tiles of several sizes over an image, because the detector's input is 224 x 224 px."""

from __future__ import annotations

import math

import numpy as np

from metrichmsr_ros.people.blazepose.crops import Tile
from metrichmsr_ros.people.blazepose.landmarks import Roi


def tile_pyramid(
    width: int, height: int, divisors: tuple[float, ...], min_side: int, overlap: float = 0.5
) -> list[Tile]:
    """The whole image first, then squares from large to small, row by row.

    Args:
        width, height: image, px.
        divisors: the squares' sides are the image's short side divided by these.
        min_side: sides below this many px are left out; the detector cannot use them.
        overlap: smallest share of a tile that the next one also covers; squares are spread evenly up to both borders.
    """
    tiles = [Tile(0, 0, width, height)]
    for divisor in divisors:
        side = round(min(width, height) / divisor)
        if side < min_side or side == max(width, height):
            continue
        columns, rows = _starts(width, side, overlap), _starts(height, side, overlap)
        tiles += [Tile(x, y, side, side) for y in rows for x in columns]
    return tiles


def tile_around(roi: Roi, width: int, height: int, factor: float = 1.8) -> Tile:
    """Square of `factor` times a ROI's side around its centre, clipped to the image; at least 8 px."""
    half = roi.size * factor / 2
    low = np.clip(np.floor(roi.centre - half), 0, (max(width - 8, 0), max(height - 8, 0))).astype(int)
    high = np.minimum(np.maximum(np.ceil(roi.centre + half), low + 8), (width, height)).astype(int)
    return Tile(int(low[0]), int(low[1]), int(high[0] - low[0]), int(high[1] - low[1]))


def _starts(length: int, side: int, overlap: float) -> list[int]:
    count = 1 + math.ceil((length - side) / (side * (1.0 - overlap)) - 1e-9)
    return [round(k * (length - side) / max(count - 1, 1)) for k in range(count)]
