"""Scale a body within its shape space: betas whose mesh approximates the scaled mesh and that stay plausible."""

from __future__ import annotations

import numpy as np

from metrichmsr_ros.body.engine import NUM_BETAS, BodyEngine
from metrichmsr_ros.body.joints import NUM_JOINTS
from metrichmsr_ros.types import Float32Array

TOLERANCE_M = 0.005  # this vertex error costs as much as one standard deviation of a coefficient


class Resizer:
    """Scales shapes within the space of one body model.

    The rest mesh is linear in betas, v(b) = v(0) + D b. The change c of betas with the least
    |v(b + c) - s v(b)|^2 / (V tolerance^2) + |c|^2 is (s - 1) P v(b), P = (D^T D + V tolerance^2)^-1 D^T, a ridge
    regression: a few millimetres do not justify implausible coefficients. Meshes are relative to their pelvis.

    Args:
        body: the model; its shape space is evaluated once.
    """

    def __init__(self, body: BodyEngine) -> None:
        probes = np.eye(NUM_BETAS + 1, NUM_BETAS, -1, np.float32)  # zero first
        upright = np.tile(np.eye(3, dtype=np.float32), (len(probes), NUM_JOINTS, 1, 1))
        rest = body.posed(probes, upright, np.zeros((len(probes), 3), np.float32)).vertices
        meshes = (rest - body.rest_joints(probes)[:, :1]).reshape(len(probes), -1).astype(np.float64)
        template, directions = meshes[0], (meshes[1:] - meshes[0]).T
        gram = directions.T @ directions
        ridge = gram + body.num_vertices * TOLERANCE_M**2 * np.eye(NUM_BETAS)
        self._template = np.linalg.solve(ridge, directions.T @ template).astype(np.float32)  # P v(0)
        self._betas = np.linalg.solve(ridge, gram).astype(np.float32)  # P D

    def __call__(self, betas: Float32Array, scale: Float32Array) -> Float32Array:
        """Betas (B, 10) of bodies about `scale` (B,) times the size of `betas` (B, 10)."""
        return betas + (scale[:, None] - 1) * (self._template + betas @ self._betas.T)
