"""REP-155: /humans/bodies/tracked and the topics of every body.

Ids are those of this node, with `id_prefix`; the `body_<id>` frames are on /tf. The topics of a body exist while its
person is tracked, from the image after the first. Without hri_msgs only those of its kinematic model (`rep155/`) do.
Pixels are of the rectified image. A gesture is published when it begins.
"""

from __future__ import annotations

import threading
from collections.abc import Collection
from typing import Any

import numpy as np
import numpy.typing as npt
from rclpy.callback_groups import CallbackGroup, MutuallyExclusiveCallbackGroup
from rclpy.exceptions import InvalidTopicNameException
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from metrichmsr_ros.pipeline.scene import Scene
from metrichmsr_ros.ros.frames import pixel_box
from metrichmsr_ros.ros.outputs.images import image_message
from metrichmsr_ros.ros.outputs.people import Body
from metrichmsr_ros.ros.outputs.rep155.topics import KINDS, LATCHED, KinematicMessages
from metrichmsr_ros.ros.outputs.rep155.trees import KinematicTrees

_QOS = QoSProfile(depth=5, reliability=ReliabilityPolicy.RELIABLE)
# Skeleton2D's constants by BlazePose landmark; NECK is the midpoint of the shoulders.
_LANDMARKS = {
    "NOSE": 0, "RIGHT_SHOULDER": 12, "RIGHT_ELBOW": 14, "RIGHT_WRIST": 16, "LEFT_SHOULDER": 11, "LEFT_ELBOW": 13,
    "LEFT_WRIST": 15, "RIGHT_HIP": 24, "RIGHT_KNEE": 26, "RIGHT_ANKLE": 28, "LEFT_HIP": 23, "LEFT_KNEE": 25,
    "LEFT_ANKLE": 27, "LEFT_EYE": 2, "RIGHT_EYE": 5, "LEFT_EAR": 7, "RIGHT_EAR": 8,
}  # fmt: skip
_SHOULDERS = [11, 12]


class HumanTopics:
    """Publishers of /humans/bodies.

    `publish` runs in the worker's thread. The executor creates and destroys the publishers, because it waits on the
    entities of the node; a guard condition wakes it when people appear or leave. A new topic has no subscribers yet, so
    no message is lost.

    Args:
        node: owner of the publishers.
        hri: the Python module hri_msgs.msg; None where it is not installed.
        trees: kinematic trees of the people.
    """

    def __init__(self, node: Node, hri: Any, trees: KinematicTrees) -> None:
        self._node, self._hri = node, hri
        self._tracked = self._publisher(hri.IdsList, "tracked", _QOS, _new_group()) if hri else None
        self._kinematics = KinematicMessages(node, trees)
        self._lock = threading.Lock()
        self._present: frozenset[str] = frozenset()  # ids in the last image
        self._header = Header()  # of the last image
        self._bodies: dict[str, dict[str, Any]] = {}
        self._gestures: dict[str, frozenset[str]] = {}  # gestures by id, as hri_msgs names them
        self._change = node.create_guard_condition(self._follow)

    @property
    def has_readers(self) -> bool:
        """Whether one of the topics has a subscriber."""
        with self._lock:
            topics = [topic for topics in self._bodies.values() for topic in topics.values()]
            topics += [self._tracked] if self._tracked is not None else []
            return any(topic.get_subscription_count() > 0 for topic in topics)

    def publish(self, bodies: list[Body], scene: Scene, header: Header) -> None:
        """Publish the list of tracked bodies, and the subscribed topics of each; the list is empty without people."""
        with self._lock:
            self._present, self._header = frozenset(body.id for body in bodies), header
            for body in bodies:
                self._publish_body(body, scene, header)
            self._publish_gestures(bodies, header)
            if self._present != self._bodies.keys() or self._kinematics.has_news:
                self._change.trigger()
            if self._tracked is not None:
                self._tracked.publish(self._hri.IdsList(header=header, ids=[body.id for body in bodies]))

    def _publish_body(self, body: Body, scene: Scene, header: Header) -> None:
        topics = self._bodies.get(body.id, {})
        for name, build in (("roi", roi_message), ("cropped", cropped_message), ("skeleton2d", skeleton_message)):
            if name in topics and topics[name].get_subscription_count() > 0:
                message = build(body, scene, header, self._hri)
                if message is not None:
                    topics[name].publish(message)
        self._kinematics.publish(topics, body, header)

    def _publish_gestures(self, bodies: list[Body], header: Header) -> None:
        """What has begun since the last image; what goes on is not repeated."""
        now = {body.id: gesture_names(body.person.gestures) for body in bodies}
        for id, names in now.items():
            topic = self._bodies.get(id, {}).get("gesture")
            if topic is None:
                continue  # nobody could hear of it yet
            for name in sorted(names - self._gestures.get(id, frozenset())):
                gesture = getattr(self._hri.Gesture, name)
                topic.publish(self._hri.Gesture(header=header, gesture=gesture))
        self._gestures = {id: names for id, names in now.items() if id in self._bodies}

    def _follow(self) -> None:
        """Create the topics of people who are new in the last image, destroy those of people who are gone."""
        with self._lock:
            for gone in self._bodies.keys() - self._present:
                self._close(gone)
            for new in self._present - self._bodies.keys():
                self._open(new)
            self._kinematics.follow(self._present)

    def _open(self, body_id: str) -> None:
        hri, kinds = self._hri, dict(KINDS)
        if hri:
            kinds |= {"roi": hri.NormalizedRegionOfInterest2D, "cropped": Image, "skeleton2d": hri.Skeleton2D}
            kinds["gesture"] = hri.Gesture
        topics = self._bodies[body_id] = {}
        group = _new_group()
        try:
            for name, kind in kinds.items():
                qos = LATCHED if name == "urdf" else _QOS
                topics[name] = self._publisher(kind, f"{body_id}/{name}", qos, group)
        except InvalidTopicNameException:
            self._warn_of_name(body_id)

    def _publisher(self, kind: Any, name: str, qos: QoSProfile, group: CallbackGroup) -> Any:
        return self._node.create_publisher(kind, f"/humans/bodies/{name}", qos, callback_group=group)

    def _warn_of_name(self, body_id: str) -> None:
        self._node.get_logger().warning(
            f"the id {body_id} cannot be a part of a topic's name, so there are no topics /humans/bodies/{body_id}/: "
            "let id_prefix begin with a letter and have only letters, digits and single _, or set publish_hri to false",
            once=True,
        )

    def _close(self, body_id: str) -> None:
        for publisher in self._bodies.pop(body_id).values():
            self._node.destroy_publisher(publisher)

    def clear(self) -> None:
        """Say that nobody is tracked any more, and let the topics of bodies go; from any thread."""
        with self._lock:
            was_present, self._present, self._gestures = self._present, frozenset(), {}
            if not was_present:
                return
            self._change.trigger()
            if self._tracked is not None:
                self._tracked.publish(self._hri.IdsList(header=self._header, ids=[]))

    def close(self) -> None:
        """Take all topics back."""
        with self._lock:
            self._present = frozenset()  # for a `_follow` that waits for the lock
            self._node.destroy_guard_condition(self._change)
            for body_id in list(self._bodies):
                self._close(body_id)
            self._kinematics.follow(())
            if self._tracked is not None:
                self._node.destroy_publisher(self._tracked)


def _new_group() -> CallbackGroup:
    """For publishers that come and go: rclpy never takes destroyed ones out of the node's own group."""
    return MutuallyExclusiveCallbackGroup()


def gesture_names(gestures: Collection[str]) -> frozenset[str]:
    """Constants of hri_msgs/Gesture for a person's gestures; pointing has none of its own and is OTHER."""
    raised = [side for side in ("left", "right") if f"hand_raised_{side}" in gestures]
    names = {"BOTH_HANDS_RAISED"} if len(raised) == 2 else {f"{side.upper()}_HAND_RAISED" for side in raised}
    names |= {"WAVING" for gesture in gestures if gesture.startswith("waving_")}
    return frozenset(names | {"OTHER" for gesture in gestures if gesture.startswith("pointing_")})


def roi_message(body: Body, scene: Scene, header: Header, hri: Any) -> Any:
    """hri_msgs/NormalizedRegionOfInterest2D around the body, inside the image."""
    width, height = scene.camera.size
    x, y, w, h = pixel_box(body.person.bbox, width, height)
    message = hri.NormalizedRegionOfInterest2D(header=header, c=float(body.person.confidence))
    message.xmin, message.ymin = x / width, y / height
    message.xmax, message.ymax = (x + w) / width, (y + h) / height
    return message


def cropped_message(body: Body, scene: Scene, header: Header, hri: Any) -> Image | None:
    """The body's region of the image, rgb8; None if it lies outside, as that of a hidden person may."""
    x, y, w, h = pixel_box(body.person.bbox, *scene.camera.size)
    if not w * h:
        return None
    return image_message(np.ascontiguousarray(scene.image[y : y + h, x : x + w]), header)


def skeleton_message(body: Body, scene: Scene, header: Header, hri: Any) -> Any:
    """hri_msgs/Skeleton2D: pixels of the landmarks; c = 0 for landmarks outside the image."""
    message = hri.Skeleton2D(header=header)
    landmarks = body.person.landmarks
    for name, index in _LANDMARKS.items():
        _set_point(message, getattr(hri.Skeleton2D, name), landmarks.pixels[index], landmarks.visibility[index], scene)
    neck = landmarks.pixels[_SHOULDERS].mean(axis=0)
    _set_point(message, hri.Skeleton2D.NECK, neck, landmarks.visibility[_SHOULDERS].min(), scene)
    return message


def _set_point(message: Any, index: int, pixel: npt.NDArray[Any], visibility: float, scene: Scene) -> None:
    x, y = (float(value) for value in (np.asarray(pixel, np.float64) + 0.5) / scene.camera.size)
    inside = 0.0 <= x <= 1.0 and 0.0 <= y <= 1.0
    point = message.skeleton[index]
    point.x, point.y, point.c = min(max(x, 0.0), 1.0), min(max(y, 0.0), 1.0), float(visibility) if inside else 0.0
