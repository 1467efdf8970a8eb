"""Map key points of the data sets, by name, to the 24 joints of the body.

Annotated hips and shoulders are a few centimetres from the body model's joints; ankles, knees, elbows and wrists agree.
Joints that a data set does not annotate get confidence 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from metrichmsr_ros.body.joints import JOINT_NAMES

OPENPOSE_25: tuple[str, ...] = (
    *("nose", "neck", "right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow", "left_wrist"),
    *("pelvis", "right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle", "right_eye"),
    *("left_eye", "right_ear", "left_ear", "left_big_toe", "left_small_toe", "left_heel", "right_big_toe"),
    *("right_small_toe", "right_heel"),
)
EXTRA_19: tuple[str, ...] = (
    *("right_ankle", "right_knee", "right_hip", "left_hip", "left_knee", "left_ankle", "right_wrist", "right_elbow"),
    *("right_shoulder", "left_shoulder", "left_elbow", "left_wrist", "neck", "head_top", "pelvis", "thorax"),
    *("spine_h36m", "jaw", "head_h36m"),
)
BODY_44: tuple[str, ...] = OPENPOSE_25 + EXTRA_19
"""The 44 key points of the SPIN family of label releases: 25 of OpenPose, then 19 of other sets."""
COCO_18: tuple[str, ...] = (
    *("nose", "neck", "right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow", "left_wrist"),
    *("right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle", "right_eye", "left_eye"),
    *("right_ear", "left_ear"),
)
"""The 18 key points of 3DPW's `poses2d`."""

COCO_17: tuple[str, ...] = (
    *("nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder", "left_elbow"),
    *("right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle"),
    "right_ankle",
)
MPII_16: tuple[str, ...] = (
    *("right_ankle", "right_knee", "right_hip", "left_hip", "left_knee", "left_ankle", "pelvis", "thorax", "neck"),
    *("head_top", "right_wrist", "right_elbow", "right_shoulder", "left_shoulder", "left_elbow", "left_wrist"),
)
AIC_14: tuple[str, ...] = (
    *("right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow", "left_wrist", "right_hip"),
    *("right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle", "head_top", "neck"),
)

COMPARABLE = frozenset(
    f"{side}_{part}" for side in ("left", "right") for part in ("hip", "knee", "ankle", "shoulder", "elbow", "wrist")
)


def to_joints(keypoints: NDArray[Any], names: tuple[str, ...]) -> NDArray[np.float32]:
    """Map the key points of one data set to the 24 joints.

    Args:
        keypoints: (..., K, 3) u, v in pixels and confidence. Of two points with one name, the more confident counts.
        names: names of the K points; only those in `COMPARABLE` are used.

    Returns:
        (..., 24, 3) float32, zeros for joints without an annotation.
    """
    points = np.asarray(keypoints, np.float32)
    if points.shape[-2:] != (len(names), 3):
        raise ValueError(f"keypoints: shape {points.shape}, expected (..., {len(names)}, 3)")
    joints = np.zeros((*points.shape[:-2], len(JOINT_NAMES), 3), np.float32)
    for source, name in enumerate(names):
        if name in COMPARABLE:
            target = JOINT_NAMES.index(name)
            surer = points[..., source, 2:] > joints[..., target, 2:]
            joints[..., target, :] = np.where(surer, points[..., source, :], joints[..., target, :])
    return joints
