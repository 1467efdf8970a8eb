"""A standing person as 24 joints with arms given by directions, of a left arm; those of a right arm are mirrored."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from metrichmsr_ros.body.joints import JOINT_NAMES, MIRROR_JOINTS
from metrichmsr_ros.people.gestures.arm_network import ArmOdds
from metrichmsr_ros.people.gestures.arms import arms_of
from metrichmsr_ros.people.gestures.poses import is_pointing, is_raised
from metrichmsr_ros.people.gestures.recognition import GestureRecogniser, Gestures
from metrichmsr_ros.people.gestures.sights import HIDDEN, ArmSight
from metrichmsr_ros.types import Float64Array

UPPER_M, FORE_M, HAND_M = 0.28, 0.25, 0.08
TRUNK_M = 0.5  # of the image's trunk: shoulders to hips
MIRROR = np.array([-1.0, 1.0, 1.0])
View = Callable[[Float64Array], tuple[ArmSight, ArmSight]]
Bones = tuple[Sequence[float], Sequence[float]]  # directions of the upper arm and the forearm; x is outwards

HANGING: Bones = ((0.15, -1.0, 0.0), (0.1, -1.0, 0.15))
RAISED: Bones = ((0.6, 0.6, 0.2), (0.0, 1.0, 0.1))
POINTING: Bones = ((0.3, 0.1, 1.0), (0.3, 0.1, 1.0))
OTHERS: dict[str, Bones] = {
    "hanging": HANGING,
    "crossed": ((0.35, -0.85, 0.4), (-0.95, 0.1, 0.35)),
    "on the hip": ((0.7, -0.7, -0.3), (-0.7, -0.6, 0.2)),
    "carrying": ((0.2, -1.0, 0.2), (-0.1, 0.0, 1.0)),
    "at the ear": ((0.6, -0.4, 0.65), (-0.68, 0.68, -0.25)),
    "on the head": ((0.7, 0.7, 0.1), (-0.9, 0.5, 0.0)),
    "reaching": ((0.2, -0.8, 0.5), (0.0, 0.3, 1.0)),
    "behind": ((0.2, -0.9, -0.4), (0.1, -0.9, -0.2)),
}
"""Arms that make no gesture."""

_TRUNK = {
    "pelvis": (0, 0.95, 0), "spine1": (0, 1.05, -0.02), "spine2": (0, 1.18, -0.02), "spine3": (0, 1.3, -0.02),
    "neck": (0, 1.48, 0), "head": (0, 1.57, 0.03), "left_hip": (0.1, 0.93, 0), "left_knee": (0.1, 0.52, 0.02),
    "left_ankle": (0.1, 0.09, 0), "left_foot": (0.1, 0.04, 0.12), "left_collar": (0.05, 1.4, 0),
    "left_shoulder": (0.18, 1.4, 0),
}  # fmt: skip


def figure(left: Bones = HANGING, right: Bones = HANGING) -> Float64Array:
    """(24, 3) m: y up, facing z, x to the person's left; the soles are at y = 0."""
    joints = np.zeros((24, 3))
    for name, place in _TRUNK.items():
        joints[JOINT_NAMES.index(name)] = place
        if name.startswith("left"):
            joints[JOINT_NAMES.index(name.replace("left", "right"))] = place * MIRROR
    for side, bones, way in (("left", left, np.ones(3)), ("right", right, MIRROR)):
        upper, fore = (np.array(bone) / np.linalg.norm(bone) * way for bone in bones)
        steps = {"elbow": UPPER_M * upper, "wrist": FORE_M * fore, "hand": HAND_M * fore}
        at = joints[JOINT_NAMES.index(f"{side}_shoulder")]
        for part, step in steps.items():
            at = joints[JOINT_NAMES.index(f"{side}_{part}")] = at + step
    return joints


def mirrored(joints: Float64Array) -> Float64Array:
    """The mirror image: left is right."""
    return joints[list(MIRROR_JOINTS)] * MIRROR


def front_view(joints: Float64Array) -> tuple[ArmSight, ArmSight]:
    """What a camera before the person sees of the arms."""
    left, right = (_sight(joints[hand] - joints[elbow], 0) for elbow, hand in ((18, 22), (19, 23)))
    return left, right


def side_view(joints: Float64Array) -> tuple[ArmSight, ArmSight]:
    """What a camera beside the person sees of the arms."""
    left, right = (_sight(joints[hand] - joints[elbow], 2) for elbow, hand in ((18, 22), (19, 23)))
    return left, right


def _sight(forearm: Float64Array, across: int) -> ArmSight:
    return ArmSight(True, True, (float(forearm[across]) / TRUNK_M, float(forearm[1]) / TRUNK_M))


def true_odds(joints: Float64Array) -> tuple[ArmOdds, ArmOdds]:
    """Those of a network that is right about every arm; of a body without extent, even ones."""
    arms = arms_of(joints)
    if arms is None:
        return ArmOdds(0.0, 0.0), ArmOdds(0.0, 0.0)
    left, right = (ArmOdds(3.0 if is_pointing(arm) else -3.0, 3.0 if is_raised(arm) else -3.0) for arm in arms)
    return left, right


def wave(bones: Bones, hertz: float, swing_rad: float = 0.5) -> Callable[[float], Bones]:
    """The arm with a forearm that swings about the axis out of the chest."""

    def at(seconds: float) -> Bones:
        angle = swing_rad * np.sin(2 * np.pi * hertz * seconds)
        x, y, z = bones[1]
        cos, sin = np.cos(angle), np.sin(angle)
        return bones[0], (cos * x - sin * y, sin * x + cos * y, z)

    return at


@dataclass(frozen=True)
class Said:
    """Gestures at a moment, s."""

    stamp_s: float
    gestures: Gestures


def watch(
    joints_at: Callable[[float], Float64Array], stamps: Sequence[float], hidden: bool = False, view: View = front_view
) -> list[Said]:
    """What a new recogniser says of a person at each stamp."""
    recogniser, said = GestureRecogniser(), []
    for stamp in stamps:
        joints = joints_at(stamp)
        sights = (HIDDEN, HIDDEN) if hidden else view(joints)
        said.append(Said(stamp, recogniser.update("a1", joints, sights, true_odds(joints), stamp)))
    return said


def names_between(said: Sequence[Said], start_s: float, end_s: float) -> list[set[str]]:
    """Names of the gestures at each moment from a time to another."""
    return [set(one.gestures.names) for one in said if start_s <= one.stamp_s <= end_s]
