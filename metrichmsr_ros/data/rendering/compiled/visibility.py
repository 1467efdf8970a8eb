"""How much of a person is seen: the share of its surface, and each joint."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from metrichmsr_ros.data.rendering.compiled.compilation import compiled
from metrichmsr_ros.data.rendering.compiled.zbuffer import NEAR, Float32, Int32
from metrichmsr_ros.types import Float64Array


@compiled
def share_seen(points: Float32, faces: Int32, owner: Int32, face: Int32) -> float:
    """Share of the person's surface towards the camera that is in the picture and not occluded by others.

    Args:
        points: (V, 3) px and depth from `project`.
        faces: (F, 3). owner: (F,) number of the mesh of each face; the person is 0.
        face: (H, W) from `fill`.
    """
    height, width = face.shape
    whole, seen = 0.0, 0.0
    for f in range(len(faces)):
        if owner[f] != 0:
            continue
        i, j, k = faces[f, 0], faces[f, 1], faces[f, 2]
        if points[i, 2] < NEAR or points[j, 2] < NEAR or points[k, 2] < NEAR:
            continue
        ax, ay, bx, by = points[i, 0], points[i, 1], points[j, 0], points[j, 1]
        cx, cy = points[k, 0], points[k, 1]
        area = (cx - ax) * (by - ay) - (cy - ay) * (bx - ax)
        if area <= 0:
            continue
        whole += area
        x, y = round((ax + bx + cx) / 3), round((ay + by + cy) / 3)
        if 0 <= x < width and 0 <= y < height:
            front = face[y, x]
            if front >= 0 and owner[front] == 0:
                seen += area
    return seen / max(whole, 1e-9)


def joints_seen(pixels: Float64Array, owner: Int32, face: Int32) -> NDArray[np.bool_]:
    """(24,) True where the person, mesh 0, is the nearest thing at a joint's pixel (24, 2) of the z-buffer."""
    height, width = face.shape
    column, row = np.rint(pixels).astype(np.int64).T
    inside = (column >= 0) & (row >= 0) & (column < width) & (row < height)
    front = face[np.clip(row, 0, height - 1), np.clip(column, 0, width - 1)]
    seen: NDArray[np.bool_] = inside & (front >= 0) & (owner[np.maximum(front, 0)] == 0)
    return seen
