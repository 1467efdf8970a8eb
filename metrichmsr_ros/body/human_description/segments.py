"""Lengths and offsets of one person's segments, from the frames of the 24 joints in any pose."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from metrichmsr_ros.body.joints import JOINT_NAMES, NUM_JOINTS, PARENTS
from metrichmsr_ros.types import AnyArray

ARMS = [[JOINT_NAMES.index(f"{side}_{name}") for name in ("shoulder", "elbow", "wrist")] for side in ("left", "right")]
LEGS = [[JOINT_NAMES.index(f"{side}_{name}") for name in ("hip", "knee", "ankle")] for side in ("left", "right")]
"""Joints of both limbs, left before right, from the trunk outwards."""
CHEST, HEAD = JOINT_NAMES.index("spine3"), JOINT_NAMES.index("head")
_SHORTEST_M = 1e-3  # of a segment, so that a URDF is valid for any joints


@dataclass(frozen=True, eq=False)
class JointFrames:
    """Frames of one person's 24 joints in the person's body frame, as `ros.frames.joint_frames` yields them.

    Attributes:
        positions: (24, 3), metres.
        rotations: (24, 3, 3); the identity in the rest pose.
    """

    positions: AnyArray
    rotations: AnyArray


@dataclass(frozen=True, eq=False)
class Segments:
    """One person's segments in metres; left before right, axes of the body frame.

    Attributes:
        torso: (3,) middle of the shoulders in the rest pose, from the origin.
        head: (3,) joint of the head in the rest pose, from `torso`.
        shoulders: (2, 3) in the rest pose, from `torso`.
        hips: (2, 3) from the origin.
        arms: (2, 2) lengths of upper arm and forearm.
        legs: (2, 2) lengths of thigh and shank.
    """

    torso: AnyArray
    head: AnyArray
    shoulders: AnyArray
    hips: AnyArray
    arms: AnyArray
    legs: AnyArray

    @property
    def stature(self) -> float:
        """Rest height from the ankles to the head's joint, metres: less than the person's height."""
        legs = self.legs.sum(axis=1).mean() - self.hips[:, 2].mean()
        return float(self.torso[2] + self.head[2] + legs)


def segments_of(frames: JointFrames) -> Segments:
    """The segments of a person; the pose has no influence on them."""
    rest = rest_positions(frames)
    shoulders = rest[[arm[0] for arm in ARMS]]
    torso = shoulders.mean(axis=0)
    hips = rest[[leg[0] for leg in LEGS]]
    return Segments(torso, rest[HEAD] - torso, shoulders - torso, hips, _lengths(rest, ARMS), _lengths(rest, LEGS))


def rest_positions(frames: JointFrames) -> AnyArray:
    """Positions (24, 3) of the joints in the rest pose, in the body frame: every bone turned back by its parent."""
    rest = frames.positions.copy()
    for joint in range(1, NUM_JOINTS):
        parent = PARENTS[joint]
        bone = frames.positions[joint] - frames.positions[parent]
        rest[joint] = rest[parent] + bone @ frames.rotations[parent]
    return rest


def drift(one: Segments, other: Segments) -> float:
    """How far a wrist, an ankle, the torso or the head is drawn off if one person's segments stand for another's.

    Returns:
        metres.
    """
    moved = [np.linalg.norm(getattr(one, name) - getattr(other, name)) for name in ("torso", "head")]
    arms = _moved(one.shoulders, other.shoulders) + np.abs(one.arms - other.arms).sum(axis=1)
    legs = _moved(one.hips, other.hips) + np.abs(one.legs - other.legs).sum(axis=1)
    return float(max(*moved, *arms, *legs))


def _moved(one: AnyArray, other: AnyArray) -> AnyArray:
    distances: AnyArray = np.linalg.norm(one - other, axis=1)
    return distances


def _lengths(rest: AnyArray, limbs: list[list[int]]) -> AnyArray:
    lengths: AnyArray = np.linalg.norm(np.diff(rest[limbs], axis=1), axis=2)
    return np.maximum(lengths, _SHORTEST_M)
