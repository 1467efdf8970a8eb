"""Sparse non-negative regressors: joints and landmarks as weighted means of a few vertices."""

from __future__ import annotations

import numpy as np
from scipy.optimize import nnls

SUM_WEIGHT = 1e3  # weight, metres, of the equation that the weights sum to one


def fit_regressor(
    vertices: np.ndarray, targets: np.ndarray, reach: int, candidates: int
) -> tuple[np.ndarray, np.ndarray]:
    """Weights of vertices whose means fit `targets` over a population.

    Args:
        vertices: (N, V, 3) bodies, metres.
        targets: (N, K, 3) points of the same bodies, metres.
        reach: number of vertices nearest to a point (on the mean body) that may have weights.
        candidates: number of those that are used, evenly spaced by their rank in distance.

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
        target = targets[:, k].reshape(-1).astype(np.float64)
        weights, _ = nnls(np.vstack([rows, np.full((1, len(near)), SUM_WEIGHT)]), np.append(target, SUM_WEIGHT))
        regressor[k, near] = weights / weights.sum()
        errors[k] = np.linalg.norm(np.einsum("v,nvc->nc", regressor[k], vertices) - targets[:, k], axis=1).mean()
    return regressor, errors


def surface_regressor(vertices: np.ndarray, faces: np.ndarray, points: np.ndarray) -> np.ndarray:
    """(K, V) barycentric weights of the surface points of one body (V, 3) nearest to `points` (K, 3)."""
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
