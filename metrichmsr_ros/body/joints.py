"""The 24 joints of SMPL's kinematic tree, their mirror image, and the BlazePose landmarks that coincide with them.

Axes of the body: y up, facing +z, x to the body's own left. Both body models of this package, the open one and SMPL,
share this tree, so that a pose means the same on either.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch

FloatsOrTensor = TypeVar("FloatsOrTensor", NDArray[np.float32], NDArray[np.float64], "torch.Tensor")

JOINT_NAMES: tuple[str, ...] = (
    "pelvis",
    "left_hip",
    "right_hip",
    "spine1",
    "left_knee",
    "right_knee",
    "spine2",
    "left_ankle",
    "right_ankle",
    "spine3",
    "left_foot",
    "right_foot",
    "neck",
    "left_collar",
    "right_collar",
    "head",
    "left_shoulder",
    "right_shoulder",
    "left_elbow",
    "right_elbow",
    "left_wrist",
    "right_wrist",
    "left_hand",
    "right_hand",
)
NUM_JOINTS = len(JOINT_NAMES)
PARENTS: tuple[int, ...] = (-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21)

LANDMARK_NAMES: tuple[str, ...] = (
    "nose",
    "left_eye_inner",
    "left_eye",
    "left_eye_outer",
    "right_eye_inner",
    "right_eye",
    "right_eye_outer",
    "left_ear",
    "right_ear",
    "mouth_left",
    "mouth_right",
    "left_shoulder",
    "right_shoulder",
    "left_elbow",
    "right_elbow",
    "left_wrist",
    "right_wrist",
    "left_pinky",
    "right_pinky",
    "left_index",
    "right_index",
    "left_thumb",
    "right_thumb",
    "left_hip",
    "right_hip",
    "left_knee",
    "right_knee",
    "left_ankle",
    "right_ankle",
    "left_heel",
    "right_heel",
    "left_foot_index",
    "right_foot_index",
)
"""BlazePose's 33 body landmarks, in the network's order; left and right are the person's own."""


def mirror_name(name: str) -> str:
    """Name of the same joint or landmark on the other side: left <-> right; a name without a side is returned as is."""
    swapped = name.replace("left", "\0").replace("right", "left")
    return swapped.replace("\0", "right")


def _mirror_order(names: tuple[str, ...]) -> tuple[int, ...]:
    return tuple(names.index(mirror_name(name)) for name in names)


MIRROR_JOINTS: tuple[int, ...] = _mirror_order(JOINT_NAMES)
MIRROR_LANDMARKS: tuple[int, ...] = _mirror_order(LANDMARK_NAMES)
MIRROR_ALL_LANDMARKS: tuple[int, ...] = (*MIRROR_LANDMARKS, 33, 34, 37, 38, 35, 36)
"""Of all 39 outputs; the auxiliary ones are hip centre, circle, left hand and wrist, right hand and wrist."""

LANDMARK_JOINTS: tuple[tuple[int, int], ...] = tuple(
    (LANDMARK_NAMES.index(name), JOINT_NAMES.index(name)) for name in LANDMARK_NAMES if name in JOINT_NAMES
)
"""(landmark, joint) index pairs that share a name: shoulders, elbows, wrists, hips, knees, ankles."""


def mirror_pose(pose: FloatsOrTensor) -> FloatsOrTensor:
    """Mirror a pose at the body's plane x = 0: swap sides and turn each axis-angle (x, y, z) into (x, -y, -z).

    Args:
        pose: (..., 72) axis-angle, radians; the global orientation [0:3] is mirrored too, at x = 0 of its target
            frame (the camera frame for a flipped image).

    Returns:
        (..., 72), a new array; mirroring twice returns the original pose exactly.

    Raises:
        ValueError: the last dimension is not 72.
    """
    if pose.shape[-1] != 3 * NUM_JOINTS:
        raise ValueError(f"pose: last dimension is {pose.shape[-1]}, expected 72 (24 joints, axis-angle)")
    split = pose.reshape(*pose.shape[:-1], NUM_JOINTS, 3)[..., list(MIRROR_JOINTS), :]
    sign = _like([1.0, -1.0, -1.0], pose)
    return (split * sign).reshape(*pose.shape)


def mirror_points(points: FloatsOrTensor, order: tuple[int, ...] = MIRROR_JOINTS) -> FloatsOrTensor:
    """Mirror named points (..., N, 3) at x = 0: swap sides by `order` and turn x into -x. Its own inverse."""
    if points.shape[-2:] != (len(order), 3):
        raise ValueError(f"points: shape {tuple(points.shape)}, expected (..., {len(order)}, 3)")
    return points[..., list(order), :] * _like([-1.0, 1.0, 1.0], points)


def _like(values: list[float], array: FloatsOrTensor) -> FloatsOrTensor:
    if isinstance(array, np.ndarray):
        return np.asarray(values, dtype=array.dtype)
    return array.new_tensor(values)
