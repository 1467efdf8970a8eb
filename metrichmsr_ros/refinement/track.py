"""One person over time, as estimated image by image, and as refined over the whole track."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metrichmsr_ros.types import Float32Array, Float64Array

NUM_JOINTS = 24


@dataclass(frozen=True, eq=False)
class RecordedTrack:
    """One person in T images, in the order of their stamps. SI units, radians, camera optical frame.

    Attributes:
        stamps_s: (T,) seconds, increasing.
        rotmats: (T, 24, 3, 3) of each joint relative to its parent; joint 0 takes body axes to the camera's.
        betas: (T, 10).
        transl_cam: (T, 3) SMPL translation.
        transl_cov: (T, 3, 3) its covariance, m^2.
        confidence: (T,) 0 to 1.
        is_seen: (T,) whether the person was seen; others were predicted.
        feet_seen: (T, 2) whether the left and the right foot are inside the image and visible.
        T_world_cam: (T, 4, 4) takes points of the camera to a fixed frame whose z points up.
        focal_px: focal length of the rectified image.
    """

    stamps_s: Float64Array
    rotmats: Float64Array
    betas: Float64Array
    transl_cam: Float64Array
    transl_cov: Float64Array
    confidence: Float64Array
    is_seen: NDArray[np.bool_]
    feet_seen: NDArray[np.bool_]
    T_world_cam: Float64Array
    focal_px: float

    def __len__(self) -> int:
        """Number of images."""
        return len(self.stamps_s)

    @property
    def weights(self) -> Float64Array:
        """(T,) of each image's estimates; nearly none where the person was not seen."""
        return np.where(self.is_seen, np.maximum(self.confidence, 1e-3), 1e-6)

    @property
    def turns(self) -> Float64Array:
        """(T, 3, 3) axes of the camera in the world."""
        return self.T_world_cam[:, :3, :3]

    def to_world(self, points_cam: Float64Array) -> Float64Array:
        """Points (T, N, 3) of the camera in the world."""
        return np.asarray(points_cam @ np.swapaxes(self.turns, 1, 2) + self.T_world_cam[:, None, :3, 3])

    def to_camera(self, points_world: Float64Array) -> Float64Array:
        """Points (T, N, 3) of the world in the camera."""
        return np.asarray((points_world - self.T_world_cam[:, None, :3, 3]) @ self.turns)

    def part(self, images: slice) -> RecordedTrack:
        """Some of the images."""
        arrays: dict[str, Any] = {name: value[images] for name, value in vars(self).items() if name != "focal_px"}
        return replace(self, **arrays)

    def with_rotmats(self, rotmats: Float64Array) -> RecordedTrack:
        """The same track in other poses."""
        return replace(self, rotmats=rotmats)


@dataclass(frozen=True, eq=False)
class RefinedTrack:
    """A refined track: one shape, and T poses and places in the camera's optical frame.

    Attributes:
        rotmats: (T, 24, 3, 3).
        betas: (10,).
        height: standing height, m.
        transl_cam: (T, 3).
        transl_cov: (T, 3, 3) m^2.
        joints_cam: (T, 24, 3).
        velocity_world: (T, 3) m/s of the root.
        turned: images whose front and back were exchanged.
        stance: (T, 2) whether the left and the right foot stand.
    """

    rotmats: Float64Array
    betas: Float32Array
    height: float
    transl_cam: Float64Array
    transl_cov: Float64Array
    joints_cam: Float64Array
    velocity_world: Float64Array
    turned: NDArray[np.bool_]
    stance: NDArray[np.bool_]
