"""A simple baseline: BlazePose's world landmarks scaled to a body of 1.70 m and placed by solvePnP."""

from __future__ import annotations

import cv2
import numpy as np

from metrichmsr_ros.body.engine import BodyEngine
from metrichmsr_ros.body.joints import JOINT_NAMES, LANDMARK_JOINTS
from metrichmsr_ros.hmr.inputs import CropInputs
from metrichmsr_ros.types import Float64Array

LANDMARKS = [landmark for landmark, _ in LANDMARK_JOINTS]
JOINTS = [joint for _, joint in LANDMARK_JOINTS]
NAMES = [JOINT_NAMES[joint] for joint in JOINTS]
BONES = [
    (NAMES.index(f"{side}_{a}"), NAMES.index(f"{side}_{b}"))
    for side in ("left", "right")
    for a, b in (("shoulder", "elbow"), ("elbow", "wrist"), ("shoulder", "hip"), ("hip", "knee"), ("knee", "ankle"))
]
ASSUMED_HEIGHT = 1.70


def bone_length(joints: Float64Array) -> Float64Array:
    """Summed length (...) of the ten bones of joints (..., 12, 3)."""
    a, b = np.array(BONES).T
    return np.linalg.norm(joints[..., a, :] - joints[..., b, :], axis=-1).sum(-1)


def baseline(people: CropInputs, body: BodyEngine) -> Float64Array:
    """Joints (N, 12, 3) in the camera frame, metres; NaN where solvePnP fails."""
    zero = np.zeros((1, 10), np.float32)
    mean_joints = body.rest_joints(zero)[0, JOINTS].astype(np.float64)
    length = bone_length(mean_joints) * ASSUMED_HEIGHT / body.height(zero).item()
    world = people.world[:, :33].astype(np.float64)
    world = world * (length / bone_length(world[:, LANDMARKS]))[:, None, None]
    intrinsics = people.intrinsics.astype(np.float64)
    rows = zip(world, full_image_pixels(people), intrinsics, strict=True)
    return np.stack([_place(*row)[LANDMARKS] for row in rows])


def full_image_pixels(people: CropInputs) -> Float64Array:
    """Landmarks (N, 33, 2) in pixels of the full image, from crop pixels by K K'^-1."""
    K, crop = people.intrinsics.astype(np.float64), people.crop_intrinsics.astype(np.float64)
    points = people.landmarks[:, :33, :2].astype(np.float64)
    to_image = K @ np.linalg.inv(crop)
    rays = np.concatenate([points, np.ones_like(points[..., :1])], axis=-1) @ to_image.swapaxes(1, 2)
    pixels: Float64Array = rays[..., :2] / rays[..., 2:]
    return pixels


def _place(world: Float64Array, pixels: Float64Array, intrinsics: Float64Array) -> Float64Array:
    found, turn, shift = cv2.solvePnP(world, pixels, intrinsics, None, flags=cv2.SOLVEPNP_SQPNP)
    if not found:
        return np.full_like(world, np.nan)
    return world @ cv2.Rodrigues(turn)[0].T + shift[:, 0]
