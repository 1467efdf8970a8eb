"""Topics of one body that need no hri_msgs: urdf, joint_states, position, velocity; and the parameter with the URDF."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from geometry_msgs.msg import PointStamped, TwistStamped
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import JointState
from std_msgs.msg import Header, String

from metrichmsr_ros.body.human_description.segments import Segments
from metrichmsr_ros.ros.messages import PlainMessage, to_rclpy
from metrichmsr_ros.ros.outputs.people import Body
from metrichmsr_ros.ros.outputs.rep155.descriptions import DescriptionParameters
from metrichmsr_ros.ros.outputs.rep155.messages import (
    joint_state_message,
    position_message,
    urdf_message,
    velocity_message,
)
from metrichmsr_ros.ros.outputs.rep155.trees import KinematicTrees

KINDS: Mapping[str, Any] = {
    "urdf": String,
    "joint_states": JointState,
    "position": PointStamped,
    "velocity": TwistStamped,
}
"""Message type by the last part of the topic's name."""
LATCHED = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL)
"""Of `urdf`: who comes later gets the newest."""


class KinematicMessages:
    """What is published of people seen; the URDF once, and again when the segments have changed or a reader is new.

    A reader that is not transient local, as libhri's may be, would never get what was sent before it came.

    Args:
        node: owner of the parameters.
        trees: of the people.
    """

    def __init__(self, node: Node, trees: KinematicTrees) -> None:
        self._trees = trees
        self._parameters = DescriptionParameters(node)
        self._described: dict[str, Segments] = {}
        self._readers: dict[str, int] = {}

    @property
    def has_news(self) -> bool:
        """Whether `follow` has parameters to set."""
        return self._parameters.has_news

    def publish(self, topics: Mapping[str, Any], body: Body, header: Header) -> None:
        """Publish what is read of a person who is seen in the image.

        Args:
            topics: publishers by the names of `KINDS`; empty until they have been created.
            body: the person.
            header: of the image.
        """
        if body.person.is_occluded or not topics:
            return
        if body.id not in self._described or _is_read(topics["urdf"]) or _is_read(topics["joint_states"]):
            self._publish_tree(topics, body, header)
        if _is_read(topics["position"]):
            _send(topics["position"], position_message(body, header))
        if _is_read(topics["velocity"]) and np.isfinite(body.person.velocity_cam).all():
            _send(topics["velocity"], velocity_message(body, header))

    def _publish_tree(self, topics: Mapping[str, Any], body: Body, header: Header) -> None:
        tree = self._trees.posed(body)
        is_changed = self._described.get(body.id) is not tree.segments
        readers = topics["urdf"].get_subscription_count()
        if is_changed or readers > self._readers.get(body.id, 0):
            message = urdf_message(body.id, tree)
            _send(topics["urdf"], message)
            if is_changed:
                self._parameters.offer(body.id, message.fields["data"])
        self._described[body.id], self._readers[body.id] = tree.segments, readers
        if _is_read(topics["joint_states"]):
            _send(topics["joint_states"], joint_state_message(body.id, tree, header))

    def follow(self, present: Collection[str]) -> None:
        """Set the parameters of those present and forget the others; for the executor's thread."""
        self._described = {name: segments for name, segments in self._described.items() if name in present}
        self._readers = {name: count for name, count in self._readers.items() if name in present}
        self._parameters.follow(present)


def _is_read(publisher: Any) -> bool:
    return bool(publisher.get_subscription_count() > 0)


def _send(publisher: Any, message: PlainMessage) -> None:
    publisher.publish(to_rclpy(message))
