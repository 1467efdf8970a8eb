"""The square that BlazePose looks at: around the hips, as large as the body, with the errors of its detector."""

from __future__ import annotations

import numpy as np

from metrichmsr_ros.people.blazepose.landmarks import Roi
from metrichmsr_ros.types import Float64Array

_HIPS, _SHOULDERS = (1, 2), (16, 17)


def true_region(pixels: Float64Array, joint_pixels: Float64Array) -> Roi:
    """The square that BlazePose's detector aims at.

    Args:
        pixels: (N, 2) points all over the body, px; those almost at the camera must be moved away from it first.
        joint_pixels: (24, 2) joints, px.
    """
    hips = joint_pixels[list(_HIPS)].mean(0)
    up = joint_pixels[list(_SHOULDERS)].mean(0) - hips
    radius = float(np.linalg.norm(pixels - hips, axis=1).max())
    return Roi.from_points(hips, hips + radius * up / (np.linalg.norm(up) + 1e-6))


def seen_region(true: Roi, share_inside: float, rng: np.random.Generator) -> Roi:
    """The true square with the errors of a detection; they grow with the share of the body outside the image."""
    outside = 1 - share_inside
    centre = true.centre + (0.045 + 0.08 * outside) * true.size * rng.standard_normal(2)
    growth = np.clip(np.exp((0.11 + 0.22 * outside) * rng.standard_normal()), 0.7, 1.75)
    turn = (0.08 + 0.06 * outside) * rng.standard_normal()
    return Roi(centre, true.size * float(growth), true.rotation + turn)


def body_points(vertices: Float64Array, root_depth: float) -> Float64Array:
    """Points (N, 3) of the body in the camera frame; none is nearer than 0.6 of the root, as a detector guesses."""
    points = vertices.copy()
    points[:, 2] = np.maximum(points[:, 2], 0.6 * max(root_depth, 0.3))
    return points
