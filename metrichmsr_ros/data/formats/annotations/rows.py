"""One frame and its people, as they are written."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from metrichmsr_ros.types import Float32Array, Float64Array


@dataclass(frozen=True, eq=False)
class PersonRow:
    """One person in one frame: SI units, radians, camera's optical frame; unknown numbers are NaN.

    Attributes:
        id: unique within the source.
        confidence: 0 to 1.
        is_occluded: not seen in this frame, but predicted.
        bbox: (4,) x0, y0, x1, y1 px.
        pose: (72,) axis-angle, SMPL order.
        betas: (10,) shape of the body model that the shard names.
        transl_cam: (3,) translation.
        transl_cov: (3, 3) its covariance, m^2.
        joints_cam: (24, 3) joints.
        height: standing height.
        velocity_cam: (3,) of the root relative to the camera; NaN in photographs.
        joint_confidence: (24,) 0 to 1, or None.
        landmarks_px: (33, 2) of BlazePose, or None.
        landmark_visibility: (33,) 0 to 1, or None.
    """

    id: str
    confidence: float
    is_occluded: bool
    bbox: Float32Array
    pose: Float32Array
    betas: Float32Array
    transl_cam: Float32Array
    transl_cov: Float32Array
    joints_cam: Float32Array
    height: float = np.nan
    velocity_cam: Float32Array | tuple[float, float, float] = (np.nan, np.nan, np.nan)
    joint_confidence: Float32Array | None = None
    landmarks_px: Float32Array | None = None
    landmark_visibility: Float32Array | None = None


@dataclass(frozen=True, eq=False)
class FrameRow:
    """One frame, also one without people.

    Attributes:
        frame: index in the source, from 0.
        stamp_ns: time of the image; 0 in photographs.
        width: of the rectified image, px.
        height: likewise.
        K: (3, 3) intrinsics of the rectified image; pixel centres are integers.
        people: everybody in it.
        fps: nominal frames per second of the source, or None.
        T_world_cam: (4, 4) takes points of the camera's optical frame to a fixed frame, or None.
        image: file or key that holds the picture, or None.
        problem: why this frame has no estimates, or None.
    """

    frame: int
    stamp_ns: int
    width: int
    height: int
    K: Float64Array
    people: tuple[PersonRow, ...] = ()
    fps: float | None = None
    T_world_cam: Float64Array | None = None
    image: str | None = None
    problem: str | None = None
