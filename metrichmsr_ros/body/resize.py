"""Scale a body within its shape space: betas whose mesh approximates the scaled mesh and that stay plausible."""

from __future__ import annotations

import torch
from torch import Tensor

from metrichmsr_ros.body.base import BodyModel
from metrichmsr_ros.body.engine import NUM_BETAS

TOLERANCE_M = 0.005  # this vertex error costs as much as one standard deviation of a coefficient


class Resizer:
    """Scales shapes within the space of one body model.

    The rest mesh is linear in betas, v(b) = v(0) + D b. The change c of betas with the least
    |v(b + c) - s v(b)|^2 / (V tolerance^2) + |c|^2 is (s - 1) P v(b), P = (D^T D + V tolerance^2)^-1 D^T, a ridge
    regression: a few millimetres do not justify implausible coefficients. Meshes are relative to their pelvis.

    Args:
        body: the model; its shape space is evaluated once.
    """

    @torch.no_grad()
    def __init__(self, body: BodyModel) -> None:
        probes = torch.eye(NUM_BETAS + 1, NUM_BETAS).roll(1, 0).to(body.joint_template)  # zero first
        meshes = (body.shaped(probes) - body.rest_joints(probes)[:, :1]).flatten(1).double().cpu()
        template, directions = meshes[0], (meshes[1:] - meshes[0]).T
        gram = directions.T @ directions
        ridge = gram + body.num_vertices * TOLERANCE_M**2 * torch.eye(NUM_BETAS)
        self._template = torch.linalg.solve(ridge, directions.T @ template).to(body.joint_template)  # P v(0)
        self._betas = torch.linalg.solve(ridge, gram).to(body.joint_template)  # P D

    def __call__(self, betas: Tensor, scale: Tensor) -> Tensor:
        """Betas (B, 10) of bodies about `scale` (B,) times the size of `betas` (B, 10)."""
        return betas + (scale[:, None] - 1) * (self._template + betas @ self._betas.T)
