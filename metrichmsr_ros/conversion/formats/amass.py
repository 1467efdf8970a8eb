"""AMASS-style npz: one person's poses, root translation and shape over time; z up, metres, radians.

AMASS itself has the poses of SMPL-H; here they are SMPL's 24 joints, of which the first 22 are the same.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from metrichmsr_ros.conversion.clock import Grid
from metrichmsr_ros.conversion.motion import PlacedMotion
from metrichmsr_ros.conversion.recording import PersonTrack
from metrichmsr_ros.types import AnyArray

_NOTES = {
    "smpl": "betas are of SMPL",
    "": "the source does not say which body model the betas are of",
}
_OPEN = "betas are of the open body of metrichmsr_ros and are NOT betas of SMPL; poses and joints are those of SMPL"


def amass_arrays(
    motion: PlacedMotion, track: PersonTrack, grid: Grid, fps: float, body: str, frame: str
) -> dict[str, AnyArray]:
    """The arrays of one person.

    Args:
        motion: with z up.
        track: the person.
        grid: rows of the motion on slots of 1 / fps.
        fps: frames per second.
        body: "open", "open_light", "smpl" or "".
        frame: "camera" or "world".
    """
    pose = Rotation.from_matrix(motion.rotations.reshape(-1, 3, 3)).as_rotvec().reshape(len(motion.row), 72)
    row = motion.row[grid.row]
    return {
        "poses": pose[grid.row],
        "trans": (motion.root - motion.pelvis)[grid.row],
        "betas": motion.betas,
        "gender": np.array("neutral"),
        "mocap_framerate": np.array(fps),
        "body_model": np.array(body or "unknown"),
        "note": np.array(_NOTES.get(body, _OPEN)),
        "frame": np.array(f"{frame}, z up, metres"),
        "person": np.array(track.id),
        "is_held": grid.is_held,
        "is_occluded": track.is_occluded[row],
        "confidence": track.confidence[row],
        "betas_per_frame": track.betas[row],
        "joints": motion.joints[grid.row],
    }
