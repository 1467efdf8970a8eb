"""Which way people face in the camera frame, and the vote of views that disagree about it.

BlazePose sometimes takes a back for a front: it reflects the body in depth and names left right. One view errs, while
the mirrored image or the heavier network often sees the same person right.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from metrichmsr_ros.body.joints import MIRROR_JOINTS
from metrichmsr_ros.hmr.estimate import HMREstimate, unit
from metrichmsr_ros.types import FloatingArray, IndexArray

REFLECTED = -0.1
"""Product of two views' fronts along the line of sight, below which one is the reflection of the other."""
_TIE = 1e-3  # share of its weight by which a view decides between clusters of equal weight


def front_of(rotmats: FloatingArray) -> FloatingArray:
    """(N, 3) unit vectors out of the chest, camera frame, of rotations (N, J, 3, 3)."""
    return rotmats[:, 0, :, 2]


def majority(
    front: FloatingArray, sight: FloatingArray, weight: FloatingArray, person: IndexArray
) -> NDArray[np.bool_]:
    """(N,) bool: views in their person's heaviest cluster of agreeing views. Each person has at least one.

    A cluster is a view and those that agree with it: they face within 90 degrees of it, and not as its reflection in
    depth. Of clusters of equal weight the one around the heavier view wins, then the one around the first.

    Args:
        front: (N, 3) unit vectors. sight: (N, 3) unit vectors from the camera to the person.
        weight: (N,) not negative. person: (N,) int, the person of each view.
    """
    same = person[:, None] == person
    away = (front * sight).sum(-1)
    agrees = same & (front @ front.T > 0) & (away[:, None] * away > REFLECTED)
    support = (agrees * weight).sum(-1) + _TIE * weight
    winner = np.where(same, support, -np.inf).argmax(axis=-1)  # (N,) the same for all views of a person
    kept: NDArray[np.bool_] = agrees[np.arange(len(person)), winner]
    return kept


def reflected(estimate: HMREstimate) -> HMREstimate:
    """The other reading of the same outlines: depth reflected at the body, left and right swapped. Its own inverse."""
    sight = unit(estimate.transl)
    at_body = np.eye(3, dtype=sight.dtype) - 2 * sight[:, :, None] * sight[:, None]
    flip = np.diag(np.array([-1, 1, 1], sight.dtype))
    swapped = flip @ estimate.rotmats[:, list(MIRROR_JOINTS)] @ flip
    root = at_body @ estimate.rotmats[:, 0] @ flip
    return replace(estimate, rotmats=np.concatenate([root[:, None], swapped[:, 1:]], axis=1))
