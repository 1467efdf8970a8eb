"""Errors of a network on held-out people, as printed in training and written to the weights file's metadata."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

import numpy as np
import roma
import torch

from metrichmsr_ros.body.base import BodyModel
from metrichmsr_ros.geometry.procrustes import align, umeyama
from metrichmsr_ros.hmr.network.batch import CropBatch
from metrichmsr_ros.hmr.network.losses import Truth, project
from metrichmsr_ros.hmr.network.model import HMROutput

Estimator = Callable[[CropBatch], HMROutput]
# Squared Mahalanobis distance that contains 68.27 % of a 3D Gaussian.
ONE_SIGMA_3D_SQUARED = 3.5267


class HeldOut(Protocol):
    """People for validation, whose joints and root position are labelled."""

    def __len__(self) -> int:
        """Number of people."""

    def batches(self, size: int) -> Iterator[tuple[CropBatch, Truth]]:
        """The people, `size` at a time."""


@torch.no_grad()
def validate(estimate: Estimator, people: HeldOut, body: BodyModel, batch_size: int = 512) -> dict[str, float]:
    """Means over all people. 24 SMPL joints, pelvis = joint 0.

    pa_mpjpe, mpjpe, pve: mm (pve: vertices of `body` after subtracting the pelvis); root: m; root_percent: of the
    distance; root_median_percent; height: m; reprojection_percent: mean joint error in the full image over the
    height of the box around the true joints; coverage: share of roots inside the predicted 68.3 % ellipsoid.
    People without betas of `body` are left out of pve and height; if nobody has betas, both are NaN.
    """
    sums: dict[str, list[np.ndarray]] = {}
    device = body.faces.device
    for batch, truth in people.batches(batch_size):
        batch, truth = batch.to(device), truth.to(device)
        for name, values in errors(estimate(batch), truth, batch, body).items():
            sums.setdefault(name, []).append(values)
    joined = {name: np.concatenate(values) for name, values in sums.items()}
    means = {name: float(values.mean()) if len(values) else float("nan") for name, values in joined.items()}
    count = float(len(joined["root"]))
    return means | {"root_median_percent": float(np.median(joined["root_percent"])), "people": count}


def errors(output: HMROutput, truth: Truth, batch: CropBatch, body: BodyModel) -> dict[str, np.ndarray]:
    """Errors of each person (B,), as in `validate`; pve and height hold only the people with betas of `body`."""
    true = body(truth.betas, roma.rotvec_to_rotmat(truth.pose.unflatten(-1, (24, 3))), truth.transl)
    estimated = body(output.betas, output.rotmats, output.transl)
    has_betas = truth.has_betas
    true_joints = torch.where(has_betas[:, None, None], true.joints, truth.joints_cam)
    a, b = (x - x[:, :1] for x in (estimated.joints, true_joints))
    va, vb = (x.vertices[has_betas] - x.joints[has_betas, :1] for x in (estimated, true))
    root = estimated.joints[:, 0] - true_joints[:, 0]
    distance = true_joints[:, 0].norm(dim=-1)
    pixels, true_pixels = project(estimated.joints, batch.intrinsics), project(true_joints, batch.intrinsics)
    box_height = (true_pixels[..., 1].amax(1) - true_pixels[..., 1].amin(1)).clamp_min(1.0)
    values = {
        "mpjpe": 1000 * (a - b).norm(dim=-1).mean(-1),
        "pve": 1000 * (va - vb).norm(dim=-1).mean(-1),
        "root": root.norm(dim=-1),
        "root_percent": 100 * root.norm(dim=-1) / distance,
        "height": (body.height(output.betas) - body.height(truth.betas))[has_betas].abs(),
        "reprojection_percent": 100 * (pixels - true_pixels).norm(dim=-1).mean(-1) / box_height,
        "coverage": (squared_deviations(output, root) < ONE_SIGMA_3D_SQUARED).float(),
    }
    source, target = a.double().cpu().numpy(), b.double().cpu().numpy()
    aligned = align(source, *umeyama(source, target))
    return {"pa_mpjpe": 1000 * np.linalg.norm(aligned - target, axis=-1).mean(-1)} | {
        name: value.cpu().numpy() for name, value in values.items()
    }


def squared_deviations(output: HMROutput, error: torch.Tensor) -> torch.Tensor:
    """(B,) float64: squared Mahalanobis distance of the roots' errors (B, 3), metres, under `output.transl_cov`."""
    error = error.double()
    return (error * torch.linalg.solve(output.transl_cov.double(), error[..., None])[..., 0]).sum(-1)
