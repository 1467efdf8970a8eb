"""Legs that reach a place for the foot: two-bone inverse kinematics by hip and knee; the foot keeps its orientation."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from metrichmsr_ros.refinement.feet import TOES
from metrichmsr_ros.types import Float64Array

LEGS = ((1, 4, 7), (2, 5, 8))  # hip, knee, ankle of each side


def reach(rotmats: Float64Array, joints: Float64Array, targets: Float64Array, side: int) -> Float64Array:
    """Poses (T, 24, 3, 3) whose ball of the foot is at `targets`, by hip and knee; the foot keeps its orientation.

    Args:
        rotmats: (T, 24, 3, 3) relative to the parents, joint 0 in the frame of the joints.
        joints: (T, 24, 3) m. targets: (T, 3) m. side: 0 left, 1 right.

    Targets farther than the leg is long are reached as far as it goes.
    """
    hip, knee, ankle = LEGS[side]
    pelvis = rotmats[:, 0]
    thigh = pelvis @ rotmats[:, hip]
    shin = thigh @ rotmats[:, knee]
    foot = shin @ rotmats[:, ankle]
    goal = joints[:, ankle] + targets - joints[:, TOES[side]]
    upper, lower = joints[:, knee] - joints[:, hip], joints[:, ankle] - joints[:, knee]
    bend = _bent(upper, lower, np.linalg.norm(goal - joints[:, hip], axis=1))
    new_shin = bend @ shin
    straightened = upper + (bend @ lower[..., None])[..., 0]
    swing = _between(straightened, goal - joints[:, hip])
    posed = rotmats.copy()
    new_thigh = swing @ thigh
    new_shin = swing @ new_shin
    posed[:, hip] = np.swapaxes(pelvis, 1, 2) @ new_thigh
    posed[:, knee] = np.swapaxes(new_thigh, 1, 2) @ new_shin
    posed[:, ankle] = np.swapaxes(new_shin, 1, 2) @ foot
    return posed


def _bent(upper: Float64Array, lower: Float64Array, length: Float64Array) -> Float64Array:
    """(T, 3, 3): turns of the lower bone in the plane of the leg after which the leg is `length` (T,) long."""
    one, two = np.linalg.norm(upper, axis=1), np.linalg.norm(lower, axis=1)
    cosine_now = (upper * lower).sum(axis=1) / (one * two)
    wanted = (length**2 - one**2 - two**2) / (2 * one * two)
    angle = np.arccos(np.clip(wanted, -1, 1)) - np.arccos(np.clip(cosine_now, -1, 1))
    axis = np.cross(upper, lower)
    size = np.linalg.norm(axis, axis=1, keepdims=True)
    straight = size[:, 0] < 1e-6 * one * two
    axis = np.where(straight[:, None], _any_normal(upper), axis / np.maximum(size, 1e-12))
    return _turns(axis, angle)


def _any_normal(vectors: Float64Array) -> Float64Array:
    along_x = np.abs(vectors[:, :1]) > 0.9 * np.linalg.norm(vectors, axis=1, keepdims=True)
    other = np.where(along_x, [0.0, 1.0, 0.0], [1.0, 0.0, 0.0])
    normal = np.cross(vectors, other)
    return np.asarray(normal / np.linalg.norm(normal, axis=1, keepdims=True))


def _between(start: Float64Array, end: Float64Array) -> Float64Array:
    """(T, 3, 3): the smallest turns from the directions (T, 3) to others."""
    one = start / np.linalg.norm(start, axis=1, keepdims=True)
    two = end / np.linalg.norm(end, axis=1, keepdims=True)
    axis = np.cross(one, two)
    sine = np.linalg.norm(axis, axis=1)
    angle = np.arctan2(sine, (one * two).sum(axis=1))
    axis = np.where(sine[:, None] < 1e-9, _any_normal(one), axis / np.maximum(sine, 1e-12)[:, None])
    return _turns(axis, angle)


def _turns(axes: Float64Array, angles: Float64Array) -> Float64Array:
    return np.asarray(Rotation.from_rotvec(axes * angles[:, None]).as_matrix())
