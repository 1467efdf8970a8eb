"""People of a live topic, one message after the other, with the picture and the camera's pose that belong to each."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import rclpy
from rclpy.clock import Clock, ClockType
from rclpy.context import Context
from rclpy.exceptions import NameValidationException
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.expand_topic_name import expand_topic_name
from rclpy.validate_full_topic_name import validate_full_topic_name
from sensor_msgs.msg import CameraInfo, Image

from metrichmsr_ros.errors import MetricHMRError
from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.geometry.camera_info import camera_from_info
from metrichmsr_ros.msg import HumanMeshArray
from metrichmsr_ros.ros.graph_hints import elsewhere
from metrichmsr_ros.ros.inputs.conversion_errors import ConversionError
from metrichmsr_ros.ros.inputs.image_conversion import image_from_message
from metrichmsr_ros.ros.inputs.stamp_gate import stamp_ns
from metrichmsr_ros.ros.inputs.subscription import Input
from metrichmsr_ros.ros.tf import TransformListener
from metrichmsr_ros.ros.tf_tree import TransformError
from metrichmsr_ros.ros.watching.companions import Companion
from metrichmsr_ros.types import Float64Array, ImageArray

SILENT_S = 3.0  # without people before the log says so
_QUEUED, _IMAGES = 50, 60
_KIND = "metrichmsr_ros/msg/HumanMeshArray"


class TopicNameError(MetricHMRError, ValueError):
    """A text that cannot be the name of a topic; the message has it."""


@dataclass(frozen=True)
class FeedTopics:
    """What to receive.

    Attributes:
        people: topic of HumanMeshArray.
        image: topic of the images that the people were found in; empty: none.
        camera_info: of these images; empty: `camera_info` beside `image`, as image_transport names it.
        world: fixed frame of `/tf` in which the camera's pose is wanted; empty: none.

    Raises:
        TopicNameError: a name is not one of ROS 2.
    """

    people: str
    image: str = ""
    camera_info: str = ""
    world: str = ""

    def __post_init__(self) -> None:
        """Check the names before a node is made of them."""
        for what, name in (("people", self.people), ("images", self.image), ("CameraInfo", self.camera_info)):
            if name or what == "people":
                _check_topic_name(what, name)

    @property
    def info_topic(self) -> str:
        """Topic of the CameraInfo."""
        return self.camera_info or f"{self.image.rpartition('/')[0]}/camera_info"


def _check_topic_name(what: str, name: str) -> None:
    try:
        validate_full_topic_name(expand_topic_name(name, "viewer", "/"))
    except (ValueError, NameValidationException):
        text = f"the topic of the {what} is {name!r}, which is not a name of ROS 2; give one such as /perception/humans"
        raise TopicNameError(text) from None


@dataclass(frozen=True, eq=False)
class FedPeople:
    """One message.

    Attributes:
        message: the HumanMeshArray.
        image: (H, W, 3) uint8 RGB with the message's stamp; None if it did not come.
        camera: of the image.
        world_from_camera: (4, 4) at the stamp; None without a transform.
    """

    message: Any
    image: ImageArray | None
    camera: Camera | None
    world_from_camera: Float64Array | None


class PeopleFeed:
    """Receives in a thread; iterating waits for the next message, and ends after `close`.

    At most 50 messages wait; older ones are left out, because a viewer shows the present.
    """

    def __init__(self, topics: FeedTopics, context: Context | None = None) -> None:
        self._topics, self._owned = topics, context is None
        self._context = Context() if context is None else context
        if self._owned:
            rclpy.init(context=self._context)
        self._node = rclpy.create_node("metrichmsr_view", context=self._context)
        self._messages: deque[Any] = deque(maxlen=_QUEUED)
        self._images: deque[Any] = deque(maxlen=_IMAGES)
        self._info: Any = None
        self._pictures = Companion(self._image_at, self._image_may_come)
        self._poses, self._why_no_pose = Companion(self._pose_at, lambda _: not self._closed), ""
        self._came, self._closed = threading.Condition(), False
        self._last_s = time.monotonic()
        self._inputs = [Input(self._node, HumanMeshArray, topics.people, self._on_people, 10, "auto")]
        if topics.image:
            self._inputs.append(Input(self._node, Image, topics.image, self._images.append, 5, "auto"))
            self._inputs.append(Input(self._node, CameraInfo, topics.info_topic, self._on_info, 1, "auto"))
        self._transforms = TransformListener(self._node) if topics.world else None
        self._node.create_timer(1.0, self._tell_of_silence, clock=Clock(clock_type=ClockType.STEADY_TIME))
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self._node)
        self._thread = threading.Thread(target=self._spin, name="people feed", daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator[FedPeople]:
        """The messages from now on, without end until `close`."""
        while True:
            with self._came:
                self._came.wait_for(lambda: self._messages or self._closed)
                if self._closed:
                    return
                message = self._messages.popleft()
            yield FedPeople(message, self._image_of(message), self._camera(), self._pose_of(message))

    def close(self) -> None:
        """Receive no more, and end whoever iterates."""
        with self._came:
            if self._closed:
                return
            self._closed = True
            self._came.notify_all()
        self._executor.shutdown()
        self._thread.join()
        self._node.destroy_node()
        if self._owned:
            rclpy.try_shutdown(context=self._context)

    def _spin(self) -> None:
        with suppress(ExternalShutdownException):
            self._executor.spin()

    def _on_people(self, message: Any) -> None:
        with self._came:
            self._last_s = time.monotonic()
            self._messages.append(message)
            self._came.notify_all()

    def _on_info(self, message: Any) -> None:
        self._info = message

    def _tell_of_silence(self) -> None:
        silent_s = time.monotonic() - self._last_s
        if silent_s >= SILENT_S:
            topic = self._node.resolve_topic_name(self._topics.people)
            why = self._inputs[0].mismatch or elsewhere(self._node, topic, "the topic", (_KIND,))
            text = f"no people on {topic} for {silent_s:.0f} s: {why}"
            self._node.get_logger().warning(text, throttle_duration_sec=10.0)

    def _image_of(self, message: Any) -> ImageArray | None:
        """The image with the message's stamp."""
        image = self._pictures.of(message.header) if self._topics.image else None
        return None if image is None else self._converted(image)

    def _image_at(self, header: Any) -> Any:
        return next((each for each in list(self._images) if stamp_ns(each.header) == stamp_ns(header)), None)

    def _image_may_come(self, header: Any) -> bool:  # a newer one is the end of waiting
        return not self._closed and all(stamp_ns(each.header) <= stamp_ns(header) for each in list(self._images))

    def _converted(self, image: Any) -> ImageArray | None:
        try:
            return image_from_message(image)
        except ConversionError as error:
            self._warn(f"{self._topics.image}: {error}")
            return None

    def _camera(self) -> Camera | None:
        if self._info is None:
            return None
        try:
            return camera_from_info(self._info)
        except ValueError as error:
            self._warn(f"{self._topics.info_topic}: {error}")
            return None

    def _pose_of(self, message: Any) -> Float64Array | None:
        """The camera's pose in the fixed frame."""
        if self._transforms is None:
            return None
        pose = self._poses.of(message.header)
        if pose is None and not self._closed:
            self._warn(f"no camera pose in {self._topics.world}: {self._why_no_pose}")
        return pose

    def _pose_at(self, header: Any) -> Float64Array | None:
        assert self._transforms is not None
        try:
            return self._transforms.matrix(self._topics.world, header.frame_id, stamp_ns(header))
        except TransformError as error:
            self._why_no_pose = str(error)
            return None

    def _warn(self, text: str) -> None:
        self._node.get_logger().warning(text, throttle_duration_sec=10.0)
