"""Boxes in which somebody else's detector saw people, as places to look at."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from metrichmsr_ros.people.blazepose.landmarks import ROI_SCALE, Roi


def roi_around(box: ArrayLike) -> Roi:
    """Upright landmark ROI of a box (4,) x0, y0, x1, y1 px around a whole person; the next look corrects it."""
    x0, y0, x1, y1 = np.asarray(box, np.float64)
    return Roi(np.array([(x0 + x1) / 2, (y0 + y1) / 2]), ROI_SCALE * float(max(x1 - x0, y1 - y0)))


def overlap(box: ArrayLike, other: ArrayLike) -> float:
    """Intersection over union of two boxes (4,) x0, y0, x1, y1; 0 for empty ones."""
    a, b = np.asarray(box, np.float64), np.asarray(other, np.float64)
    shared = _area(np.concatenate([np.maximum(a[:2], b[:2]), np.minimum(a[2:], b[2:])]))
    union = _area(a) + _area(b) - shared
    return shared / union if union > 0 else 0.0


def _area(box: np.ndarray) -> float:
    width, height = np.maximum(box[2:] - box[:2], 0.0)
    return float(width * height)
