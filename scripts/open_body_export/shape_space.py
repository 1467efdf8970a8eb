"""The linear shape space: ten betas of unit variance over the population, and the displacements of each beta."""

from __future__ import annotations

import numpy as np

NUM_BETAS = 10
CORNER = 2.5  # standard deviations of the bodies in `corner_points`


def principal_components(vertices: np.ndarray, faces: np.ndarray, height: np.ndarray) -> tuple[np.ndarray, float]:
    """Scores (N, 10) of unit variance, positive for taller bodies, and the share of the variance they explain.

    Vertices are weighted by their area; otherwise the densely meshed face would have half of the weight.
    """
    mean = vertices.mean(0)
    deviation = vertices - mean
    deviation *= np.sqrt(_vertex_areas(mean, faces))[None, :, None].astype(np.float32)
    deviation = deviation.reshape(len(vertices), -1)
    values, vectors = np.linalg.eigh((deviation @ deviation.T).astype(np.float64))
    values, vectors = values[::-1], vectors[:, ::-1]
    scores = vectors[:, :NUM_BETAS] * np.sqrt(len(vertices) - 1.0)
    direction = np.sign((scores * (height - height.mean())[:, None]).sum(0))
    return scores * np.where(direction == 0, 1.0, direction), values[:NUM_BETAS].sum() / values.sum()


def fit_directions(vertices: np.ndarray, betas: np.ndarray) -> np.ndarray:
    """(11, V, 3): mean body, then the displacement per unit of each beta, by least squares over bodies (N, V, 3)."""
    design = np.concatenate([np.ones((len(betas), 1)), betas], 1)
    flat = vertices.reshape(len(vertices), -1).astype(np.float64)
    return np.linalg.lstsq(design, flat, rcond=None)[0].reshape(1 + NUM_BETAS, -1, 3)


def corner_points(space: np.ndarray) -> np.ndarray:
    """(21, V, 3) of a space (11, V, 3): the mean body, and those at plus and minus `CORNER` along each beta."""
    steps = CORNER * space[1:]
    return np.concatenate([space[:1], space[0] + steps, space[0] - steps])


def standing_height(space: np.ndarray, betas: np.ndarray) -> np.ndarray:
    """Heights (N,) of the linear model's bodies, metres."""
    upright = (space[0, :, 1] + betas @ space[1:, :, 1]).astype(np.float32)
    return np.ptp(upright, axis=1)


def _vertex_areas(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1) / 6.0
    return np.bincount(faces.ravel(), np.repeat(area, 3), minlength=len(vertices)) / area.sum()
