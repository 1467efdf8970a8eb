"""Axis-aligned boxes x0, y0, x1, y1 in an image, or in any other plane."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from metrichmsr_ros.types import FloatingArray


def box_iou(first: ArrayLike, second: ArrayLike) -> FloatingArray:
    """Intersection over union of every pair of boxes.

    Args:
        first: (N, 4) x0, y0, x1, y1.
        second: (M, 4), in the same coordinates.

    Returns:
        (N, M) in 0..1; 0 where a box holds NaN or where both have no area. The dtype is that of the two together;
        whole numbers become float64.
    """
    dtype = np.result_type(np.asarray(first).dtype, np.asarray(second).dtype, np.float32)
    one, other = np.asarray(first, dtype)[:, None], np.asarray(second, dtype)[None]
    shared = _areas(np.maximum(one[..., :2], other[..., :2]), np.minimum(one[..., 2:], other[..., 2:]))
    union = _areas(one[..., :2], one[..., 2:]) + _areas(other[..., :2], other[..., 2:]) - shared
    iou: FloatingArray = np.where(union > 0, shared / np.where(union > 0, union, dtype.type(1)), dtype.type(0))
    return iou


def share_covered(first: ArrayLike, second: ArrayLike) -> FloatingArray:
    """Share of each box's area that each other box covers.

    Args:
        first: (N, 4) x0, y0, x1, y1.
        second: (M, 4), in the same coordinates.

    Returns:
        (N, M) float64 in 0..1, of the boxes of `first`; 0 for boxes without area.
    """
    one, other = np.asarray(first, np.float64)[:, None], np.asarray(second, np.float64)[None]
    shared = _areas(np.maximum(one[..., :2], other[..., :2]), np.minimum(one[..., 2:], other[..., 2:]))
    covered: FloatingArray = shared / np.maximum(_areas(one[..., :2], one[..., 2:]), 1e-9)
    return covered


def _areas(low: FloatingArray, high: FloatingArray) -> FloatingArray:
    areas: FloatingArray = np.prod(np.clip(high - low, 0, None), axis=-1)
    return areas
