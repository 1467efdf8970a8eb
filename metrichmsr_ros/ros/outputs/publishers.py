"""Publishers of the node: each message is built only while its topic has a subscriber."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from geometry_msgs.msg import PoseArray
from numpy.typing import NDArray
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.lifecycle import LifecycleNode
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions
from sensor_msgs.msg import CameraInfo, Image, PointCloud2
from std_msgs.msg import Header
from visualization_msgs.msg import MarkerArray

from metrichmsr_ros.msg import HumanMeshArray, MeshTopology
from metrichmsr_ros.pipeline.scene import OutputRequest, Scene
from metrichmsr_ros.ros.messages import PlainMessage, optional_messages, to_rclpy
from metrichmsr_ros.ros.outputs.clouds import (
    body_points_message,
    clearing_points_message,
    scene_points_message,
)
from metrichmsr_ros.ros.outputs.fixed_frame import FixedFrameTopics
from metrichmsr_ros.ros.outputs.images import camera_info_message, image_message
from metrichmsr_ros.ros.outputs.markers import ShownMarkers, markers_message, mesh_markers_message
from metrichmsr_ros.ros.outputs.people import (
    Body,
    PeopleOptions,
    bodies_of,
    body_transforms,
    has_place,
    humans,
    joint_transforms,
    topology,
)
from metrichmsr_ros.ros.outputs.rep155.messages import link_transforms
from metrichmsr_ros.ros.outputs.rep155.trees import KinematicTrees
from metrichmsr_ros.ros.outputs.ros4hri import HumanTopics
from metrichmsr_ros.ros.outputs.standard import costmap_people, detections, poses
from metrichmsr_ros.ros.parameters import Settings
from metrichmsr_ros.ros.tf import TransformBroadcaster
from metrichmsr_ros.visual.overlay import draw_overlay

_RELIABLE = QoSProfile(depth=5, reliability=ReliabilityPolicy.RELIABLE)  # matches reliable and best-effort readers
_LATCHED = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL)

Build = Callable[[list[Body], Scene, Header], Any]


@dataclass(frozen=True)
class _Topic:
    publisher: Any
    build: Build
    needs: OutputRequest

    @property
    def has_readers(self) -> bool:
        return bool(self.publisher.get_subscription_count() > 0)


class Outputs:
    """All result topics of one node. Created on configure, destroyed on cleanup; one thread at a time may publish.

    Args:
        node: owner of the publishers.
        body_model: body model with `name`, `faces`, `joint_names`, `parents`.
        broadcaster: broadcaster of /tf.
        settings: parameters; assign the attribute to change them.
    """

    def __init__(
        self, node: LifecycleNode, body_model: Any, broadcaster: TransformBroadcaster, settings: Settings
    ) -> None:
        self.settings = settings
        self._node, self._body_model, self._broadcaster = node, body_model, broadcaster
        self._faces, self._parents = np.asarray(body_model.faces), np.asarray(body_model.parents)
        self._tf_topic = node.resolve_topic_name("/tf")
        self._images: dict[str, Image] = {}  # reused for every frame
        self._trees = KinematicTrees()
        self._markers = ShownMarkers()
        self._group = MutuallyExclusiveCallbackGroup()  # rclpy never takes destroyed publishers out of the node's own
        self._topics: list[_Topic] = []
        self._topology = self._publisher(MeshTopology, "~/topology", _LATCHED)
        self._make_topics()
        self.fixed_frame = self._fixed_frame_topics()

    def _make_topics(self) -> None:
        nothing, mesh, depth = OutputRequest(False, False), OutputRequest(True, False), OutputRequest(False, True)
        self._add(HumanMeshArray, "~/humans", self._humans, nothing)
        self._add(
            Image,
            "~/depth/image",
            lambda bodies, scene, header: self._image("depth", scene.depth.metres, header),
            depth,
        )
        self._add(
            CameraInfo,
            "~/depth/camera_info",
            lambda bodies, scene, header: camera_info_message(scene.camera, header),
            nothing,
        )
        self._add(PoseArray, "~/poses", lambda bodies, scene, header: poses(bodies, header), nothing)
        self._add(PointCloud2, "~/points", self._points, depth)
        # In this order: in a costmap, the rays of the image before would clear somebody who is hidden in this one.
        self._add(PointCloud2, "~/clearing_points", self._clearing_points, nothing)
        self._add(PointCloud2, "~/body_points", self._body_points, mesh)
        self._add(
            MarkerArray,
            "~/markers",
            lambda bodies, scene, header: markers_message(bodies, header, self._parents, scene.up),
            nothing,
        )
        self._add(
            MarkerArray,
            "~/mesh_markers",
            lambda bodies, scene, header: mesh_markers_message(bodies, header, self._faces),
            mesh,
        )
        self._add(
            Image,
            "~/overlay",
            lambda bodies, scene, header: self._image("overlay", draw_overlay(scene, self._faces), header),
            mesh,
        )
        self._make_optional_topics()

    def _make_optional_topics(self) -> None:
        hri = optional_messages("hri_msgs")
        self._human_topics = HumanTopics(self._node, hri, self._trees) if self.settings.publish_hri else None
        vision, people = optional_messages("vision_msgs"), optional_messages("people_msgs")
        if vision:
            self._add(
                vision.Detection3DArray,
                "~/detections",
                lambda bodies, scene, header: detections(bodies, header),
                OutputRequest(True, False),
            )
        if people:
            self._add(
                people.People,
                "~/people",
                lambda bodies, scene, header: costmap_people(bodies, header),
                OutputRequest(False, False),
            )

    def _fixed_frame_topics(self) -> FixedFrameTopics | None:
        """Topics in the fixed frame; None without the parameter."""
        if not self.settings.fixed_frame:
            return None
        return FixedFrameTopics(
            self.settings.fixed_frame,
            lambda message_type, name: self._publisher(message_type, name, _RELIABLE),
            lambda: self.settings.predicted_min_probability,
            lambda: self.is_open,
        )

    def _add(self, message_type: Any, name: str, build: Build, needs: OutputRequest) -> None:
        self._topics.append(_Topic(self._publisher(message_type, name, _RELIABLE), build, needs))

    def _publisher(self, message_type: Any, name: str, qos: QoSProfile) -> Any:
        overridable = QoSOverridingOptions.with_default_policies()
        return self._node.create_lifecycle_publisher(
            message_type, name, qos, callback_group=self._group, qos_overriding_options=overridable
        )

    def _points(self, bodies: list[Body], scene: Scene, header: Header) -> PointCloud2:
        image = scene.image if self.settings.points_colour else None
        return scene_points_message(scene.depth.metres, scene.camera, header, image, self.settings.points_stride)

    def _body_points(self, bodies: list[Body], scene: Scene, header: Header) -> PointCloud2:
        return body_points_message(bodies, header, scene.camera if self.settings.body_points_hidden else None, scene.up)

    def _clearing_points(self, bodies: list[Body], scene: Scene, header: Header) -> PointCloud2:
        keeps_hidden = not self.settings.body_points_hidden  # else they are marked where they are now
        return clearing_points_message(bodies, scene.camera, header, keeps_hidden, scene.up)

    def _humans(self, bodies: list[Body], scene: Scene, header: Header) -> PlainMessage:
        return humans(bodies, scene, header, self._body_model.name, self._people_options())

    def _people_options(self) -> PeopleOptions:
        settings = self.settings
        return PeopleOptions(settings.id_prefix, settings.min_confidence, settings.publish_vertices)

    def _image(self, name: str, image: NDArray[Any], header: Header) -> Image:
        message = self._images[name] = image_message(image, header, self._images.get(name))
        return message

    def publish_topology(self) -> None:
        """Publish the mesh topology once; it is latched for late subscribers."""
        self._topology.publish(to_rclpy(topology(self._body_model)))

    @property
    def is_open(self) -> bool:
        """False once the middleware has been shut down."""
        return bool(self._node.context.ok())

    def has_readers(self) -> bool:
        """Whether a topic of this node has a subscriber; /tf counts only with `tf_keeps_awake`.

        Most nodes of a robot subscribe to /tf, so its subscribers say little about this node.
        """
        groups = [group for group in (self._human_topics, self.fixed_frame) if group is not None]
        return any(part.has_readers for part in (*groups, *self._topics)) or self._tf_has_readers()

    @property
    def health(self) -> dict[str, str]:
        """State of the fixed frame, for diagnostics; empty without one."""
        return self.fixed_frame.health if self.fixed_frame is not None else {}

    def start_anew(self) -> None:
        """Forget everybody, when the stamps of the images jump."""
        if self.fixed_frame is not None:
            self.fixed_frame.forget()

    def rest(self) -> None:
        """Say that nobody is tracked while no images are processed; from any thread."""
        if not self.is_open:
            return
        self._markers.clear()
        if self._human_topics is not None:
            self._human_topics.clear()
        if self.fixed_frame is not None:
            self.fixed_frame.rest()

    def _tf_has_readers(self) -> bool:
        if not (self.settings.publish_tf and self.settings.tf_keeps_awake):
            return False
        own = self._node.get_name(), self._node.get_namespace()  # this node itself may subscribe
        readers = self._node.get_subscriptions_info_by_topic(self._tf_topic)
        return any((reader.node_name, reader.node_namespace) != own for reader in readers)

    def request(self) -> OutputRequest:
        """The costly parts of a Scene that the current subscribers need."""
        needs = [topic.needs for topic in self._topics if topic.has_readers]
        mesh = self.settings.publish_vertices and self._topics[0].has_readers
        return OutputRequest(vertices=mesh or any(n.vertices for n in needs), depth=any(n.depth for n in needs))

    def publish(self, scene: Scene, header: Header, request: OutputRequest) -> int:
        """Publish one frame on the subscribed topics; return the number of people in it.

        Args:
            scene: result of the image.
            header: header of the image.
            request: request of the scene; a topic with a newer subscriber starts with the next frame.
        """
        bodies = bodies_of(scene, self.settings.id_prefix, self.settings.min_confidence)
        self._trees.keep({body.id for body in bodies})
        transforms = self._transforms(bodies, header)
        if self.settings.publish_tf and transforms and has_place(header):
            self._broadcaster.sendTransform([to_rclpy(transform) for transform in transforms])
        for topic in self._topics:
            computed = (request.vertices or not topic.needs.vertices) and (request.depth or not topic.needs.depth)
            if computed and topic.has_readers:
                message = topic.build(bodies, scene, header)
                topic.publisher.publish(to_rclpy(message) if isinstance(message, PlainMessage) else message)
                self._markers.published(topic.publisher, message)
        if self._human_topics is not None:
            self._human_topics.publish(bodies, scene, header)
        if self.fixed_frame is not None:
            self.fixed_frame.offer(bodies, header)
        return len(bodies)

    def _transforms(self, bodies: list[Body], header: Header) -> list[PlainMessage]:
        """Frames of the people seen; a joint whose frame is also a link's (`head_<id>`) is sent once."""
        transforms = body_transforms(bodies, header)
        if self.settings.link_frames:
            transforms += link_transforms(bodies, header, self._trees)
        if self.settings.joint_frames:
            sent = {message.fields["child_frame_id"] for message in transforms}
            joints = joint_transforms(bodies, header, self._parents, self._body_model.joint_names)
            transforms += [message for message in joints if message.fields["child_frame_id"] not in sent]
        return transforms

    def destroy(self) -> None:
        """Take all topics back."""
        fixed = self.fixed_frame.publishers if self.fixed_frame is not None else []
        for publisher in [self._topology, *(topic.publisher for topic in self._topics), *fixed]:
            self._node.destroy_lifecycle_publisher(publisher)
        if self._human_topics is not None:
            self._human_topics.close()
        self._topics, self.fixed_frame = [], None
