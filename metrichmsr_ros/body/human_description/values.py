"""Values of the tree's joints that bring its links to a person's joints."""

from __future__ import annotations

import numpy as np

from metrichmsr_ros.body.human_description.angles import limb, shoulder_angles, tait_bryan
from metrichmsr_ros.body.human_description.segments import (
    ARMS,
    CHEST,
    HEAD,
    LEGS,
    JointFrames,
    Segments,
    rest_positions,
)
from metrichmsr_ros.body.human_description.tree import SIDES, mirror_sign
from metrichmsr_ros.types import AnyArray


def joint_values(segments: Segments, frames: JointFrames) -> dict[str, float]:
    """Value of every moving joint of `joints_of(segments)` by its name, radians or metres.

    Args:
        segments: those of the URDF in use.
        frames: of the person in this image.
    """
    torso = frames.rotations[CHEST]
    values = dict(zip(("waist", "waist_roll", "waist_yaw"), tait_bryan(torso, (1, 0, 2)), strict=True))
    middle = _torso_position(frames)
    values |= _shift("torso", middle @ torso, segments.torso)
    values |= _head_values(segments, frames, middle)
    for index, side in enumerate(SIDES):
        values |= _arm_values(side, index, segments, frames, middle)
        values |= _leg_values(side, index, segments, frames)
    return values


def _torso_position(frames: JointFrames) -> AnyArray:
    """Where the middle of the shoulders is if neither collar bone has turned; it moves with the chest."""
    rest = rest_positions(frames)
    middle = rest[[arm[0] for arm in ARMS]].mean(axis=0)
    place: AnyArray = frames.positions[CHEST] + frames.rotations[CHEST] @ (middle - rest[CHEST])
    return place


def _head_values(segments: Segments, frames: JointFrames, middle: AnyArray) -> dict[str, float]:
    torso = frames.rotations[CHEST]
    values = _shift("head", (frames.positions[HEAD] - middle) @ torso, segments.head)
    roll, yaw, pitch = tait_bryan(torso.T @ frames.rotations[HEAD], (0, 2, 1))
    return values | {"r_head": roll, "y_head": yaw, "p_head": -pitch}


def _arm_values(side: str, index: int, segments: Segments, frames: JointFrames, middle: AnyArray) -> dict[str, float]:
    torso, joints = frames.rotations[CHEST], ARMS[index]
    values = _shift(f"{side}_shoulder", (frames.positions[joints[0]] - middle) @ torso, segments.shoulders[index])
    bones = np.diff(frames.positions[joints], axis=0) @ torso
    front = torso.T @ frames.rotations[joints[0]][:, 0]
    values |= _stretch((f"{side}_elbow", f"{side}_wrist"), bones, segments.arms[index])
    turned, elbow = limb(bones, front)
    yaw, pitch, roll = shoulder_angles(turned, mirror_sign(side))
    names = (f"{side}_y_shoulder", f"{side}_p_shoulder", f"{side}_r_shoulder", f"{side}_elbow")
    return values | dict(zip(names, (yaw, pitch, roll, elbow), strict=True))


def _leg_values(side: str, index: int, segments: Segments, frames: JointFrames) -> dict[str, float]:
    joints = LEGS[index]
    values = _shift(f"{side}_hip", frames.positions[joints[0]], segments.hips[index])
    bones = np.diff(frames.positions[joints], axis=0)
    values |= _stretch((f"{side}_knee", f"{side}_ankle"), bones, segments.legs[index])
    turned, knee = limb(bones, frames.rotations[joints[0]][:, 0])
    yaw, pitch, roll = tait_bryan(turned, (2, 0, 1))
    names = (f"{side}_y_hip", f"{side}_p_hip", f"{side}_r_hip", f"{side}_knee")
    return values | dict(zip(names, (-yaw, pitch * mirror_sign(side), -roll, knee), strict=True))


def _shift(part: str, place: AnyArray, rest: AnyArray) -> dict[str, float]:
    return {f"{part}_d{axis}": float(value) for axis, value in zip("xyz", place - rest, strict=True)}


def _stretch(ends: tuple[str, str], bones: AnyArray, lengths: AnyArray) -> dict[str, float]:
    """Along -z of the bones: negative where a bone is longer than in the URDF."""
    longer = lengths - np.linalg.norm(bones, axis=1)
    return {f"{end}_dz": float(value) for end, value in zip(ends, longer, strict=True)}
