"""Where things of a frame are in the axes of the scene: z up, metres."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from metrichmsr_ros.conversion.motion import Z_UP
from metrichmsr_ros.types import AnyArray, Float64Array
from metrichmsr_ros.viewer.frames import ViewFrame


def scene_from_camera(frame: ViewFrame, in_world: bool) -> Float64Array | None:
    """(4, 4) takes points of the frame's optical frame to the scene; None if the camera's pose is not known.

    Args:
        frame: the frame.
        in_world: the scene is the fixed frame of the camera's poses; else it stands on the camera, z against its y.
    """
    if in_world:
        return frame.world_from_camera
    pose = np.eye(4)
    pose[:3, :3] = Z_UP["camera"]
    return pose


def moved(pose: Float64Array, points: AnyArray) -> Float64Array:
    """Points (..., 3) under a pose (4, 4)."""
    result: Float64Array = np.asarray(points, np.float64) @ pose[:3, :3].T + pose[:3, 3]
    return result


def quaternion(rotation: Float64Array) -> Float64Array:
    """(4,) w, x, y, z of a rotation (3, 3)."""
    x, y, z, w = Rotation.from_matrix(rotation).as_quat()
    return np.array([w, x, y, z])
