"""The clouds of one image after the other: each grid is read once the costmap has used both clouds of its image.

A costmap does not say which clouds a grid is made of. So each image's bodies have one more point behind the camera, at
a place that turns with the images, and a ray clears the place of the image before. A grid in which the new place is
marked and the old one is not has used both clouds; an update before that leaves nothing else behind.
"""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import PointCloud2

from benchmarks.robot.nav2.client import CostmapClient
from benchmarks.robot.nav2.clouds import add_points, messages_of, observation_of
from benchmarks.robot.obstacle_layer import LayerConfig, Observation
from metrichmsr_ros.pipeline.scene import Scene
from metrichmsr_ros.types import Float64Array

_ANGLES = np.radians([150.0, 170.0, 190.0, 210.0])  # from the camera's axis; its rays reach 90 beyond an image's edges
_BEHIND_M = 0.6
_AGAIN_S = 1.0  # after which clouds are sent again: the layer's subscriptions are best effort and may lose one


class SteppedCostmap:
    """Gives the costmap of `client` images one by one.

    Args:
        client: of an active costmap.
        config: its window.
    """

    def __init__(self, client: CostmapClient, config: LayerConfig) -> None:
        self._client, self._config = client, config
        self._number = 0
        self._old: Float64Array | None = None

    def update(
        self, scene: Scene, T_world_cam: Float64Array, marks_hidden: bool = False
    ) -> tuple[NDArray[np.bool_], Observation, Observation]:
        """Show one image's clouds; returns the marked cells (X, Y), and what was sent to mark and to clear.

        Args:
            scene: of the image, with meshes.
            T_world_cam: (4, 4) pose of the camera, which is level.
            marks_hidden: the node's parameter `body_points_hidden`.
        """
        client = self._client
        stamp = client.now()
        clouds = messages_of(scene, client.header(stamp), marks_hidden)
        new, old = self._place(T_world_cam), self._old
        _add_world_point(clouds.bodies, new, T_world_cam)
        if old is not None:
            _add_world_point(clouds.clearing, old, T_world_cam)
        client.last = None
        client.send_pose(T_world_cam, stamp)
        due = time.monotonic()

        def is_used() -> bool:
            nonlocal due
            if time.monotonic() >= due:
                due += _AGAIN_S
                client.send(clouds)
            return self._is_used(new, old)

        client.until(is_used, f"a grid of image {self._number}")
        self._old, self._number = new, self._number + 1
        assert client.last is not None
        return client.last, observation_of(clouds.bodies, T_world_cam), observation_of(clouds.clearing, T_world_cam)

    def _place(self, T_world_cam: Float64Array) -> Float64Array:
        """(3,) world: the middle of a cell behind the camera."""
        forward = T_world_cam[:2, 2]
        angle = np.arctan2(forward[1], forward[0]) + _ANGLES[self._number % len(_ANGLES)]
        near = T_world_cam[:2, 3] + _BEHIND_M * np.array([np.cos(angle), np.sin(angle)])
        middle = (self._config.cells(near[None])[0] + 0.5) * self._config.resolution + self._config.origin
        return np.array([*middle, T_world_cam[2, 3]])

    def _is_used(self, new: Float64Array, old: Float64Array | None) -> bool:
        marked = self._client.last
        if marked is None or not marked[self._cell(new)]:
            return False
        return old is None or not marked[self._cell(old)]

    def _cell(self, place: Float64Array) -> tuple[int, int]:
        x, y = self._config.cells(place[None])[0].tolist()
        return x, y


def _add_world_point(message: PointCloud2, place: Float64Array, T_world_cam: Float64Array) -> None:
    """Append a place (3,) of the world, m, to a cloud from a camera at this pose (4, 4)."""
    in_camera = (place - T_world_cam[:3, 3]) @ T_world_cam[:3, :3]
    add_points(message, in_camera[None].astype(np.float32))
