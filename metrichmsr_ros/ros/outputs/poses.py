"""Positions, rotations and transforms as plain geometry_msgs: metres, quaternions x, y, z, w."""

from __future__ import annotations

from typing import Any

import numpy as np

from metrichmsr_ros.ros.messages import PlainMessage


def vector(values: Any, kind: str = "Vector3") -> PlainMessage:
    """Vector3, or another message type with the fields x, y, z."""
    x, y, z = np.asarray(values, np.float64).tolist()
    return PlainMessage(f"geometry_msgs/msg/{kind}", {"x": x, "y": y, "z": z})


def pose(position: Any, rotation: Any) -> PlainMessage:
    """geometry_msgs/Pose of a position and x, y, z, w."""
    fields = {"position": vector(position, "Point"), "orientation": quaternion(rotation)}
    return PlainMessage("geometry_msgs/msg/Pose", fields)


def quaternion(values: Any) -> PlainMessage:
    """Quaternion of x, y, z, w."""
    x, y, z, w = np.asarray(values, np.float64).tolist()
    return PlainMessage("geometry_msgs/msg/Quaternion", {"x": x, "y": y, "z": z, "w": w})


def transform(header: Any, child: str, translation: Any, rotation: Any) -> PlainMessage:
    """TransformStamped: pose of frame `child` in the header's frame, metres and x, y, z, w."""
    placed = {"translation": vector(translation), "rotation": quaternion(rotation)}
    fields = {
        "header": header,
        "child_frame_id": child,
        "transform": PlainMessage("geometry_msgs/msg/Transform", placed),
    }
    return PlainMessage("geometry_msgs/msg/TransformStamped", fields)
