"""Which way people face in the camera frame, and the vote of views that disagree about it.

BlazePose sometimes takes a back for a front. The error is a matter of one view: the mirrored image or the heavier
network often sees the same person right.
"""

from __future__ import annotations

import torch

AGREE = 0.0
"""Cosine of 90 degrees. Views whose fronts differ by more disagree."""
_TIE = 1e-3  # share of the weight by which fits decide between clusters of equal weight


def front_of(rotmats: torch.Tensor) -> torch.Tensor:
    """(N, 3) unit vectors out of the chest, camera frame, of rotations (N, J, 3, 3)."""
    return rotmats[:, 0, :, 2]


def majority(front: torch.Tensor, weight: torch.Tensor, person: torch.Tensor) -> torch.Tensor:
    """(N,) bool: views in their person's heaviest cluster of agreeing views. Each person has at least one.

    A cluster is a view and those that face within 90 degrees of it. Of clusters of equal weight the one of the heavier
    view wins, then the one of the first view.

    Args:
        front: (N, 3) unit vectors. weight: (N,) positive. person: (N,) int, the person of each view.
    """
    agrees = (person[:, None] == person) & (front @ front.mT > AGREE)
    support = (agrees * weight).sum(-1) + _TIE * weight
    rivals = torch.where(person[:, None] == person, support, -torch.inf)
    winner = rivals.argmax(dim=-1)  # (N,) the same for all views of a person
    return agrees.gather(1, winner[:, None])[:, 0]
