"""What a click hits: a ray against the bodies, the cloud and the floor."""

from __future__ import annotations

import numpy as np

from metrichmsr_ros.types import AnyArray, Float64Array
from metrichmsr_ros.viewer.scene.floor import SceneFloor

_NEAR_RAY = 0.01  # a point of the cloud is hit within this share of its distance


def mesh_hit(origin: Float64Array, direction: Float64Array, vertices: AnyArray, faces: AnyArray) -> float | None:
    """Distance along a ray to the first triangle that it meets; None if it meets none.

    Args:
        origin: (3,). direction: (3,) unit vector.
        vertices: (V, 3). faces: (F, 3).
    """
    first, second, third = (np.asarray(vertices, np.float64)[faces[:, corner]] for corner in range(3))
    edge, other = second - first, third - first
    across = np.cross(direction, other)
    scale = np.einsum("fk,fk->f", edge, across)
    with np.errstate(divide="ignore", invalid="ignore"):
        from_first = origin - first
        u = np.einsum("fk,fk->f", from_first, across) / scale
        turned = np.cross(from_first, edge)
        v = turned @ direction / scale
        along = np.einsum("fk,fk->f", other, turned) / scale
        hits = along[(u >= 0) & (v >= 0) & (u + v <= 1) & (along > 0)]
    return float(hits.min()) if len(hits) else None


def cloud_hit(origin: Float64Array, direction: Float64Array, points: AnyArray) -> float | None:
    """Distance along a ray to the nearest of points (N, 3) within 1 % of their distance from it; None without one."""
    arms = np.asarray(points, np.float64) - origin
    along = arms @ direction
    off = np.linalg.norm(arms - along[:, None] * direction, axis=1)
    hits = along[(along > 0) & (off < _NEAR_RAY * along)]
    return float(hits.min()) if len(hits) else None


def floor_hit(origin: Float64Array, direction: Float64Array, floor: SceneFloor) -> float | None:
    """Distance along a ray to the floor; None if it looks away from it."""
    slope = float(floor.up @ direction)
    if abs(slope) < 1e-9:
        return None
    along = (floor.height - float(floor.up @ origin)) / slope
    return along if along > 0 else None
