"""The shape of a person's arms in the body's own axes. Plain numbers: three floats are faster here than an array."""

from __future__ import annotations

import math
from dataclasses import dataclass

from metrichmsr_ros.body.joints import JOINT_NAMES
from metrichmsr_ros.types import FloatingArray

SIDES = ("left", "right")
Vector = tuple[float, float, float]

_EYES_UP, _EYES_AHEAD = 0.066, 0.082  # from the joint "head" to between the eyes, in m of a body that is 1.66 m tall
_OPEN_BODY_TORSO = 0.529  # from the pelvis to the neck, of the same body
_JOINT = {name: number for number, name in enumerate(JOINT_NAMES)}
_PELVIS, _NECK, _HEAD = _JOINT["pelvis"], _JOINT["neck"], _JOINT["head"]
_ARM = {side: tuple(_JOINT[f"{side}_{part}"] for part in ("shoulder", "elbow", "wrist", "hand")) for side in SIDES}


@dataclass(frozen=True)
class Arm:
    """One arm. Lengths are in lengths of the arm from shoulder to wrist; axes are those of the trunk.

    Attributes:
        rise: of the wrist above the shoulder.
        reach: from the shoulder to the wrist; 1: straight.
        elevation: of the line from the shoulder to the wrist over the trunk's horizontal, rad.
        forearm: unit vector from elbow to wrist: outwards from the trunk, up, ahead.
        from_head: distance of the hand from the middle of the face.
        beside_head: how far outwards from the face the hand is.
        above_head: how far above the face the hand is.
        line: (3,) unit vector from the head to the wrist, in the axes of the joints: people point so that they see the
            hand on the target.
    """

    rise: float
    reach: float
    elevation: float
    forearm: Vector
    from_head: float
    beside_head: float
    above_head: float
    line: Vector


def arms_of(joints: FloatingArray) -> tuple[Arm, Arm] | None:
    """The left and the right arm of 24 joints (24, 3) m, any frame; None for a body without extent."""
    points: list[Vector] = [(x, y, z) for x, y, z in joints.tolist()]
    trunk = _minus(points[_NECK], points[_PELVIS])
    up = _unit(trunk)
    across = _minus(points[_ARM["left"][0]], points[_ARM["right"][0]])
    left = None if up is None else _unit(_along(across, up, -_dot(across, up)))
    if up is None or left is None:
        return None
    ahead = _cross(left, up)
    size = math.hypot(*trunk) / _OPEN_BODY_TORSO
    eyes = _along(_along(points[_HEAD], up, _EYES_UP * size), ahead, _EYES_AHEAD * size)
    right = (-left[0], -left[1], -left[2])
    sides = zip(SIDES, (left, right), strict=True)
    both = [_arm(points, side, out, up, ahead, eyes) for side, out in sides]
    return None if both[0] is None or both[1] is None else (both[0], both[1])


def _arm(points: list[Vector], side: str, out: Vector, up: Vector, ahead: Vector, eyes: Vector) -> Arm | None:
    shoulder, elbow, wrist, hand = (points[joint] for joint in _ARM[side])
    fore, whole, sight = _minus(wrist, elbow), _minus(wrist, shoulder), _minus(hand, eyes)
    along, line = _unit(fore), _unit(_minus(wrist, points[_HEAD]))
    length = math.dist(shoulder, elbow) + math.dist(elbow, wrist)
    if along is None or line is None or length <= 0.0:
        return None
    rise, reach = _dot(whole, up) / length, math.hypot(*whole) / length
    return Arm(
        rise=rise,
        reach=reach,
        elevation=math.asin(max(-1.0, min(1.0, rise / reach))) if reach > 0.0 else 0.0,
        forearm=(_dot(along, out), _dot(along, up), _dot(along, ahead)),
        from_head=math.hypot(*sight) / length,
        beside_head=_dot(sight, out) / length,
        above_head=_dot(sight, up) / length,
        line=line,
    )


def _minus(a: Vector, b: Vector) -> Vector:
    return a[0] - b[0], a[1] - b[1], a[2] - b[2]


def _dot(a: Vector, b: Vector) -> float:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def _cross(a: Vector, b: Vector) -> Vector:
    return a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]


def _along(start: Vector, way: Vector, length: float) -> Vector:
    return start[0] + length * way[0], start[1] + length * way[1], start[2] + length * way[2]


def _unit(a: Vector) -> Vector | None:
    length = math.hypot(*a)
    return (a[0] / length, a[1] / length, a[2] / length) if 1e-6 < length < math.inf else None
