"""Publishers of the fusion node."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from geometry_msgs.msg import PoseArray
from rclpy.lifecycle import LifecycleNode
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions
from std_msgs.msg import Header

from metrichmsr_ros.fusion.people_fusion import FusedPerson
from metrichmsr_ros.msg import HumanMesh, HumanMeshArray
from metrichmsr_ros.ros.fusion.people import fused_human, xyz_of
from metrichmsr_ros.ros.messages import PlainMessage, optional_messages, to_rclpy
from metrichmsr_ros.ros.outputs.poses import transform
from metrichmsr_ros.ros.outputs.standard import costmap_person
from metrichmsr_ros.ros.tf import TransformBroadcaster

_RELIABLE = QoSProfile(depth=5, reliability=ReliabilityPolicy.RELIABLE)  # matches reliable and best-effort readers


class FusionOutputs:
    """Topics of the fused people. Created on configure, destroyed on cleanup.

    Args:
        node: owner of the publishers.
        broadcaster: of /tf; None: no transforms.
        id_prefix: of every id.
        min_confidence: people of lower confidence are left out.
    """

    def __init__(
        self, node: LifecycleNode, broadcaster: TransformBroadcaster | None, id_prefix: str, min_confidence: float
    ) -> None:
        self._node, self._broadcaster = node, broadcaster
        self._id_prefix, self._min_confidence = id_prefix, min_confidence
        people = optional_messages("people_msgs")
        self._humans = self._publisher(HumanMeshArray, "~/humans")
        self._poses = self._publisher(PoseArray, "~/poses")
        self._people = self._publisher(people.People, "~/people") if people else None

    def _publisher(self, message_type: Any, name: str) -> Any:
        overridable = QoSOverridingOptions.with_default_policies()
        return self._node.create_lifecycle_publisher(message_type, name, _RELIABLE, qos_overriding_options=overridable)

    def publish(self, people: Sequence[FusedPerson], header: Header) -> int:
        """Publish everybody at one time, also when there is nobody; the number of people."""
        kept = [person for person in people if person.confidence >= self._min_confidence]
        humans = [fused_human(person, header, self._id_prefix + person.id) for person in kept]
        self._humans.publish(HumanMeshArray(header=header, humans=humans))
        seen = [human for human in humans if not human.is_occluded]
        self._poses.publish(PoseArray(header=header, poses=[human.body.pose for human in seen]))
        if self._people is not None:
            self._people.publish(to_rclpy(_people(humans, header)))
        if self._broadcaster is not None and seen:
            self._broadcaster.sendTransform([_transform(human) for human in seen])
        return len(humans)

    def destroy(self) -> None:
        """Take the topics back."""
        for publisher in (self._humans, self._poses, self._people):
            if publisher is not None:
                self._node.destroy_lifecycle_publisher(publisher)


def _transform(human: HumanMesh) -> Any:
    """`body_<id>` under the fixed frame."""
    turn = human.body.pose.orientation
    xyzw = (turn.x, turn.y, turn.z, turn.w)
    return to_rclpy(transform(human.header, f"body_{human.id}", xyz_of(human.body.pose.position), xyzw))


def _people(humans: list[HumanMesh], header: Header) -> PlainMessage:
    """people_msgs/People."""
    people = [
        costmap_person(
            human.id,
            xyz_of(human.body.pose.position),
            xyz_of(human.velocity.twist.linear),
            float(human.confidence),
            {"is_occluded": "true" if human.is_occluded else "false"},
        )
        for human in humans
    ]
    return PlainMessage("people_msgs/msg/People", {"header": header, "people": people})
