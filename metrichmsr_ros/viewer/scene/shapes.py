"""Lines and surfaces for what has none of its own: skeletons, uncertainty, paths."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from metrichmsr_ros.body.joints import PARENTS
from metrichmsr_ros.types import Float64Array
from metrichmsr_ros.viewer.scene.placement import quaternion

_SHARE_95 = 2.7955  # standard deviations around 95 % of a Gaussian in three dimensions
_GAP_S = 1.0  # a person unseen for longer has a gap in the path
_MOST_SEGMENTS = 300


@dataclass(frozen=True, eq=False)
class Ellipsoid:
    """A sphere of radius 1 that is scaled by `radii` (3,) m, turned by `wxyz` (4,) and put at `centre` (3,)."""

    centre: Float64Array
    wxyz: Float64Array
    radii: Float64Array


def bones(joints: Float64Array) -> Float64Array:
    """Lines (23, 2, 3) from each of 24 joints (24, 3) to its parent."""
    children = range(1, len(PARENTS))
    lines: Float64Array = np.stack([joints[list(children)], joints[[PARENTS[joint] for joint in children]]], axis=1)
    return lines


def ellipsoid(centre: Float64Array, covariance: Float64Array) -> Ellipsoid | None:
    """Where a position is with a probability of 95 %; None if the covariance (3, 3) m^2 is unknown or no covariance."""
    if not np.isfinite(covariance).all():
        return None
    variances, axes = np.linalg.eigh((covariance + covariance.T) / 2)
    if variances[0] < 0 or variances[-1] <= 0:
        return None
    if np.linalg.det(axes) < 0:
        axes[:, 0] *= -1
    return Ellipsoid(centre, quaternion(axes), np.maximum(_SHARE_95 * np.sqrt(variances), 1e-3))


def path(points: Float64Array, times: Float64Array) -> Float64Array:
    """Lines (M, 2, 3) along points (N, 3) at times (N,) s, without those over gaps; at most about 300 of them."""
    stride = max(1, -(-len(points) // _MOST_SEGMENTS))
    kept = np.arange(len(points))[::-stride][::-1]  # with the last one, where the person is
    points, times = points[kept], times[kept]
    lines: Float64Array = np.stack([points[:-1], points[1:]], axis=1)
    return lines[np.diff(times) <= _GAP_S * stride]
