"""Exact depth with the errors of depth networks and depth cameras, which the refiner learns to correct."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from metrichmsr_ros.data.rendering.depth_rooms import Place
from metrichmsr_ros.types import Float32Array


def initial_depth(rng: np.random.Generator, place: Place) -> Float32Array:
    """A random initial depth (H, W) float32 of `place`, mostly with the errors of a network, sometimes of a sensor.

    One in fifteen is exact, so that the refiner learns to keep good depth. One in thirty is exact up to its scale.
    """
    kind = rng.random()
    if kind < 0.1:
        scale = np.exp(rng.uniform(-0.8, 0.8)) if kind < 0.1 / 3 else 1.0
        return (scale * place.depth).astype(np.float32)
    if kind < 0.2:
        return _sensor(rng, place)
    return _network(rng, place)


def _network(rng: np.random.Generator, place: Place) -> Float32Array:
    """Errors of a network: scale, offset, a nonlinear depth axis, smooth warps, a tilt, blurred edges, glass."""
    depth = _filled(place.depth)
    median = float(np.median(depth))
    depth = median * (depth / median) ** rng.normal(1, 0.08)
    depth *= np.exp(_smooth_noise(rng, depth.shape, (3, 4), 0.09) + _smooth_noise(rng, depth.shape, (8, 10), 0.03))
    depth *= np.exp(rng.normal(0, 0.06) * np.linspace(-1, 1, depth.shape[0])[:, None])
    depth *= _per_part(rng, place.part, 0.03)
    depth = _bled(rng, depth)
    depth = _through_glass(rng, depth) if rng.random() < 0.15 else depth
    scale = np.exp(rng.normal(0, 0.22) if rng.random() < 0.8 else rng.uniform(-0.8, 0.8))
    depth = scale * (depth + rng.normal(0, 0.04) * median)
    depth *= np.exp(rng.normal(0, 0.005, depth.shape))
    return np.maximum(depth, 0.1).astype(np.float32)


def _sensor(rng: np.random.Generator, place: Place) -> Float32Array:
    """Errors of a sensor: limited range, noise that grows with distance, and holes at edges and in patches."""
    depth = place.depth.astype(np.float64)
    depth = depth + rng.normal(0, 0.002, depth.shape) * depth**2
    depth *= np.exp(rng.normal(0, 0.02))
    filled = _filled(place.depth)
    edges = cv2.dilate(filled, np.ones((3, 3))) - cv2.erode(filled, np.ones((3, 3))) > 0.2
    holes = _smooth_noise(rng, depth.shape, (10, 12), 1.0) > rng.uniform(1.0, 2.0)
    depth[edges | holes | (filled > rng.uniform(5, 12))] = np.nan
    return np.where(depth > 0.1, depth, np.nan).astype(np.float32)


def _filled(depth: Float32Array) -> NDArray[np.float64]:
    """Depth with the sky at a finite, far distance, as networks estimate it."""
    known = np.isfinite(depth)
    far = float(depth[known].max()) * 1.2 if known.any() else 10.0
    return np.where(known, depth, far).astype(np.float64)


def _smooth_noise(
    rng: np.random.Generator, shape: tuple[int, ...], knots: tuple[int, int], std: float
) -> NDArray[np.float64]:
    grid = rng.normal(0, std, knots).astype(np.float32)
    return np.asarray(cv2.resize(grid, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC), np.float64)


def _per_part(rng: np.random.Generator, part: NDArray[np.int32], std: float) -> NDArray[np.float64]:
    """One factor per object, because networks misplace whole objects, not single pixels."""
    shifted = part - part.min()
    return np.exp(rng.normal(0, std, int(shifted.max()) + 1))[shifted]


def _bled(rng: np.random.Generator, depth: NDArray[np.float64]) -> NDArray[np.float64]:
    """Depth with edges blurred in inverse depth, over up to about a hundredth of the width."""
    sigma = rng.uniform(0.3, 0.012 * depth.shape[1])
    return 1 / cv2.GaussianBlur(1 / depth, (0, 0), sigma)


def _through_glass(rng: np.random.Generator, depth: NDArray[np.float64]) -> NDArray[np.float64]:
    """Depth with a rectangle moved farther away, like a window or a mirror."""
    height, width = depth.shape
    y, x = int(rng.integers(0, height * 2 // 3)), int(rng.integers(0, width * 2 // 3))
    pane = np.s_[y : y + int(rng.integers(height // 8, height // 3)), x : x + int(rng.integers(width // 8, width // 3))]
    depth = depth.copy()
    depth[pane] *= rng.uniform(1.3, 3)
    return depth
