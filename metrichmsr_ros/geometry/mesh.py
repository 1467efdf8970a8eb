"""Normals of triangle meshes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from metrichmsr_ros.types import Float64Array, FloatingArray

_SHORTEST = 1e-12  # least length to divide by: triangles without area get a zero normal


def face_normals(vertices: FloatingArray, faces: NDArray[np.integer[Any]]) -> Float64Array:
    """(F, 3) unit normals of faces (F, 3), on the side from which their corners are counter-clockwise.

    Args:
        vertices: (V, 3).
        faces: vertex indices of the corners.
    """
    return _unit(_area_vectors(vertices, faces))


def vertex_normals(vertices: FloatingArray, faces: NDArray[np.integer[Any]]) -> Float64Array:
    """(V, 3) outward unit normals, area-weighted over the faces around each vertex. Arguments as `face_normals`."""
    return _unit(summed_normals(vertices, faces))


def summed_normals(vertices: FloatingArray, faces: NDArray[np.integer[Any]]) -> Float64Array:
    """(V, 3) sums of the normals of the faces around each vertex, each as long as twice its face's area."""
    spread = np.repeat(_area_vectors(vertices, faces), 3, axis=0)
    corner = faces.reshape(-1)
    return np.stack([np.bincount(corner, spread[:, axis], minlength=len(vertices)) for axis in range(3)], axis=1)


def _area_vectors(vertices: FloatingArray, faces: NDArray[np.integer[Any]]) -> Float64Array:
    """(F, 3) normals, each as long as twice the face's area."""
    a, b, c = np.asarray(vertices, np.float64)[faces.T]
    return np.cross(b - a, c - a)


def _unit(vectors: Float64Array) -> Float64Array:
    unit: Float64Array = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), _SHORTEST)
    return unit
