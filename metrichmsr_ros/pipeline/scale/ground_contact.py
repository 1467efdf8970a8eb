"""Distance and size of a person whose feet stand on a calibrated floor."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from metrichmsr_ros.depth.sources.ground_plane import Plane
from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.people.blazepose.landmarks import LandmarkSet
from metrichmsr_ros.pipeline.scale.evidence import ScaleEvidence

SOLE_STD = 0.03  # metres: error of the mesh's lowest point as the sole's position
PIXEL_STD = 3.0  # of the landmarks from which the posture was read
TILT_STD = math.radians(0.3)  # of the camera against the floor: calibration, suspension
LEVEL_STD = 0.01  # metres: of the camera over the floor
MIN_VISIBLE = 0.5
_FEET = (10, 11)  # SMPL's foot joints, left and right
_FOOT_LANDMARKS = [[27, 29, 31], [28, 30, 32]]  # BlazePose's ankle, heel and toe of these sides


def feet_on_floor(
    vertices_cam: ArrayLike, joints_cam: ArrayLike, landmarks: LandmarkSet, floor: Plane, camera: Camera
) -> ScaleEvidence | None:
    """Scale at which the lowest point of a body lies on `floor`.

    Args:
        vertices_cam: (V, 3) metres, camera frame; joints_cam: (24, 3). landmarks: of the same person, for what is seen.
        floor: plane in the camera frame, below the camera. camera: undistorted.

    Returns:
        None when the lower foot is not seen, or the floor is not below the camera and in front of it there.
    """
    joints = np.asarray(joints_cam, np.float64)
    lower = int(np.argmin(joints[list(_FEET)] @ floor.up))
    if not feet_seen(landmarks.pixels, landmarks.visibility, camera.size)[lower]:
        return None
    return sole_on_floor(vertices_cam, floor, float(camera.intrinsics[1, 1]))


def sole_on_floor(vertices_cam: ArrayLike, floor: Plane, focal_px: float) -> ScaleEvidence | None:
    """Scale at which the lowest point of a body lies on `floor`, whether or not it is seen.

    Args:
        vertices_cam: (V, 3) metres, camera frame. floor: plane in the camera frame. focal_px: of the image.

    Returns:
        None when the floor is not below the camera and in front of it there.
    """
    vertices = np.asarray(vertices_cam, np.float64)
    below = vertices @ floor.up
    lowest = vertices[np.argmin(below)]
    drop = -float(below.min())  # of the sole under the camera
    if floor.height >= 0 or drop <= 0 or lowest[2] <= 0:
        return None
    distance = float(np.linalg.norm(lowest))
    noise = math.hypot(SOLE_STD, PIXEL_STD * distance / focal_px)
    bias = math.hypot(TILT_STD * distance, LEVEL_STD)
    return ScaleEvidence(math.log(-floor.height / drop), noise / drop, bias / drop, "floor")


def feet_seen(pixels: ArrayLike, visibility: ArrayLike, size: tuple[int, int]) -> NDArray[np.bool_]:
    """(..., 2) whether the left and the right foot are inside the image and visible.

    Args:
        pixels: (..., L, 2) BlazePose's landmarks. visibility: (..., L) of them, 0 to 1. size: width, height px.
    """
    places = np.asarray(pixels)[..., _FOOT_LANDMARKS, :]
    inside = ((places >= 0) & (places <= np.array(size) - 1)).all(axis=(-2, -1))
    return np.asarray(inside & (np.asarray(visibility)[..., _FOOT_LANDMARKS].mean(axis=-1) >= MIN_VISIBLE))
