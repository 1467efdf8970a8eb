"""Poses of arms from directions of their bones, and from where the hand is.

Directions are of a left arm in the axes of the chest: x outwards to the left, y up, z out of the chest. A right arm is
its mirror image. An arm is (2, 3): unit vectors along the upper arm and along the forearm.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial.transform import Rotation

from metrichmsr_ros.body.joints import JOINT_NAMES
from metrichmsr_ros.types import Float64Array, FloatingArray

MIRROR = np.array([-1.0, 1.0, 1.0])
"""Takes directions of a left arm to those of a right one."""
SHOULDER = np.array([0.171, 0.434, 0.010])
EYE = np.array([0.0, 0.690, 0.115])  # midpoint of the eyes
UPPER_M, FORE_M = 0.253, 0.227
FINGERTIP_M = 0.15  # beyond the wrist
"""Places and lengths of the open body of mean shape at rest, m."""
_COLLAR_RAD = 0.4  # by which a raised arm lifts its collar bone
_APART = -0.5  # cosine between bones' directions beyond which an arm swings through the middle of the two
_SWINGS_BY = np.array([0.6, 0.0, 0.8])


def arm(upper: ArrayLike, fore: ArrayLike) -> Float64Array:
    """(2, 3) unit vectors along upper arm and forearm."""
    bones = np.stack([np.asarray(upper, np.float64), np.asarray(fore, np.float64)])
    return np.asarray(bones / np.linalg.norm(bones, axis=1, keepdims=True))


def reaching(wrist: ArrayLike, elbow_towards: ArrayLike) -> Float64Array:
    """The arm whose wrist is at a place (3,) m; beyond its reach it is straight. The elbow is on the given side."""
    away = np.asarray(wrist, np.float64) - SHOULDER
    distance = float(np.clip(np.linalg.norm(away), 0.08, 0.999 * (UPPER_M + FORE_M)))
    along = away / np.linalg.norm(away)
    side = np.asarray(elbow_towards, np.float64)
    side = side - (side @ along) * along
    side /= np.linalg.norm(side)
    share = (UPPER_M**2 + distance**2 - FORE_M**2) / (2 * UPPER_M * distance)
    upper = share * along + np.sqrt(max(1 - share**2, 0.0)) * side
    return arm(upper, distance * along - UPPER_M * upper)


def pointing(direction: ArrayLike) -> Float64Array:
    """The straight arm whose fingertip is on the line from the eyes along `direction` (3,).

    People point so that they see the fingertip on the target.
    """
    ahead = np.asarray(direction, np.float64) / np.linalg.norm(direction)
    offset, reach = EYE - SHOULDER, UPPER_M + FORE_M + FINGERTIP_M
    middle = float(offset @ ahead)
    along = -middle + np.sqrt(middle**2 - float(offset @ offset) + reach**2)
    straight = offset + along * ahead
    return arm(straight, straight)


def between(start: Float64Array, end: Float64Array, share: float) -> Float64Array:
    """The arm (2, 3) on its way from one pose to another, share 0 to 1; at the middle it is fastest."""
    smooth = share * share * share * (10 - 15 * share + 6 * share * share)
    via = np.where((start * end).sum(-1, keepdims=True) < _APART, _SWINGS_BY, 0.0)
    way = (1 - smooth) * start + smooth * end + 4 * smooth * (1 - smooth) * via
    return arm(way[0], way[1])


def turned(bones: Float64Array, forearm_rad: float) -> Float64Array:
    """The arm with its forearm turned about the axis out of the chest, as in a wave."""
    return arm(bones[0], Rotation.from_euler("z", forearm_rad).apply(bones[1]))


def with_arm(pose: FloatingArray, bones: Float64Array, side: str) -> FloatingArray:
    """The pose (72,) with its "left" or "right" arm as `bones` (2, 3)."""
    left = side == "left"
    rest = np.array([1.0, 0.0, 0.0]) if left else -np.array([1.0, 0.0, 0.0])
    upper, fore = bones if left else bones * MIRROR
    lift = _COLLAR_RAD * float(np.clip(upper[1], 0.0, 1.0))
    collar = Rotation.from_euler("z", lift if left else -lift)
    shoulder = collar.inv() * _turn(rest, upper)
    elbow = (collar * shoulder).inv() * _turn(upper, fore) * collar * shoulder
    changed = np.array(pose).reshape(-1, 3)
    turns = {"collar": collar, "shoulder": shoulder, "elbow": elbow, "wrist": Rotation.identity()}
    for joint, rotation in turns.items():
        changed[JOINT_NAMES.index(f"{side}_{joint}")] = rotation.as_rotvec()
    return changed.reshape(-1)


def _turn(start: FloatingArray, end: FloatingArray) -> Rotation:
    """The smallest rotation that takes one unit vector (3,) to another; to its opposite, one of many."""
    axis, cosine = np.cross(start, end), float(start @ end)
    length = float(np.linalg.norm(axis))
    if length < 1e-9 and cosine < 0:
        across = np.cross(start, np.eye(3)[np.argmin(np.abs(start))])
        return Rotation.from_rotvec(np.pi * across / np.linalg.norm(across))
    return Rotation.from_rotvec(axis / max(length, 1e-12) * np.arctan2(length, cosine))
