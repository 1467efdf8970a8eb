"""Tracks of the refinement from the pipeline's estimates."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.geometry.rotations import rotation_matrices
from metrichmsr_ros.pipeline.scale.ground_contact import feet_seen
from metrichmsr_ros.pipeline.scene import PersonEstimate
from metrichmsr_ros.refinement.track import RecordedTrack
from metrichmsr_ros.types import AnyArray, Float64Array


def track_of(
    estimates: Sequence[PersonEstimate], stamps_s: Sequence[float], poses: Sequence[Float64Array], camera: Camera
) -> RecordedTrack:
    """One person in T images.

    Args:
        estimates: T of the same id. stamps_s: T seconds. poses: T (4, 4) of the camera in the world. camera: of all.
    """
    return RecordedTrack(
        stamps_s=np.array(stamps_s, np.float64),
        rotmats=rotation_matrices(_stack([e.pose for e in estimates])).astype(np.float64),
        betas=_stack([e.betas for e in estimates]),
        transl_cam=_stack([e.transl_cam for e in estimates]),
        transl_cov=_stack([e.transl_cov for e in estimates]),
        confidence=np.array([e.confidence for e in estimates], np.float64),
        is_seen=np.array([not e.is_occluded for e in estimates]),
        feet_seen=np.stack([feet_seen(e.landmarks.pixels, e.landmarks.visibility, camera.size) for e in estimates]),
        T_world_cam=np.stack(poses),
        focal_px=float(camera.intrinsics[1, 1]),
    )


def _stack(rows: Sequence[AnyArray]) -> Float64Array:
    return np.stack(rows).astype(np.float64)
