"""REP-155's joints and links for given segments, and further joints that let a person bend, shift and change in length.

REP-155's trunk is one hinge: shoulders and head are fixed to it. Real shoulders shift by centimetres, and the estimate
of a person's size changes from image to image. So that the links are where the person's joints are, with a URDF that
stays the same, there are further joints in front of REP-155's own: the trunk rolls and yaws (`waist_roll`,
`waist_yaw`), torso, head, shoulders and hips shift along the axes of what they hang on (`torso_dx`, ... in metres), and
bones change in length (`l_elbow_dz`). The tree without them, or with all of them at zero, is `human_description`'s.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from metrichmsr_ros.body.human_description.segments import Segments
from metrichmsr_ros.types import AnyArray, Triple

JointKind = Literal["revolute", "prismatic", "fixed"]

_AXES: dict[str, Triple] = {"x": (1.0, 0.0, 0.0), "y": (0.0, 1.0, 0.0), "z": (0.0, 0.0, 1.0)}
_NOWHERE: Triple = (0.0, 0.0, 0.0)
_TURN_RAD = math.pi + 1e-3  # people are measured: a limit must not cut an angle off
_SHIFT_M = 1.5
SIDES = ("l", "r")


@dataclass(frozen=True)
class TreeJoint:
    """A joint and the link that it moves; names without a person's id.

    Attributes:
        name, parent, child: of the joint and of its two links.
        kind: as URDF names it.
        origin: of the joint in the parent's frame, metres; nothing is turned there.
        axis: of the motion in the parent's frame.
        limit: largest value in both directions, radians or metres; 0 of fixed joints.
    """

    name: str
    parent: str
    child: str
    kind: JointKind
    origin: Triple
    axis: Triple
    limit: float


def joints_of(segments: Segments) -> tuple[TreeJoint, ...]:
    """All joints, parents before children; the root link is `body`."""
    trunk = [*_trunk(_vector(segments.torso)), *_head(_vector(segments.head))]
    arms = [
        joint
        for side, shoulder, lengths in zip(SIDES, segments.shoulders, segments.arms, strict=True)
        for joint in _arm(side, _vector(shoulder), *map(float, lengths))
    ]
    legs = [
        joint
        for side, hip, lengths in zip(SIDES, segments.hips, segments.legs, strict=True)
        for joint in _leg(side, _vector(hip), *map(float, lengths))
    ]
    return (*trunk, *arms, *legs)


def _trunk(torso: Triple) -> list[TreeJoint]:
    return [
        _turn("waist", "body", "y"),
        _turn("waist_roll", "waist", "x"),
        _turn("waist_yaw", "waist_roll", "z"),
        *_shifts("torso", "waist_yaw"),
        _fixed("torso", "torso_dz", torso),
    ]


def _head(place: Triple) -> list[TreeJoint]:
    return [
        *_shifts("head", "torso"),
        _turn("r_head", "head_dz", "x", origin=place),
        _turn("y_head", "r_head", "z"),
        _turn("p_head", "y_head", "y", -1),
        _fixed("head", "p_head", _NOWHERE),
    ]


def _arm(side: str, shoulder: Triple, upper_arm: float, forearm: float) -> list[TreeJoint]:
    sign = mirror_sign(side)
    name = f"{side}_shoulder"
    return [
        *_shifts(name, "torso"),
        _turn(f"{side}_y_shoulder", f"{name}_dz", "z", -sign, shoulder),
        _turn(f"{side}_p_shoulder", f"{side}_y_shoulder", "x", sign),
        _turn(f"{side}_r_shoulder", f"{side}_p_shoulder", "z", sign, child=name),
        *_shifts(f"{side}_elbow", name, "z"),
        _turn(f"{side}_elbow", f"{side}_elbow_dz", "y", -1, (0.0, 0.0, -upper_arm)),
        *_shifts(f"{side}_wrist", f"{side}_elbow", "z"),
        _fixed(f"{side}_wrist", f"{side}_wrist_dz", (0.0, 0.0, -forearm)),
    ]


def _leg(side: str, hip: Triple, thigh: float, shank: float) -> list[TreeJoint]:
    sign = mirror_sign(side)
    name = f"{side}_hip"
    return [
        *_shifts(name, "body"),
        _turn(f"{side}_y_hip", f"{name}_dz", "z", -1, hip),
        _turn(f"{side}_p_hip", f"{side}_y_hip", "x", sign),
        _turn(f"{side}_r_hip", f"{side}_p_hip", "y", -1, child=name),
        *_shifts(f"{side}_knee", name, "z"),
        _turn(f"{side}_knee", f"{side}_knee_dz", "y", -1, (0.0, 0.0, -thigh)),
        *_shifts(f"{side}_ankle", f"{side}_knee", "z"),
        _fixed(f"{side}_ankle", f"{side}_ankle_dz", (0.0, 0.0, -shank)),
    ]


def mirror_sign(side: str) -> int:
    """1 for the left side, -1 for the right, whose axes are mirrored."""
    return 1 if side == "l" else -1


def _turn(
    name: str, parent: str, axis: str, sign: int = 1, origin: Triple = _NOWHERE, child: str | None = None
) -> TreeJoint:
    x, y, z = _AXES[axis]
    turned = (x * sign, y * sign, z * sign)
    return TreeJoint(name, parent, child or name, "revolute", origin, turned, _TURN_RAD)


def _fixed(name: str, parent: str, origin: Triple) -> TreeJoint:
    return TreeJoint(name, parent, name, "fixed", origin, _NOWHERE, 0.0)


def _shifts(part: str, parent: str, axes: str = "xyz") -> list[TreeJoint]:
    """Joints `<part>_dx`, ... in a row."""
    names = [f"{part}_d{axis}" for axis in axes]
    return [
        TreeJoint(name, before, name, "prismatic", _NOWHERE, _AXES[axis], _SHIFT_M)
        for name, before, axis in zip(names, [parent, *names], axes, strict=False)
    ]


def _vector(values: AnyArray) -> Triple:
    x, y, z = map(float, values)
    return x, y, z
