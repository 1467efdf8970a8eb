"""HumanMesh messages as candidates in the fixed frame."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from metrichmsr_ros.people.following.candidate import Candidate, CandidateError
from metrichmsr_ros.ros.frames import rotation_matrix
from metrichmsr_ros.ros.human_numbers import unusable_numbers
from metrichmsr_ros.types import Float64Array

_RAISED = "hand_raised_"  # and the side
_FLOOR_M2 = 1e-6  # added to covariances: a source that states none is not certain


def candidates_of(message: Any, pose: Float64Array, unusable: Callable[[str], None]) -> list[Candidate]:
    """The people of a HumanMeshArray; those with numbers that cannot be used are left out.

    Args:
        message: of a perception or fusion node.
        pose: (4, 4) of the message's frame in the fixed frame.
        unusable: called with the reason for each person who is left out.
    """
    found = []
    for human in message.humans:
        try:
            found.append(_candidate(human, pose))
        except CandidateError as error:
            unusable(str(error))
    return found


def _candidate(human: Any, pose: Float64Array) -> Candidate:
    problem = unusable_numbers(human)
    if problem:
        raise CandidateError(problem)
    turn, at, axes = pose[:3, :3], human.body.pose.position, human.body.pose.orientation
    covariance = turn @ np.asarray(human.body.covariance).reshape(6, 6)[:3, :3] @ turn.T
    chest = turn @ rotation_matrix(np.array([axes.x, axes.y, axes.z, axes.w]))[:, 0]
    return Candidate(
        id=human.id,
        position=turn @ np.array([at.x, at.y, at.z]) + pose[:3, 3],
        covariance=(covariance + covariance.T) / 2 + np.eye(3) * _FLOOR_M2,
        heading=float(np.arctan2(chest[1], chest[0])),
        height=float(human.height),
        betas=np.asarray(human.betas, np.float64),
        body_model=human.body_model,
        confidence=float(human.confidence),
        is_hidden=bool(human.is_occluded),
        raises_hand=any(name.startswith(_RAISED) for name in human.gestures),
    )
