"""Framing: which part of a person the image holds, told from where the joints lie."""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from metrichmsr_ros.types import Float64Array


class Framing(IntEnum):
    """What the image holds of a person; the person may still be occluded by others and things."""

    WHOLE = 0
    FEET_CUT = 1
    WAIST_UP = 2
    CHEST_UP = 3
    PART = 4


_HEAD, _FEET, _HIPS, _SHOULDERS, _SPINE = 15, (7, 8, 10, 11), (1, 2), (16, 17), 6


def framing_of(pixels: Float64Array, depth: Float64Array, size: tuple[int, int]) -> Framing:
    """The framing of a person.

    Whole: head and both feet lie in the image. Feet cut: head and hips do. Waist up: head, middle spine and a shoulder
    do, but not both hips. Chest up: head and a shoulder do. Part: anything else.

    Args:
        pixels: (24, 2) the joints in the image, px. depth: (24,) m. size: (width, height) of the image, px.
    """
    inside = joints_inside(pixels, depth, size)
    if not inside[_HEAD]:
        return Framing.PART
    if inside[list(_FEET)].all():
        return Framing.WHOLE
    if inside[list(_HIPS)].all():
        return Framing.FEET_CUT
    if not inside[list(_SHOULDERS)].any():
        return Framing.PART
    return Framing.WAIST_UP if inside[_SPINE] else Framing.CHEST_UP


def joints_inside(pixels: Float64Array, depth: Float64Array, size: tuple[int, int]) -> NDArray[np.bool_]:
    """(N,) True for points (N, 2) px in front of the camera and inside the image."""
    inside: NDArray[np.bool_] = (depth > 0.05) & (pixels > -0.5).all(1) & (pixels < np.array(size) - 0.5).all(1)
    return inside
