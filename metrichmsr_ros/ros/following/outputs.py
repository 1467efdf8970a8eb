"""What the follow node publishes: a frame, a goal and a status."""

from __future__ import annotations

from typing import Any

import numpy as np
from geometry_msgs.msg import Point, Pose, PoseStamped, Quaternion
from rclpy.lifecycle import LifecycleNode
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions
from std_msgs.msg import Header, String

from metrichmsr_ros.people.following.goal import Viewpoint, goal_before
from metrichmsr_ros.people.following.target import FollowedState
from metrichmsr_ros.ros.messages import to_rclpy
from metrichmsr_ros.ros.outputs.poses import transform
from metrichmsr_ros.ros.tf import TransformBroadcaster

_RELIABLE = QoSProfile(depth=5, reliability=ReliabilityPolicy.RELIABLE)
_LATCHED = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL)


class FollowOutputs:
    """Topics of the person who is followed. Created on configure, destroyed on cleanup.

    Args:
        node: owner of the publishers.
        broadcaster: of /tf.
        frame: of the person.
        distance: of the goal from the person, m.
    """

    def __init__(self, node: LifecycleNode, broadcaster: TransformBroadcaster, frame: str, distance: float) -> None:
        self._node, self._broadcaster, self._frame, self._distance = node, broadcaster, frame, distance
        overridable = {"qos_overriding_options": QoSOverridingOptions.with_default_policies()}
        self._pose = node.create_lifecycle_publisher(PoseStamped, "~/pose", _RELIABLE, **overridable)
        self._goal = node.create_lifecycle_publisher(PoseStamped, "~/goal", _RELIABLE, **overridable)
        self._status = node.create_lifecycle_publisher(String, "~/status", _LATCHED, **overridable)
        self._last = ""

    def publish(self, state: FollowedState, header: Header, view: Viewpoint | None) -> None:
        """Publish frame, pose and goal of a person who is seen or predicted; nothing of one who is lost.

        Args:
            state: the person.
            header: stamp of the image, fixed frame.
            view: the robot; None: unknown, so there is no goal.
        """
        if state.position is None:
            return
        x, y, z = state.position.tolist()
        frame = transform(header, self._frame, (x, y, z), _about_z(state.heading))
        self._broadcaster.sendTransform([to_rclpy(frame)])
        self._pose.publish(PoseStamped(header=header, pose=_pose(x, y, z, state.heading)))
        if view is not None:
            place, yaw = goal_before(state.position, view, self._distance)
            self._goal.publish(PoseStamped(header=header, pose=_pose(float(place[0]), float(place[1]), 0.0, yaw)))

    def tell(self, status: str) -> None:
        """Publish the status if it is another one."""
        if status != self._last:
            self._last = status
            self._status.publish(String(data=status))

    def forget_status(self) -> None:
        """The next status is published whatever it is."""
        self._last = ""

    def destroy(self) -> None:
        """Take the topics back."""
        for publisher in (self._pose, self._goal, self._status):
            self._node.destroy_lifecycle_publisher(publisher)


def _pose(x: float, y: float, z: float, yaw: float) -> Pose:
    turn = dict(zip("xyzw", _about_z(yaw), strict=True))
    return Pose(position=Point(x=x, y=y, z=z), orientation=Quaternion(**turn))


def _about_z(angle: float) -> Any:
    """(x, y, z, w) of a turn about z, radians."""
    return 0.0, 0.0, float(np.sin(angle / 2)), float(np.cos(angle / 2))
