"""The node's two clouds of an image as messages, and what an obstacle layer reads of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sensor_msgs.msg import PointCloud2
from std_msgs.msg import Header

from benchmarks.robot.obstacle_layer import Observation
from metrichmsr_ros.pipeline.scene import Scene
from metrichmsr_ros.ros.outputs.clouds import body_points_message, clearing_points_message
from metrichmsr_ros.ros.outputs.people import bodies_of
from metrichmsr_ros.types import Float32Array, Float64Array


@dataclass(frozen=True)
class CloudMessages:
    """`~/body_points` and `~/clearing_points` of one image."""

    bodies: PointCloud2
    clearing: PointCloud2


def messages_of(scene: Scene, header: Header, marks_hidden: bool = False) -> CloudMessages:
    """The clouds as the node publishes them.

    Args:
        scene: of the image, with meshes.
        header: of the image.
        marks_hidden: the node's parameter `body_points_hidden`.
    """
    bodies = bodies_of(scene)
    return CloudMessages(
        body_points_message(bodies, header, scene.camera if marks_hidden else None),
        clearing_points_message(bodies, scene.camera, header, keeps_hidden=not marks_hidden),
    )


def add_points(message: PointCloud2, points: Float32Array) -> None:
    """Append points (N, 3), m, in the frame of a cloud of x, y, z."""
    message.data.frombytes(np.ascontiguousarray(points, "<f4").tobytes())
    message.width += len(points)
    message.row_step = message.width * message.point_step


def observation_of(message: PointCloud2, T_world_cam: Float64Array) -> Observation:
    """What a layer reads of a cloud of x, y, z from a camera at this pose (4, 4)."""
    points = np.frombuffer(bytes(message.data), "<f4").reshape(-1, 3).astype(np.float64)
    return Observation(T_world_cam[:3, 3], points @ T_world_cam[:3, :3].T + T_world_cam[:3, 3])
