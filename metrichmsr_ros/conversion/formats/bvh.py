"""BVH: the person's own skeleton, and per frame the root's position and Euler angles of every joint.

Metres; y up; angles in degrees in the order Z X Y: R = Rz Rx Ry. Bones without a child end where they would be half as
long again.
"""

from __future__ import annotations

import warnings

import numpy as np
from scipy.spatial.transform import Rotation

from metrichmsr_ros.body.joints import JOINT_NAMES, NUM_JOINTS, PARENTS
from metrichmsr_ros.conversion.clock import Grid
from metrichmsr_ros.conversion.motion import PlacedMotion
from metrichmsr_ros.types import Float64Array

ORDER = "ZXY"
_ANGLES = " ".join(f"{axis}rotation" for axis in ORDER)
_ROOT = f"CHANNELS 6 Xposition Yposition Zposition {_ANGLES}"
_JOINT = f"CHANNELS 3 {_ANGLES}"


def bvh_text(motion: PlacedMotion, rest: Float64Array, grid: Grid, fps: float) -> str:
    """The file of one person.

    Args:
        motion: with y up.
        rest: (24, 3) rest joints of its shape, m.
        grid: rows on slots of 1 / fps.
        fps: frames per second.
    """
    lines = ["HIERARCHY", *_joint_lines(0, rest, 0), "MOTION", f"Frames: {len(grid.row)}", f"Frame Time: {1 / fps:.9f}"]
    rows = np.concatenate([motion.root, _angles(motion.rotations).reshape(len(motion.row), -1)], 1)
    order = [0, 1, 2, *(3 + 3 * joint + axis for joint in _depth_first(0) for axis in range(3))]
    lines += [" ".join(f"{value:.8f}" for value in row) for row in rows[:, order]]
    moving = len(lines) - len(rows)
    return "\n".join([*lines[:moving], *(lines[moving + row] for row in grid.row)]) + "\n"


def _children(joint: int) -> list[int]:
    return [child for child in range(NUM_JOINTS) if PARENTS[child] == joint]


def _depth_first(joint: int) -> list[int]:
    """The joint and those below it in the order of the file."""
    return [joint, *(below for child in _children(joint) for below in _depth_first(child))]


def _joint_lines(joint: int, rest: Float64Array, depth: int) -> list[str]:
    """The block of a joint and all below it."""
    pad, inner = "\t" * depth, "\t" * (depth + 1)
    bone = np.zeros(3) if PARENTS[joint] < 0 else rest[joint] - rest[PARENTS[joint]]
    head = f"{pad}{'JOINT' if depth else 'ROOT'} {JOINT_NAMES[joint]}"
    lines = [head, f"{pad}{{", f"{inner}OFFSET {_numbers(bone)}", f"{inner}{_JOINT if depth else _ROOT}"]
    for child in _children(joint):
        lines += _joint_lines(child, rest, depth + 1)
    if not _children(joint):
        lines += [f"{inner}End Site", f"{inner}{{", f"{inner}\tOFFSET {_numbers(bone / 2)}", f"{inner}}}"]
    return [*lines, f"{pad}}}"]


def _numbers(values: Float64Array) -> str:
    return " ".join(f"{value:.8f}" for value in values)


def _angles(rotations: Float64Array) -> Float64Array:
    """(N, 24, 3) degrees, without jumps by whole turns from row to row."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # at gimbal lock one angle is free; the rotation is the same
        angles = Rotation.from_matrix(rotations.reshape(-1, 3, 3)).as_euler(ORDER)
    steady = np.unwrap(angles.reshape(len(rotations), NUM_JOINTS, 3), axis=0)
    return np.degrees(steady)
