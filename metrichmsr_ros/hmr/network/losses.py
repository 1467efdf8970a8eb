"""The training objective of the paper, plus terms for metric position that its list of losses lacks.

    L = w_J2D L_J2D + w_J3D L_J3D + w_V3D L_V3D + w_theta L_theta + w_beta L_beta + w_h L_h + lambda L_aux
        + w_t L_position + w_n L_uncertainty

All distances are un-squared (robust: BlazePose and pseudo labels are sometimes wrong). Every term is a mean over the
whole batch in which samples without the label count as zero, so that data-parallel training equals one large batch.
Labels that are estimates themselves count by `Truth.weight`, their positions also by `Truth.position_sigma`.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import roma
import torch

from metrichmsr_ros.body.base import BodyModel
from metrichmsr_ros.hmr.network.batch import CropBatch
from metrichmsr_ros.hmr.network.model import HMROutput

TAIL = 8.0  # degrees of freedom of the Student's t likelihood
NEAR_PLANE = 0.1  # metres; depth of nearer joints is clamped to this before projection
HALF_TRUSTED = 0.1  # deviation of a labelled position over its distance that halves its weight


@dataclass(frozen=True)
class HumanLossWeights:
    """Weights of the terms; 0 switches one off.

    Units: lengths in metres, 2D in box sizes, angles as matrix entries.
    """

    joints_2d: float = 2.0
    joints_3d: float = 10.0
    vertices: float = 5.0
    pose: float = 1.0
    betas: float = 0.1
    height: float = 2.0
    load_balance: float = 0.01
    position: float = 5.0
    uncertainty: float = 0.05


@dataclass(frozen=True)
class Truth:
    """Labels of B people, camera frame, metres. pose: (B,72) axis-angle; betas: (B,10); transl: (B,3); joints_cam:
    (B,24,3); joints_2d: (B,24,3) full-image u, v and confidence 0..1; has_*: (B,) bool, False if a data set
    lacks the label; landmarks_cam: (B,33,3) true positions of BlazePose's landmarks, if known (for augmentation).
    weight: (B,) factor on the person's losses; None: 1. position_sigma: (B,) standard deviation of the labelled
    position, m, 0 where it is exact; None: 0.
    """

    pose: torch.Tensor
    betas: torch.Tensor
    transl: torch.Tensor
    joints_cam: torch.Tensor
    joints_2d: torch.Tensor
    has_pose: torch.Tensor
    has_betas: torch.Tensor
    has_transl: torch.Tensor
    has_joints_cam: torch.Tensor
    has_joints_2d: torch.Tensor
    landmarks_cam: torch.Tensor | None = None
    weight: torch.Tensor | None = None
    position_sigma: torch.Tensor | None = None

    def __len__(self) -> int:
        """Number of people."""
        return len(self.pose)

    def tensors(self) -> dict[str, torch.Tensor]:
        """All fields by name, without those that are None."""
        named = {f.name: getattr(self, f.name) for f in fields(self)}
        return {name: value for name, value in named.items() if value is not None}

    def to(self, device: torch.device | str) -> Truth:
        """The same labels on `device`."""
        return Truth(**{k: v.to(device) for k, v in self.tensors().items()})

    def select(self, index: torch.Tensor) -> Truth:
        """The people at `index`, in that order."""
        return Truth(**{k: v[index] for k, v in self.tensors().items()})


def project(points: torch.Tensor, intrinsics: torch.Tensor) -> torch.Tensor:
    """Camera points (B,N,3) to pixels (B,N,2) with K (B,3,3); depth is clamped to `NEAR_PLANE`."""
    homogeneous = points @ intrinsics.transpose(-1, -2)
    return homogeneous[..., :2] / homogeneous[..., 2:].clamp_min(NEAR_PLANE)


def human_losses(
    output: HMROutput, truth: Truth, batch: CropBatch, body: BodyModel, with_vertices: bool = True
) -> dict[str, torch.Tensor]:
    """Every term of the objective, unweighted, as scalars."""
    true_rotmats = roma.rotvec_to_rotmat(truth.pose.unflatten(-1, (24, 3)))
    zero = torch.zeros_like(output.transl)
    if with_vertices:
        predicted = body(output.betas, output.rotmats, zero)
        joints, vertices = predicted.joints, predicted.vertices
        with torch.no_grad():
            exact = body(truth.betas, true_rotmats, zero)
            true_vertices = exact.vertices - exact.joints[:, :1]
        vertex_error = _distance(vertices - joints[:, :1], true_vertices).mean(-1)
    else:
        joints = body.joints(output.betas, output.rotmats, zero)
        vertex_error = joints.new_zeros(len(truth))
    joints_cam = joints + output.transl[:, None]
    trust, is_exact = _trust_in_position(truth)
    terms = {
        "joints_2d": (_reprojection(joints_cam, truth, batch), truth.has_joints_2d),
        "joints_3d": (_distance(_centred(joints), _centred(truth.joints_cam)).mean(-1), truth.has_joints_cam),
        "vertices": (vertex_error, truth.has_pose & truth.has_betas),
        "pose": (_distance(output.rotmats.flatten(-2), true_rotmats.flatten(-2)).mean(-1), truth.has_pose),
        "betas": ((output.betas - truth.betas).abs().mean(-1), truth.has_betas),
        "height": ((body.height(output.betas) - body.height(truth.betas)).abs(), truth.has_betas),
        "position": (trust * _relative_position(joints_cam[:, 0], truth.joints_cam[:, 0]), truth.has_transl),
        "uncertainty": (_uncertainty(output, joints_cam[:, 0], truth.joints_cam[:, 0]), truth.has_transl & is_exact),
    }
    weight = 1.0 if truth.weight is None else truth.weight
    losses = {name: (torch.where(mask, value, 0.0) * weight).mean() for name, (value, mask) in terms.items()}
    return losses | {"load_balance": output.load_balance}


def total_loss(losses: dict[str, torch.Tensor], weights: HumanLossWeights) -> torch.Tensor:
    """The weighted sum of the terms."""
    return torch.stack([getattr(weights, name) * value for name, value in losses.items()]).sum()


def _distance(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return (a - b).square().sum(-1).add(1e-10).sqrt()  # the root of 0 has no gradient


def _centred(joints: torch.Tensor) -> torch.Tensor:
    return joints - joints[:, :1]


def _reprojection(joints_cam: torch.Tensor, truth: Truth, batch: CropBatch) -> torch.Tensor:
    """(B,): confidence-weighted pixel error over the size of the bounding box."""
    size = (batch.bbox[:, 2:] - batch.bbox[:, :2]).amax(-1).clamp_min(1.0)
    error = _distance(project(joints_cam, batch.intrinsics), truth.joints_2d[..., :2]) / size[:, None]
    return (error.clamp_max(2.0) * truth.joints_2d[..., 2]).mean(-1)


def _relative_position(root: torch.Tensor, true_root: torch.Tensor) -> torch.Tensor:
    """(B,): distance of the roots over the true distance from the camera."""
    return _distance(root, true_root) / true_root.norm(dim=-1).clamp_min(NEAR_PLANE)


def _trust_in_position(truth: Truth) -> tuple[torch.Tensor, torch.Tensor]:
    """(B,) factor on the position's error, 1 where the label is exact, and (B,) whether it is.

    Inexact positions do not train the deviations: they would measure the label's error together with the network's.
    """
    distance = truth.joints_cam[:, 0].norm(dim=-1).clamp_min(NEAR_PLANE)
    sigma = torch.zeros_like(distance) if truth.position_sigma is None else truth.position_sigma
    return 1 / (1 + (sigma / distance / HALF_TRUSTED).square()), sigma == 0


def _uncertainty(output: HMROutput, root: torch.Tensor, true_root: torch.Tensor) -> torch.Tensor:
    """(B,): negative log-likelihood of the root error; trains only the deviations, not the mean.

    Student's t with `TAIL` degrees of freedom, because outliers would widen all ellipsoids of a Gaussian.
    """
    scale = true_root.norm(dim=-1, keepdim=True).clamp_min(NEAR_PLANE)
    error = (root - true_root).detach() / scale
    sight = torch.nn.functional.normalize(root.detach(), dim=-1)
    along = (error * sight).sum(-1)
    across = error.square().sum(-1) - along.square()
    deviation = output.transl_deviation / scale
    whitened = torch.stack([along.square(), across.clamp_min(0.0)], dim=-1) / deviation.square()
    log_deviation = deviation.log() @ deviation.new_tensor([1.0, 2.0])
    return 0.5 * (TAIL + 3) * torch.log1p(whitened.sum(-1) / TAIL) + log_deviation
