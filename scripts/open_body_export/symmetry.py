"""Make a body exactly its own mirror image, so that flipping an image and mirroring a pose mean the same."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from metrichmsr_ros.body.joints import mirror_name

MIRROR = np.array([-1.0, 1.0, 1.0])


def mirror_vertices(template: np.ndarray) -> np.ndarray:
    """(V,) for every vertex the one nearest to its mirror image at x = 0.

    Raises:
        ValueError: when two vertices claim the same partner.
    """
    _, partner = cKDTree(template).query(template * MIRROR)
    if not np.array_equal(partner[partner], np.arange(len(template))):
        raise ValueError("the mesh has no mirror image of itself: its vertices do not pair up")
    return partner


def symmetric_points(points: np.ndarray, partner: np.ndarray) -> np.ndarray:
    """Mean of (..., V, 3) and its mirror image."""
    return 0.5 * (points + points[..., partner, :] * MIRROR)


def symmetric_rows(matrix: np.ndarray, partner: np.ndarray, names: tuple[str, ...]) -> np.ndarray:
    """Mean of (names, V) and its mirror image, whose rows and columns have changed sides."""
    sides = [names.index(mirror_name(name)) for name in names]
    return 0.5 * (matrix + matrix[sides][:, partner])
