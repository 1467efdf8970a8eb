"""Which way people face in the camera frame, and the vote of views that disagree about it.

BlazePose sometimes takes a back for a front: it reflects the body in depth and names left right. One view errs, while
the mirrored image or the heavier network often sees the same person right.
"""

from __future__ import annotations

from dataclasses import replace

import torch

from metrichmsr_ros.body.joints import MIRROR_JOINTS
from metrichmsr_ros.hmr.network.model import HMROutput

REFLECTED = -0.1
"""Product of two views' fronts along the line of sight, below which one is the reflection of the other."""
_TIE = 1e-3  # share of its weight by which a view decides between clusters of equal weight


def front_of(rotmats: torch.Tensor) -> torch.Tensor:
    """(N, 3) unit vectors out of the chest, camera frame, of rotations (N, J, 3, 3)."""
    return rotmats[:, 0, :, 2]


def majority(front: torch.Tensor, sight: torch.Tensor, weight: torch.Tensor, person: torch.Tensor) -> torch.Tensor:
    """(N,) bool: views in their person's heaviest cluster of agreeing views. Each person has at least one.

    A cluster is a view and those that agree with it: they face within 90 degrees of it, and not as its reflection in
    depth. Of clusters of equal weight the one around the heavier view wins, then the one around the first.

    Args:
        front: (N, 3) unit vectors. sight: (N, 3) unit vectors from the camera to the person.
        weight: (N,) not negative. person: (N,) int, the person of each view.
    """
    same = person[:, None] == person
    away = (front * sight).sum(-1)
    agrees = same & (front @ front.mT > 0) & (away[:, None] * away > REFLECTED)
    support = (agrees * weight).sum(-1) + _TIE * weight
    winner = torch.where(same, support, -torch.inf).argmax(dim=-1)  # (N,) the same for all views of a person
    return agrees.gather(1, winner[:, None])[:, 0]


def reflected(output: HMROutput) -> HMROutput:
    """The other reading of the same outlines: depth reflected at the body, left and right swapped. Its own inverse."""
    sight = torch.nn.functional.normalize(output.transl, dim=-1)
    at_body = torch.eye(3, device=sight.device) - 2.0 * sight[:, :, None] * sight[:, None]
    flip = torch.diag(sight.new_tensor([-1.0, 1.0, 1.0]))
    swapped = flip @ output.rotmats[:, list(MIRROR_JOINTS)] @ flip
    root = at_body @ output.rotmats[:, 0] @ flip
    return replace(output, rotmats=torch.cat([root[:, None], swapped[:, 1:]], dim=1))
