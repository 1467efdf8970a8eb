"""Rotation matrices: the nearest one to any matrix, and from and to axis-angle vectors."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from metrichmsr_ros.types import FloatingArray


def nearest_rotations(matrices: FloatingArray) -> FloatingArray:
    """Rotations (..., 3, 3) with the least squared difference to `matrices` (..., 3, 3) (orthogonal Procrustes)."""
    left, _, right = np.linalg.svd(matrices)
    left[..., :, 2] *= np.where(np.linalg.det(left @ right) < 0, -1, 1).astype(left.dtype)[..., None]
    nearest: FloatingArray = left @ right
    return nearest


def axis_angles(rotations: FloatingArray) -> FloatingArray:
    """Axis-angle vectors (..., 3), rad, of rotations (..., 3, 3); of the same dtype."""
    vectors = Rotation.from_matrix(rotations.reshape(-1, 3, 3)).as_rotvec()
    return vectors.reshape(rotations.shape[:-1]).astype(rotations.dtype)


def rotation_matrices(vectors: FloatingArray) -> FloatingArray:
    """Rotations (..., J, 3, 3) of J axis-angle vectors, rad, in rows (..., 3 J); of the same dtype."""
    matrices = Rotation.from_rotvec(vectors.reshape(-1, 3)).as_matrix()
    return matrices.reshape(*vectors.shape[:-1], -1, 3, 3).astype(vectors.dtype)
