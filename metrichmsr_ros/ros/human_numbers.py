"""Whether the numbers of a HumanMesh message can be used: messages of other nodes hold whatever these computed."""

from __future__ import annotations

import math
from operator import attrgetter
from typing import Any

import numpy as np

from metrichmsr_ros.types import AnyArray

_LEAST_NORM = 1e-6  # of a quaternion
_ARRAYS = ("pose", "betas", "joints", "joint_confidence", "joint_covariances", "vertices", "body.covariance")


def unusable_numbers(human: Any) -> str:
    """Why a person cannot be used, beginning with the person's id; empty where all numbers are fine.

    Args:
        human: metrichmsr_ros/msg/HumanMesh.
    """
    for name in _ARRAYS:
        values = np.asarray(attrgetter(name)(human))
        if not np.isfinite(values).all():
            return f"person {human.id!r} has {name} that are not finite, first {_first_of(values)}; give finite numbers"
    if len(human.vertices) % 3:
        return f"person {human.id!r} has {len(human.vertices)} numbers of vertices; give three for each"
    turn, move, hand = human.body.pose.orientation, human.translation, human.pointing
    norm = math.hypot(turn.x, turn.y, turn.z, turn.w)
    if not _LEAST_NORM < norm < 1 / _LEAST_NORM:
        return f"person {human.id!r} has an orientation of length {norm:g}; give a unit quaternion"
    for name, vector in (("translation", move), ("pointing", hand)):
        if not np.isfinite([vector.x, vector.y, vector.z]).all():
            return f"person {human.id!r} has the {name} {vector.x:g} {vector.y:g} {vector.z:g}; give finite numbers"
    return ""


def _first_of(values: AnyArray) -> float:
    flat = values.reshape(-1)
    return float(flat[int(np.argmin(np.isfinite(flat)))])
