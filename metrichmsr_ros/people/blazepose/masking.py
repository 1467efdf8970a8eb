"""Masking of known people, so that the networks find others.

When two people stand close together, both networks return only one of them: the detector merges the two, and the
landmark network drifts to the more visible one. When the known body is filled with the colours around it, the networks
find the second person.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np

from metrichmsr_ros.people.blazepose.landmarks import ROI_SCALE, LandmarkSet
from metrichmsr_ros.types import FloatingArray

LIMBS = (
    *((11, 13), (13, 15), (12, 14), (14, 16)),  # arms
    *((23, 25), (25, 27), (24, 26), (26, 28), (27, 31), (28, 32)),  # legs and feet
    *((11, 12), (23, 24), (11, 23), (12, 24)),  # torso
)
"""Pairs of landmarks with a limb between them."""
LIMB_WIDTH = 0.10
"""Width of a limb with clothes, as a share of the diameter of the circle around the body."""
_ROOM = 0.2  # of that diameter: what is masked reaches less beyond the landmarks


def mask_bodies(
    crop: np.ndarray, matrix: FloatingArray, bodies: Sequence[LandmarkSet], keep: LandmarkSet | None = None
) -> np.ndarray:
    """A copy of `crop` with the bodies filled with the colours around them; `crop` itself if no body overlaps it.

    Args:
        crop: (H, W, 3) uint8.
        matrix: (3, 3) image px to crop px.
        bodies: landmark sets of the people to mask.
        keep: a person whose pixels stay where a masked body overlaps them, because the depth order is unknown.
    """
    bodies = [body for body in bodies if _reaches(crop.shape, matrix, body)]
    if not bodies:
        return crop
    mask = np.zeros(crop.shape[:2], np.uint8)
    for body in bodies:
        _paint(mask, matrix, body, 255)
    if keep is not None and mask.any():
        _paint(mask, matrix, keep, 0)
    if not mask.any():
        return crop
    size = max(_crop_size(matrix, body) for body in bodies)
    return cv2.copyTo(_colours_around(crop, mask, size), mask, crop.copy())


def _reaches(shape: tuple[int, ...], matrix: FloatingArray, body: LandmarkSet) -> bool:
    """Whether a body, with clothes and head, may touch a crop of (H, W, 3)."""
    x0, y0, x1, y1 = body.extent
    corners = np.array([[x0, y0], [x1, y0], [x0, y1], [x1, y1]]) @ matrix[:2, :2].T + matrix[:2, 2]
    room = _ROOM * _crop_size(matrix, body)
    low, high = corners.min(0) - room, corners.max(0) + room
    return bool(high[0] >= 0 and high[1] >= 0 and low[0] < shape[1] and low[1] < shape[0])


def _paint(mask: np.ndarray, matrix: FloatingArray, body: LandmarkSet, value: int) -> None:
    """Draw limbs, torso and head of one body into a mask, thick enough to cover clothes."""
    points = body.pixels[:33] @ matrix[:2, :2].T + matrix[:2, 2]
    points = np.clip(points, -2e3, 2e3)  # OpenCV draws only small integer coordinates
    width = max(2, round(LIMB_WIDTH * _crop_size(matrix, body)))
    whole = points.round().astype(np.int32)
    for start, end in LIMBS:
        cv2.line(mask, _xy(whole[start]), _xy(whole[end]), value, width)
    cv2.fillConvexPoly(mask, cv2.convexHull(whole[[11, 12, 23, 24]]), value)
    neck, nose = points[[11, 12]].mean(0), points[0]
    crown = nose + 0.4 * (nose - neck)
    cv2.line(mask, _xy(neck.round()), _xy(crown.round()), value, round(1.4 * width))


def _colours_around(crop: np.ndarray, mask: np.ndarray, size: float) -> np.ndarray:
    """Mean colour (H, W, 3) uint8 of the unmasked pixels within about half a body, computed at quarter size."""
    height, width = mask.shape
    small = (max(1, width // 4), max(1, height // 4))
    window = int(np.clip(size / 8, 3, 63)) | 1
    rest = cv2.bitwise_not(mask)
    shown = cv2.bitwise_and(crop, crop, mask=rest)
    total = cv2.blur(cv2.resize(shown, small, interpolation=cv2.INTER_AREA).astype(np.float32), (window, window))
    seen = cv2.resize((rest / np.float32(255)).astype(np.float32), small, interpolation=cv2.INTER_AREA)
    mean = total.mean((0, 1)) / max(float(seen.mean()), 1e-3)
    colour = (total + 1e-3 * mean) / (cv2.blur(seen, (window, window))[..., None] + 1e-3)
    return cv2.resize(np.clip(colour, 0, 255).astype(np.uint8), (width, height), interpolation=cv2.INTER_LINEAR)


def _crop_size(matrix: FloatingArray, body: LandmarkSet) -> float:
    return body.roi.size / ROI_SCALE * math.sqrt(abs(matrix[0, 0] * matrix[1, 1] - matrix[0, 1] * matrix[1, 0]))


def _xy(point: np.ndarray) -> tuple[int, int]:
    return int(point[0]), int(point[1])
