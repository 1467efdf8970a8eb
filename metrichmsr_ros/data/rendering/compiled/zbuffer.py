"""Compiled z-buffer, vertex normals and skinning: the parts that touch every vertex or face."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from metrichmsr_ros.data.rendering.compiled.compilation import compiled

NEAR = 0.05
"""Faces with a vertex nearer than this (m) are left out."""
Float32 = NDArray[np.float32]
Int32 = NDArray[np.int32]
UInt8 = NDArray[np.uint8]
Triangle = tuple[float, float, float, float, float, float, float, float, float, float]


@compiled
def fill(points: Float32, faces: Int32, face: Int32, depth: Float32) -> None:
    """Write the nearest front face of every pixel centre and its depth.

    Args:
        points: (V, 3) column, row in px (integer centres) and depth in metres.
        faces: (F, 3), counter-clockwise seen from outside.
        face: (H, W), -1 where empty; changed.
        depth: (H, W), infinite where empty; changed.
    """
    height, width = face.shape
    for f in range(len(faces)):
        triangle = front_triangle(points, faces[f, 0], faces[f, 1], faces[f, 2])
        if triangle[6] <= 0:
            continue
        left, right = pixels_between(triangle[0], triangle[2], triangle[4], width)
        top, bottom = pixels_between(triangle[1], triangle[3], triangle[5], height)
        for y in range(top, bottom + 1):
            for x in range(left, right + 1):
                z = depth_at(x, y, triangle)
                if z < depth[y, x]:
                    depth[y, x] = z
                    face[y, x] = f


@compiled
def front_triangle(points: Float32, i: int, j: int, k: int) -> Triangle:
    """A face's corners in px (ax, ay, bx, by, cx, cy), twice its area, and the weights of its corners in 1 / depth.

    The area is 0 where nothing is drawn: seen from behind, or too near.
    """
    az, bz, cz = points[i, 2], points[j, 2], points[k, 2]
    ax, ay, bx, by, cx, cy = points[i, 0], points[i, 1], points[j, 0], points[j, 1], points[k, 0], points[k, 1]
    area = (cx - ax) * (by - ay) - (cy - ay) * (bx - ax)
    if area <= 1e-9 or az < NEAR or bz < NEAR or cz < NEAR:
        return 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    return ax, ay, bx, by, cx, cy, area, 1 / (area * az), 1 / (area * bz), 1 / (area * cz)


@compiled
def pixels_between(a: float, b: float, c: float, size: int) -> tuple[int, int]:
    """First and last of `size` pixel centres in the range of three coordinates; first > last where it has none."""
    return max(0, -floored(-min(a, min(b, c)))), min(size - 1, floored(max(a, max(b, c))))


@compiled
def floored(value: float) -> int:
    """The largest whole number that is not above `value`."""
    return int(math.floor(value))  # noqa: RUF046  a float on GPUs


@compiled
def depth_at(x: int, y: int, triangle: Triangle) -> float:
    """Depth of a triangle at a pixel centre, infinite beside it."""
    ax, ay, bx, by, cx, cy, area, wa, wb, wc = triangle
    a = (cx - x) * (by - y) - (cy - y) * (bx - x)
    b = (ax - x) * (cy - y) - (ay - y) * (cx - x)
    c = area - a - b
    if a < 0 or b < 0 or c < 0:
        return math.inf
    return 1 / (a * wa + b * wb + c * wc)


@compiled
def vertex_normals(vertices: Float32, faces: Int32) -> Float32:
    """Unit normals (V, 3), the area-weighted mean of the adjacent faces."""
    out = np.zeros_like(vertices)
    for f in range(len(faces)):
        i, j, k = faces[f, 0], faces[f, 1], faces[f, 2]
        ax, ay, az = vertices[j, 0] - vertices[i, 0], vertices[j, 1] - vertices[i, 1], vertices[j, 2] - vertices[i, 2]
        bx, by, bz = vertices[k, 0] - vertices[i, 0], vertices[k, 1] - vertices[i, 1], vertices[k, 2] - vertices[i, 2]
        nx, ny, nz = ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx
        for v in (i, j, k):
            out[v, 0] += nx
            out[v, 1] += ny
            out[v, 2] += nz
    for v in range(len(out)):
        length = math.sqrt(out[v, 0] ** 2 + out[v, 1] ** 2 + out[v, 2] ** 2) + np.float32(1e-12)
        for c in range(3):
            out[v, c] /= length
    return out


@compiled
def skin(shaped: Float32, joints: Int32, weights: Float32, moves: Float32) -> Float32:
    """Posed vertices (V, 3) of linear blend skinning.

    Args:
        shaped: (V, 3) the body in its rest pose.
        joints: (V, N) the joints that move each vertex. weights: (V, N) their weights.
        moves: (24, 3, 4) of each joint, rest to posed.
    """
    out = np.empty_like(shaped)
    for v in range(len(shaped)):
        x, y, z = shaped[v, 0], shaped[v, 1], shaped[v, 2]
        px, py, pz = np.float32(0), np.float32(0), np.float32(0)
        for n in range(joints.shape[1]):
            w, m = weights[v, n], moves[joints[v, n]]
            px += w * (m[0, 0] * x + m[0, 1] * y + m[0, 2] * z + m[0, 3])
            py += w * (m[1, 0] * x + m[1, 1] * y + m[1, 2] * z + m[1, 3])
            pz += w * (m[2, 0] * x + m[2, 1] * y + m[2, 2] * z + m[2, 3])
        out[v, 0], out[v, 1], out[v, 2] = px, py, pz
    return out


def project(world: Float32, rotation: NDArray[np.float64], eye: NDArray[np.float64], k: NDArray[np.float64]) -> Float32:
    """World points (N, 3) as (N, 3) float32 px of intrinsics `k` (3, 3) and depth, for `fill`."""
    matrix = k @ rotation
    seen = world @ matrix.T.astype(np.float32) - (matrix @ eye).astype(np.float32)
    seen[:, :2] /= np.maximum(seen[:, 2:], np.float32(NEAR))
    return seen
