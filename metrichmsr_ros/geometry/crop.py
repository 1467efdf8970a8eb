"""Crops as one matrix: A maps source pixels to crop pixels, and K' = A K is the crop's camera.

The paper's bounding-box intrinsics (scale and shift) are the special case without rotation; because A may also
rotate, the same code covers square, padded and rotated crops.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from metrichmsr_ros.types import Float64Array


def crop_matrix(centre: ArrayLike, size: ArrayLike, out_size: ArrayLike, rotation: float = 0.0) -> Float64Array:
    """Matrix A (3, 3): source pixel [u, v, 1] -> crop pixel, both with integer pixel centres.

    Args:
        centre: (2,) middle of the crop in source pixels.
        size: side (or width, height) of the crop's rectangle in source pixels, edge to edge.
        out_size: side (or width, height) of the crop image in pixels.
        rotation: radians. The crop's up axis points along (sin r, -cos r) in the source image: 0 keeps the image
            upright, positive turns the rectangle clockwise on the screen.

    The middle of the rectangle lands on ((w-1)/2, (h-1)/2) of the crop; parts outside the source are padding.
    """
    extent = np.broadcast_to(np.asarray(size, np.float64), (2,))
    out = np.broadcast_to(np.asarray(out_size, np.float64), (2,))
    if not (extent > 0).all() or not (out > 0).all():
        raise ValueError(f"crop size {extent.tolist()} and output size {out.tolist()} must be positive")
    cos, sin = np.cos(rotation), np.sin(rotation)
    matrix = np.eye(3)
    matrix[:2, :2] = (out / extent)[:, None] * np.array([[cos, sin], [-sin, cos]])
    matrix[:2, 2] = (out - 1) / 2 - matrix[:2, :2] @ np.asarray(centre, np.float64)
    return matrix


def enclosing_size(extent: ArrayLike, out_size: tuple[int, int]) -> Float64Array:
    """Width and height (2,) of the smallest rectangle of `out_size`'s aspect ratio that encloses `extent` (2,) px."""
    width, height = np.asarray(extent, np.float64)
    across = max(width, height * out_size[0] / out_size[1])
    return np.array([across, across * out_size[1] / out_size[0]])


def warp_crop(image: NDArray[Any], matrix: ArrayLike, out_size: tuple[int, int], border: float = 0) -> NDArray[Any]:
    """Cut the crop of `matrix` A out of `image` (H, W[, C]), bilinear; `out_size` = (width, height)."""
    affine = np.asarray(matrix, np.float64)[:2]
    return cv2.warpAffine(
        image, affine, out_size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=(border,) * 4
    )


def crop_intrinsics(matrix: ArrayLike, intrinsics: ArrayLike) -> Float64Array:
    """K' = A K (..., 3, 3): intrinsics of the crop's pixels in the same camera frame."""
    return np.asarray(matrix, np.float64) @ np.asarray(intrinsics, np.float64)


def apply_matrix(matrix: ArrayLike, points: ArrayLike) -> Float64Array:
    """Map pixels (..., 2) by an affine (3, 3), e.g. `np.linalg.inv(A)` to bring crop pixels back to the source."""
    a = np.asarray(matrix, np.float64)
    return np.asarray(points, np.float64) @ a[:2, :2].T + a[:2, 2]
