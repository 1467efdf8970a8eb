"""TUM trajectories: people's body frames (REP-155: mid-hips, x out of the chest, z to the head), as of a replay."""

from __future__ import annotations

import numpy as np

from metrichmsr_ros.conversion.recording import Frames, PersonTrack
from metrichmsr_ros.evaluation.trajectories import Trajectory, camera_trajectory, in_world
from metrichmsr_ros.ros.frames import body_frames
from metrichmsr_ros.types import Float64Array


def cameras_of(frames: Frames) -> dict[int, Float64Array]:
    """world_from_camera (4, 4) by stamp, of the frames that have it."""
    known = np.isfinite(frames.world_from_camera).all((1, 2))
    return {int(frames.stamp_ns[row]): frames.world_from_camera[row] for row in np.nonzero(known)[0]}


def person_trajectory(frames: Frames, track: PersonTrack, frame: str) -> Trajectory | None:
    """The trajectory of one person in the camera's optical frame or in the world; None without any row there."""
    origins, turns = body_frames(list(track.pose), list(track.joints))
    trajectory = Trajectory(frames.stamp_ns[track.frame], origins, turns)
    return trajectory if frame == "camera" else in_world(trajectory, cameras_of(frames))


def camera_path(frames: Frames) -> Trajectory | None:
    """The camera in the world; None if it is nowhere known."""
    cameras = cameras_of(frames)
    return camera_trajectory(cameras) if cameras else None
