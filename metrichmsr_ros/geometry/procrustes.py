"""Least-squares similarity between point sets (Umeyama 1991), batched, float64, never a reflection."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from metrichmsr_ros.types import Float64Array


def umeyama(
    source: ArrayLike, target: ArrayLike, with_scale: bool = True
) -> tuple[Float64Array, Float64Array, Float64Array]:
    """Similarity that takes `source` (..., N, 3) onto `target` (..., N, 3): target ~ scale * R @ source + t.

    Returns:
        scale (...), R (..., 3, 3) proper rotations, t (..., 3). With `with_scale=False` the scale is 1.
        A source whose points coincide gets scale 1.

    Raises:
        ValueError: shapes differ or are not (..., N, 3).
    """
    a, b = np.asarray(source, np.float64), np.asarray(target, np.float64)
    if a.shape != b.shape or a.ndim < 2 or a.shape[-1] != 3 or a.shape[-2] < 1:
        raise ValueError(f"umeyama needs two equal (..., N, 3) point sets, got {a.shape} and {b.shape}")
    mean_a, mean_b = a.mean(axis=-2, keepdims=True), b.mean(axis=-2, keepdims=True)
    a0, b0 = a - mean_a, b - mean_b
    u, singular, vt = np.linalg.svd(np.swapaxes(b0, -1, -2) @ a0)
    signs = np.ones_like(singular)
    signs[..., 2] = np.where(np.linalg.det(u @ vt) < 0, -1.0, 1.0)  # the nearest proper rotation, not a mirror
    rotation = (u * signs[..., None, :]) @ vt
    spread = (a0**2).sum(axis=(-2, -1))
    scale = np.ones(spread.shape)
    if with_scale:
        scale = np.where(spread > 0, (singular * signs).sum(axis=-1) / np.where(spread > 0, spread, 1.0), 1.0)
    moved = (rotation @ np.swapaxes(mean_a, -1, -2))[..., 0]
    translation = mean_b[..., 0, :] - scale[..., None] * moved
    return scale, rotation, translation


def align(points: ArrayLike, scale: ArrayLike, rotation: ArrayLike, translation: ArrayLike) -> Float64Array:
    """Apply a similarity (...), (..., 3, 3), (..., 3) to `points` (..., N, 3)."""
    turned = np.asarray(points, np.float64) @ np.swapaxes(np.asarray(rotation, np.float64), -1, -2)
    return np.asarray(scale, np.float64)[..., None, None] * turned + np.asarray(translation, np.float64)[..., None, :]
