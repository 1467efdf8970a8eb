"""Angles of a limb with a hinge, of a shoulder, and of three turns one after the other.

Elbows and knees are hinges in REP-155 and bend in any direction in SMPL. The shoulder and the hip turn the hinge into
the plane of the limb, so that wrists and ankles are reached all the same; the twist of the forearm is not in the tree.
"""

from __future__ import annotations

import math

import numpy as np

from metrichmsr_ros.types import AnyArray

SLACK_M = 0.3e-3
"""How far a wrist or an ankle may be off its place, so that limbs that are almost straight do not twist at random."""
# Values that people reach with ease, radians: human_description's limits of yaw, pitch and roll of the shoulder.
_EASY = ((-1.1, 1.9), (-0.4, 3.3), (-1.7, 1.5))


def limb(bones: AnyArray, front: AnyArray) -> tuple[AnyArray, float]:
    """Rotation of a limb whose second joint is a hinge about its own y, and the value of that hinge.

    The bones span a plane; x lies in it, on the side of `front`. Where the limb is almost straight, x may leave the
    plane towards `front` as far as `SLACK_M` allows.

    Args:
        bones: (2, 3) upper and lower bone, metres.
        front: (3,) direction that x should have: the front of the upper bone.

    Returns:
        rotation (3, 3) with z against the upper bone, and the hinge's value: positive bends the lower bone to x.
    """
    lengths = [max(float(np.linalg.norm(bone)), 1e-9) for bone in bones]
    upper, lower = bones[0] / lengths[0], bones[1] / lengths[1]
    ahead = _perpendicular(front, upper)
    aside = np.cross(upper, ahead)
    across = float(lower @ ahead), float(lower @ aside)
    bend = math.atan2(across[1], across[0])
    bend -= math.copysign(math.pi, bend) if abs(bend) > math.pi / 2 else 0.0  # the hinge bends to the other side
    slack = math.asin(min(1.0, SLACK_M / max(lengths[1] * math.hypot(*across), SLACK_M)))
    bend = math.copysign(max(0.0, abs(bend) - slack), bend)
    x = ahead * math.cos(bend) + aside * math.sin(bend)
    turned = np.stack([x, np.cross(-upper, x), -upper], axis=1)
    return turned, math.atan2(float(lower @ x), float(lower @ upper))


def shoulder_angles(rotation: AnyArray, sign: int) -> tuple[float, float, float]:
    """Yaw, pitch and roll of REP-155's shoulder for the rotation (3, 3) of the upper arm in the torso's axes.

    Two triples yield any rotation; this is the one that people reach with more ease.

    Args:
        rotation: z against the upper arm.
        sign: `mirror_sign` of the side.
    """
    across = math.hypot(rotation[0, 2], rotation[1, 2])
    first = math.atan2(rotation[0, 2], -rotation[1, 2]) if across > 1e-9 else 0.0
    options = [_zxz(rotation, first + turn) for turn in (0.0, math.pi)]
    triples = [(-sign * yaw, sign * pitch, sign * roll) for yaw, pitch, roll in options]
    return min(triples, key=_effort)


def _zxz(rotation: AnyArray, yaw: float) -> tuple[float, float, float]:
    """Angles about z, x and z with this first one, which is one of the two that there are."""
    cos, sin = math.cos(yaw), math.sin(yaw)
    along = cos * rotation[0] + sin * rotation[1]
    across = cos * rotation[1] - sin * rotation[0]
    return (
        math.remainder(yaw, math.tau),
        math.atan2(-across[2], rotation[2, 2]),
        math.atan2(-along[1], along[0]),
    )


def _effort(angles: tuple[float, float, float]) -> float:
    """How far angles are outside of what is easy; of equals the smaller yaw."""
    outside = sum(max(low - angle, 0.0, angle - high) for angle, (low, high) in zip(angles, _EASY, strict=True))
    return outside + 1e-6 * abs(angles[0])


def tait_bryan(rotation: AnyArray, axes: tuple[int, int, int]) -> tuple[float, float, float]:
    """Angles of turns about three different axes, one after the other, each about the axis as turned so far.

    Args:
        rotation: (3, 3).
        axes: 0, 1, 2 for x, y, z in the order of the turns.

    Returns:
        radians; the second is within a right angle, and exact where the other two cannot be told apart.
    """
    i, j, k = axes
    sign = 1.0 if (j - i) % 3 == 1 else -1.0
    across = math.hypot(rotation[j, k], rotation[k, k])
    first = math.atan2(-sign * rotation[j, k], rotation[k, k]) if across > 1e-9 else 0.0
    row = math.cos(first) * rotation[j] + sign * math.sin(first) * rotation[k]
    return first, math.atan2(sign * rotation[i, k], across), math.atan2(sign * row[i], row[j])


def _perpendicular(direction: AnyArray, axis: AnyArray) -> AnyArray:
    """Unit vector nearest to `direction` at right angles to the unit vector `axis`."""
    across: AnyArray = direction - (direction @ axis) * axis
    if np.linalg.norm(across) < 1e-6:
        other = np.eye(3)[np.argmin(np.abs(axis))]
        across = other - (other @ axis) * axis
    unit: AnyArray = across / np.linalg.norm(across)
    return unit
