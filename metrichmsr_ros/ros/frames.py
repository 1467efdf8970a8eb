"""SMPL's root and REP-155's body frame, and covariances in REP-103's order. Arrays only, no messages.

SMPL axes: y up, z out of the chest, x to the body's left. REP-155: x out of the chest, y to the left, z to the head,
origin midway between the hips. Both in the camera's optical frame, metres; quaternions are x, y, z, w.

A single rotation is turned into a matrix by tf_transformations where ROS is whole. The frames of people are computed by
SciPy everywhere: their last bits (4e-16) differ between the two, and a bag shall hold the same numbers on all machines.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.spatial.transform import Rotation

from metrichmsr_ros.types import AnyArray

try:
    from tf_transformations import quaternion_matrix
except (ImportError, AttributeError):  # the wheels lack it; transforms3d before 0.4.2 fails under NumPy 2
    quaternion_matrix = None

LEFT_HIP, RIGHT_HIP = 1, 2
# Rotation whose columns are REP-155's x, y, z in SMPL axes: (0, 0, 1), (1, 0, 0), (0, 1, 0).
_SMPL_FROM_BODY = Rotation.from_quat([-0.5, -0.5, -0.5, 0.5])
NOT_ESTIMATED = -1.0
_UPPER = np.triu_indices(3)


def body_frames(poses: Sequence[AnyArray], joints: Sequence[AnyArray]) -> tuple[AnyArray, AnyArray]:
    """REP-155 body frames of N people.

    Args:
        poses: N arrays (72,), axis-angle; [0:3] takes SMPL body axes to the camera frame.
        joints: N arrays (24, 3) in the camera frame.

    Returns:
        origins (N, 3) and orientations (N, 4), float64.
    """
    if not poses:
        return np.zeros((0, 3)), np.zeros((0, 4))
    hips = np.stack([j[[LEFT_HIP, RIGHT_HIP]] for j in joints]).astype(np.float64)
    roots = Rotation.from_rotvec(np.stack([p[:3] for p in poses]).astype(np.float64))
    return hips.mean(axis=1), (roots * _SMPL_FROM_BODY).as_quat()


def joint_frames(pose: AnyArray, joints: AnyArray, origin: AnyArray, parents: AnyArray) -> tuple[AnyArray, AnyArray]:
    """Frames of one person's joints in the person's body frame.

    A joint's frame has the axes of the body frame in the rest pose, and rotates with the bone that starts at the joint.

    Args:
        pose: (72,) axis-angle.
        joints: (24, 3) in the camera frame, metres.
        origin: (3,) origin of the body frame, metres.
        parents: (24,) index of each joint's parent, -1 for the root.

    Returns:
        positions (24, 3), orientations (24, 4), float64.
    """
    turned = Rotation.from_matrix(joint_rotations(pose, parents))
    return joint_positions(pose, joints, origin), turned.as_quat()


def joint_positions(pose: AnyArray, joints: AnyArray, origin: AnyArray) -> AnyArray:
    """Positions (24, 3) of one person's joints in the person's body frame; arguments as of `joint_frames`."""
    body = (Rotation.from_rotvec(pose[:3].astype(np.float64)) * _SMPL_FROM_BODY).as_matrix()
    positions: AnyArray = (joints.astype(np.float64) - origin) @ body
    return positions


def joint_rotations(pose: AnyArray, parents: AnyArray | Sequence[int]) -> AnyArray:
    """Rotations (24, 3, 3) of one person's joints in the person's body frame; arguments as of `joint_frames`."""
    local = Rotation.from_rotvec(pose.reshape(-1, 3).astype(np.float64)).as_matrix()
    turned = local.copy()
    turned[0] = np.eye(3)  # the root turns the body
    for joint in range(1, len(local)):
        turned[joint] = turned[int(parents[joint])] @ local[joint]
    axes = _SMPL_FROM_BODY.as_matrix()
    rotations: AnyArray = axes.T @ turned @ axes
    return rotations


def rotation_matrix(orientation: AnyArray) -> AnyArray:
    """Rotation (3, 3) of a unit quaternion (4,)."""
    if quaternion_matrix is not None:
        return np.asarray(quaternion_matrix(orientation))[:3, :3]
    matrix: AnyArray = Rotation.from_quat(orientation).as_matrix()
    return matrix


def pose_covariance(position: AnyArray, orientation: AnyArray) -> AnyArray:
    """(36,) float64, row-major over x, y, z and rotations about the fixed axes (REP-103).

    Args:
        position: (3, 3) covariance of the position, m^2.
        orientation: (3, 3) covariance of the orientation, rad^2, about the fixed axes. Errors of the two count as
            independent.
    """
    covariance = np.zeros((6, 6))
    covariance[:3, :3] = position
    covariance[3:, 3:] = orientation
    return covariance.reshape(36)


def joint_covariance_rows(covariances: AnyArray) -> AnyArray:
    """(144,) float32: xx, xy, xz, yy, yz, zz of each of 24 covariances (24, 3, 3)."""
    rows, columns = _UPPER
    return np.ascontiguousarray(covariances[:, rows, columns], np.float32).reshape(-1)


def joint_covariance_matrices(rows: AnyArray) -> AnyArray:
    """(24, 3, 3) covariances of `joint_covariance_rows`, float64."""
    matrices = np.zeros((24, 3, 3))
    upper = np.asarray(rows, np.float64).reshape(24, 6)
    matrices[:, _UPPER[0], _UPPER[1]] = upper
    matrices[:, _UPPER[1], _UPPER[0]] = upper
    return matrices


def twist_covariance(linear: AnyArray) -> AnyArray:
    """(36,) float64 of a twist whose angular part is not estimated: -1 on that diagonal."""
    covariance = np.zeros((6, 6))
    covariance[:3, :3] = linear
    covariance[3:, 3:] = np.eye(3) * NOT_ESTIMATED
    return covariance.reshape(36)


def pixel_box(bbox: AnyArray, width: int, height: int) -> tuple[int, int, int, int]:
    """Box x0, y0, x1, y1 -> (x_offset, y_offset, width, height) in whole pixels inside the image."""
    x0, y0, x1, y1 = (float(edge) for edge in bbox)
    left, top = max(0, math.floor(x0)), max(0, math.floor(y0))
    right, bottom = min(width, math.ceil(x1) + 1), min(height, math.ceil(y1) + 1)  # integer pixel centres
    return min(left, width), min(top, height), max(0, right - left), max(0, bottom - top)
