"""Quarter turns of images of cameras that are mounted upside down or on their side.

The networks that detect people know upright people alone. They see the image turned by the quarter turns that bring the
vertical nearest to the image's top; what they find is turned back, so that all else stays in pixels of the image.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from metrichmsr_ros.types import Float64Array, FloatingArray, ImageArray

_LEAST_LEVEL = 0.5
"""Least length, of 1, of the vertical in the image plane: a camera that looks up or down has no upright images."""


def roll_of(up_cam: ArrayLike) -> float:
    """Angle in radians from the image's top to the vertical, clockwise; 0 where the camera looks up or down.

    Args:
        up_cam: (3,) unit vector against gravity in the camera's optical frame.
    """
    right, down, _ = np.asarray(up_cam, np.float64)
    return math.atan2(right, -down) if math.hypot(right, down) > _LEAST_LEVEL else 0.0


def turns_of(up_cam: ArrayLike | None) -> int:
    """Quarter turns, 0 to 3, counter-clockwise, that bring the vertical nearest to the image's top; 0 where unknown."""
    return 0 if up_cam is None else round(roll_of(up_cam) / (math.pi / 2)) % 4


def turned(image: ImageArray, turns: int) -> ImageArray:
    """An image (H, W, C) turned counter-clockwise by quarter turns; itself for 0."""
    return np.ascontiguousarray(np.rot90(image, turns)) if turns else image


def turned_back(points: FloatingArray, turns: int, size: tuple[int, int]) -> FloatingArray:
    """Points (..., 2) px of a turned image in px of the image as it was, of this `size` (width, height)."""
    last_column, last_row = size[0] - 1, size[1] - 1
    u, v = points[..., 0], points[..., 1]
    if turns == 0:
        return points
    if turns == 1:
        return np.stack([last_column - v, u], axis=-1)
    if turns == 2:
        return np.stack([last_column - u, last_row - v], axis=-1)
    return np.stack([v, last_row - u], axis=-1)


def boxes_turned_back(boxes: FloatingArray, turns: int, size: tuple[int, int]) -> FloatingArray:
    """Boxes (N, 4) x0, y0, x1, y1 px of a turned image, as from `turned_back`."""
    if turns == 0:
        return boxes
    corners = turned_back(np.asarray(boxes).reshape(-1, 2, 2), turns, size)
    return np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)


def rotation_of(turns: int) -> float:
    """Rotation in radians, as of `Roi`, of a square in the image whose top is the top of people there."""
    return math.remainder(turns * math.pi / 2, 2 * math.pi)


def downwards(turns: int) -> Float64Array:
    """(2,) unit vector in the image that points to people's feet."""
    return np.array([(0.0, 1.0), (-1.0, 0.0), (0.0, -1.0), (1.0, 0.0)][turns])
