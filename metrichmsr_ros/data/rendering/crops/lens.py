"""Lens distortion: the picture as a distorted camera takes it and the product rectifies it again.

The truth stays that of the rectified camera. What remains in the picture is the loss of two interpolations, stronger
towards the corners, blocks and noise that the rectification bends, and black where the sensor saw nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.geometry.distortion import distort, undistort
from metrichmsr_ros.types import Float64Array

_STEP = 8  # px between the points of a map that are computed; the rest is interpolated
_LARGEST = 640  # px, of the distorted picture
Exposure = Callable[[NDArray[np.float32]], NDArray[np.uint8]]


@dataclass(frozen=True)
class Lens:
    """A distortion model of `geometry.distortion` and its coefficients."""

    model: str
    coefficients: Float64Array


def random_lens(camera: Camera, rng: np.random.Generator) -> Lens | None:
    """A barrel, pincushion or fisheye lens for a camera; None where the lens does not reach the image's corners."""
    if rng.random() < 0.3:
        lens = Lens("equidistant", rng.normal(0, 0.01, 4))
    else:
        k1 = rng.uniform(-0.35, 0.15)
        lens = Lens("plumb_bob", np.array([k1, -k1 * rng.uniform(0.1, 0.5), *rng.normal(0, 5e-4, 2), 0.0]))
    corners = np.array([[0.0, 0], [camera.width, 0], [0, camera.height], [camera.width, camera.height]])
    reached = distort(lens.model, lens.coefficients, _normalised(corners, camera))
    return lens if np.isfinite(reached).all() else None


def through_lens(
    picture: NDArray[np.float32], camera: Camera, sensor: Float64Array, lens: Lens, photograph: Exposure
) -> NDArray[np.uint8]:
    """Distort a picture, photograph it, rectify it.

    Args:
        picture: (H, W, 3) of the pinhole `camera`.
        camera: of the picture.
        sensor: (2, 2) upper left and lower right edge of the whole image in px of the picture.
        lens: the lens.
        photograph: what the sensor does to the distorted picture.
    """
    there = _map((camera.width, camera.height), np.zeros(2), lambda px: _distorted(px, camera, lens))
    low = np.floor(np.maximum(there.reshape(-1, 2).min(0), sensor[0]))
    high = np.ceil(np.minimum(there.reshape(-1, 2).max(0), sensor[1])) + 1
    size = np.clip(high - low, 8, _LARGEST).astype(int)
    back = _map((int(size[0]), int(size[1])), low, lambda px: _undistorted(px, camera, lens))
    bent = cv2.remap(picture, back[..., 0], back[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    taken = photograph(np.asarray(bent, np.float32))
    outside = (there < sensor[0]).any(-1) | (there > sensor[1]).any(-1)
    there = (there - low).astype(np.float32)
    there[outside] = -10
    return np.asarray(cv2.remap(taken, there[..., 0], there[..., 1], cv2.INTER_LINEAR), np.uint8)


def _map(
    size: tuple[int, int], start: Float64Array, function: Callable[[Float64Array], Float64Array]
) -> NDArray[np.float32]:
    """`function` of all pixels (H, W, 2) float32 of a grid that begins at `start` (2,), computed at a few of them."""
    across = [np.linspace(0, length - 1, max(2, length // _STEP)) for length in size]
    points = np.stack(np.meshgrid(*across), -1) + start
    coarse = np.nan_to_num(function(points), nan=-1e4).astype(np.float32)
    columns = np.linspace(0, len(across[0]) - 1, size[0], dtype=np.float32)
    rows = np.linspace(0, len(across[1]) - 1, size[1], dtype=np.float32)
    x, y = np.meshgrid(columns, rows)
    return np.asarray(cv2.remap(coarse, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32)


def _distorted(pixels: Float64Array, camera: Camera, lens: Lens) -> Float64Array:
    return _pixels(distort(lens.model, lens.coefficients, _normalised(pixels, camera)), camera)


def _undistorted(pixels: Float64Array, camera: Camera, lens: Lens) -> Float64Array:
    return _pixels(undistort(lens.model, lens.coefficients, _normalised(pixels, camera)), camera)


def _normalised(pixels: Float64Array, camera: Camera) -> Float64Array:
    return (pixels - camera.intrinsics[:2, 2]) / np.diag(camera.intrinsics)[:2]


def _pixels(points: Float64Array, camera: Camera) -> Float64Array:
    return points * np.diag(camera.intrinsics)[:2] + camera.intrinsics[:2, 2]
