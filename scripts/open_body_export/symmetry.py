"""Makes a body exactly symmetric, so that flipping an image is equivalent to mirroring a pose."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from metrichmsr_ros.body.joints import mirror_name

MIRROR = np.array([-1.0, 1.0, 1.0])


def mirror_vertices(template: np.ndarray) -> np.ndarray:
    """(V,) for each vertex the index of the vertex nearest to its mirror image at x = 0.

    Raises:
        ValueError: two vertices have the same partner.
    """
    _, partner = cKDTree(template).query(template * MIRROR)
    if not np.array_equal(partner[partner], np.arange(len(template))):
        raise ValueError("the mesh is not symmetric: its vertices do not form pairs")
    return partner


def symmetric_points(points: np.ndarray, partner: np.ndarray) -> np.ndarray:
    """Mean of (..., V, 3) and its mirror image."""
    return 0.5 * (points + points[..., partner, :] * MIRROR)


def symmetric_rows(matrix: np.ndarray, partner: np.ndarray, names: tuple[str, ...]) -> np.ndarray:
    """Mean of (names, V) and its mirror image, with rows and columns of left and right swapped."""
    sides = [names.index(mirror_name(name)) for name in names]
    return 0.5 * (matrix + matrix[sides][:, partner])
