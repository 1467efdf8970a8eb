"""The floor of the scene: measured, else the plane under the feet of the people seen so far."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from metrichmsr_ros.conversion.motion import Z_UP
from metrichmsr_ros.depth.sources.ground_plane import Plane, fit_ground
from metrichmsr_ros.types import Float64Array
from metrichmsr_ros.viewer.scene.placement import quaternion

_MOST_FEET = 500


@dataclass(frozen=True, eq=False)
class SceneFloor:
    """A plane in the scene.

    Attributes:
        up: (3,) unit vector. height: up . p = height for its points p, m.
        is_measured: whether a sensor or TF gave it.
    """

    up: Float64Array
    height: float
    is_measured: bool

    def below(self, point: Float64Array) -> Float64Array:
        """The point (3,) of the floor below or above another."""
        place: Float64Array = point - (self.up @ point - self.height) * self.up
        return place

    @property
    def wxyz(self) -> Float64Array:
        """(4,) turns the z axis to `up`."""
        side = np.cross(self.up, [0.0, 1.0, 0.0] if abs(self.up[1]) < 0.9 else [1.0, 0.0, 0.0])
        side = -side / np.linalg.norm(side)
        return quaternion(np.stack([side, np.cross(self.up, side), self.up], axis=1))


class FloorFit:
    """Fits the floor to feet.

    Args:
        is_level: whether z of the scene is against gravity; else only a prior around the camera's up.
    """

    def __init__(self, is_level: bool) -> None:
        self._is_level = is_level
        self._feet: deque[Float64Array] = deque(maxlen=_MOST_FEET)

    def add(self, foot: Float64Array) -> None:
        """Add somebody's lowest point (3,), in the scene."""
        self._feet.append(foot)

    def floor(self) -> SceneFloor | None:
        """The floor; None before anybody is seen."""
        if not self._feet:
            return None
        feet = np.array(self._feet)
        if self._is_level:
            plane = fit_ground(feet, up=[0.0, 0.0, 1.0])
            return SceneFloor(plane.up, plane.height, False)
        turn = Z_UP["camera"]
        plane = fit_ground(feet @ turn)
        return SceneFloor(turn @ plane.up, plane.height, False)


def measured_floor(plane: Plane, pose: Float64Array) -> SceneFloor:
    """A plane of the camera frame in the scene; `pose` (4, 4) is scene_from_camera."""
    up = pose[:3, :3] @ plane.up
    return SceneFloor(up, float(plane.height + up @ pose[:3, 3]), True)
