"""One person's motion with one shape, in the frame and axes of a format."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from metrichmsr_ros.body.joints import NUM_JOINTS, PARENTS
from metrichmsr_ros.conversion.recording import PersonTrack, SourceRecording
from metrichmsr_ros.types import Float64Array

KEPT = np.eye(3)
Y_UP = {"camera": np.diag([1.0, -1.0, -1.0]), "world": np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])}
"""Axes with y up of the optical frame (x right, y down, z forward) and of a world with z up; right-handed."""
Z_UP = {"camera": np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]]), "world": KEPT}
"""Axes with z up of the same."""


@dataclass(frozen=True, eq=False)
class PlacedMotion:
    """A person's motion.

    Attributes:
        row: (N,) rows of the track: all, without those whose frame has no camera pose if the world is asked for.
        rotations: (N, 24, 3, 3) of each joint relative to its parent; the root's in the axes of the format.
        joints: (N, 24, 3) of the source in the axes of the format, m; each row has its own shape.
        betas: (10,) the one shape of the track.
        pelvis: (3,) root joint of that shape at rest; root = pelvis + SMPL's translation.
    """

    row: NDArray[np.int64]
    rotations: Float64Array
    joints: Float64Array
    betas: Float64Array
    pelvis: Float64Array

    @property
    def root(self) -> Float64Array:
        """(N, 3) position of the root joint, m."""
        return self.joints[:, 0]


def motion_of(recording: SourceRecording, track: PersonTrack, frame: str, axes: Float64Array) -> PlacedMotion:
    """The motion of a track.

    Args:
        recording: the recording of the track.
        track: the person.
        frame: "camera" or "world".
        axes: (3, 3) turns that frame to the axes of the format.
    """
    poses = recording.frames.world_from_camera[track.frame]
    if frame == "camera":
        poses = np.tile(np.eye(4), (len(track), 1, 1))
    row = np.nonzero(np.isfinite(poses).all((1, 2)))[0]
    turn = axes @ poses[row, :3, :3]
    rotations = Rotation.from_rotvec(track.pose.reshape(-1, 3)).as_matrix().reshape(-1, NUM_JOINTS, 3, 3)[row]
    rotations[:, 0] = turn @ rotations[:, 0]
    joints = track.joints[row] @ np.swapaxes(turn, 1, 2) + (poses[row, :3, 3] @ axes.T)[:, None]
    weights = shape_weights(track)
    # Rest joints are affine in betas: the mean of pelves is the pelvis of the mean shape.
    pelvis = weights @ (track.joints[:, 0] - track.transl)
    return PlacedMotion(row, rotations, joints, weights @ track.betas, pelvis)


def shape_weights(track: PersonTrack) -> Float64Array:
    """(N,) weights, of sum 1, of the rows in the track's shape: their confidence; 0 for predicted rows."""
    weights = np.nan_to_num(np.where(track.is_occluded, 0.0, track.confidence), nan=0.0).clip(min=0.0)
    if weights.sum() <= 0:
        weights = np.where(track.is_occluded.all(), 1.0, ~track.is_occluded).astype(np.float64)
    shares: Float64Array = weights / weights.sum()
    return shares


def posed_joints(motion: PlacedMotion, rest: Float64Array) -> tuple[Float64Array, Float64Array]:
    """Rotations (N, 24, 3, 3) and positions (N, 24, 3) of all joints in the frame of `motion.root`.

    Args:
        motion: the motion.
        rest: (24, 3) rest joints.
    """
    turns, positions = [motion.rotations[:, 0]], [motion.root]
    for joint in range(1, NUM_JOINTS):
        parent = PARENTS[joint]
        positions.append(positions[parent] + turns[parent] @ (rest[joint] - rest[parent]))
        turns.append(turns[parent] @ motion.rotations[:, joint])
    return np.stack(turns, 1), np.stack(positions, 1)


def shape_error(motion: PlacedMotion, rest: Float64Array) -> float:
    """Largest distance, m, of a joint from the source's, because the motion has one shape; 0 without rows."""
    if not len(motion.row):
        return 0.0
    return float(np.linalg.norm(posed_joints(motion, rest)[1] - motion.joints, axis=2).max())
