"""Sparse non-negative regressors: which vertices, in which mixture, lie where a joint or a landmark is."""

from __future__ import annotations

import numpy as np
from scipy.optimize import nnls

SUM_WEIGHT = 1e3  # row that asks the mixture to sum to one, in metres of misfit


def fit_regressor(
    vertices: np.ndarray, targets: np.ndarray, reach: int, candidates: int
) -> tuple[np.ndarray, np.ndarray]:
    """Mixtures of vertices that follow `targets` over a whole population.

    Args:
        vertices: (N, V, 3) bodies, metres.
        targets: (N, K, 3) the points to follow on the same bodies.
        reach: how many of the vertices nearest to a point (on the mean body) may take part in its mixture.
        candidates: how many of those are tried, evenly spread over them.

    Returns:
        Regressor (K, V) float64, rows >= 0 that sum to one, and the mean error of each row (K,) in metres.
    """
    mean = vertices.mean(0)
    regressor = np.zeros((targets.shape[1], vertices.shape[1]))
    errors = np.zeros(targets.shape[1])
    for k in range(targets.shape[1]):
        near = np.argsort(np.linalg.norm(mean - targets[:, k].mean(0), axis=1))[:reach]
        near = near[np.linspace(0, len(near) - 1, min(candidates, len(near))).astype(int)]
        rows = vertices[:, near].transpose(0, 2, 1).reshape(-1, len(near)).astype(np.float64)
        wanted = targets[:, k].reshape(-1).astype(np.float64)
        mixture, _ = nnls(np.vstack([rows, np.full((1, len(near)), SUM_WEIGHT)]), np.append(wanted, SUM_WEIGHT))
        regressor[k, near] = mixture / mixture.sum()
        errors[k] = np.linalg.norm(np.einsum("v,nvc->nc", regressor[k], vertices) - targets[:, k], axis=1).mean()
    return regressor, errors


def surface_regressor(vertices: np.ndarray, faces: np.ndarray, points: np.ndarray) -> np.ndarray:
    """(K, V) barycentric weights of the surface points of one body (V, 3) that lie nearest to `points` (K, 3)."""
    corners = vertices[faces]  # (F, 3, 3)
    regressor = np.zeros((len(points), len(vertices)))
    for k, point in enumerate(points):
        near = np.argsort(np.linalg.norm(corners.mean(1) - point, axis=1))[:50]
        weights = np.stack([_nearest_on_triangle(corners[f], point) for f in near])
        distance = np.linalg.norm(np.einsum("fk,fkc->fc", weights, corners[near]) - point, axis=1)
        best = int(np.argmin(distance))
        np.add.at(regressor[k], faces[near[best]], weights[best])
    return regressor


def _nearest_on_triangle(corners: np.ndarray, point: np.ndarray) -> np.ndarray:
    matrix = np.vstack([corners.T, np.full((1, 3), SUM_WEIGHT)])
    weights, _ = nnls(matrix, np.append(point, SUM_WEIGHT))
    return weights / weights.sum()
