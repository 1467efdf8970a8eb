"""URDF, joint states, link frames, position and velocity of one person as plain messages. No ROS."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from metrichmsr_ros.body.human_description.link_frames import link_frames
from metrichmsr_ros.body.human_description.tree import joints_of
from metrichmsr_ros.body.human_description.urdf import urdf_text
from metrichmsr_ros.ros.frames import rotation_matrix
from metrichmsr_ros.ros.messages import PlainMessage
from metrichmsr_ros.ros.outputs.people import Body, seen
from metrichmsr_ros.ros.outputs.poses import transform, vector
from metrichmsr_ros.ros.outputs.rep155.trees import KinematicTrees, PosedTree


def urdf_message(body_id: str, tree: PosedTree) -> PlainMessage:
    """std_msgs/String with the URDF of a person."""
    return PlainMessage("std_msgs/msg/String", {"data": urdf_text(body_id, tree.segments)})


def joint_state_message(body_id: str, tree: PosedTree, header: Any) -> PlainMessage:
    """sensor_msgs/JointState of all moving joints."""
    fields = {
        "header": header,
        "name": [f"{name}_{body_id}" for name in tree.values],
        "position": np.fromiter(tree.values.values(), np.float64),
        "velocity": np.zeros(0),
        "effort": np.zeros(0),
    }
    return PlainMessage("sensor_msgs/msg/JointState", fields)


def link_transforms(bodies: list[Body], header: Any, trees: KinematicTrees) -> list[PlainMessage]:
    """`<link>_<id>` under `body_<id>` for all links of people seen, with the parents of the URDF."""
    return [message for body in seen(bodies) for message in _links(body.id, header, trees.posed(body))]


def _links(body_id: str, header: Any, tree: PosedTree) -> Iterable[PlainMessage]:
    for frame in link_frames(joints_of(tree.segments), tree.values):
        parent = PlainMessage("std_msgs/msg/Header", {"stamp": header.stamp, "frame_id": f"{frame.parent}_{body_id}"})
        yield transform(parent, f"{frame.child}_{body_id}", frame.translation, frame.rotation)


def position_message(body: Body, header: Any) -> PlainMessage:
    """geometry_msgs/PointStamped: the body frame's origin in the image's frame."""
    fields = {"header": header, "point": vector(body.origin, "Point")}
    return PlainMessage("geometry_msgs/msg/PointStamped", fields)


def velocity_message(body: Body, header: Any) -> PlainMessage:
    """geometry_msgs/TwistStamped: velocity relative to the camera, in the axes of `body_<id>`; no angular velocity."""
    frame = PlainMessage("std_msgs/msg/Header", {"stamp": header.stamp, "frame_id": f"body_{body.id}"})
    linear = np.asarray(body.person.velocity_cam, np.float64) @ rotation_matrix(body.orientation)
    twist = {"linear": vector(linear), "angular": vector((0.0, 0.0, 0.0))}
    fields = {"header": frame, "twist": PlainMessage("geometry_msgs/msg/Twist", twist)}
    return PlainMessage("geometry_msgs/msg/TwistStamped", fields)
