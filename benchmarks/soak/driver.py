"""A camera, its transforms and a manager, in one node that feeds the node under test."""

from __future__ import annotations

import array
import time
from collections.abc import Callable
from typing import Any

import cv2
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import TransformStamped
from lifecycle_msgs.srv import ChangeState
from rcl_interfaces.srv import SetParameters
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import QoSProfile
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header
from tf2_msgs.msg import TFMessage

from benchmarks.soak.nodes import GROUND_FRAME, SIZE
from benchmarks.soak.watch import Watch
from metrichmsr_ros.assets import asset_path
from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.io.images import read_photograph
from metrichmsr_ros.msg import HumanMeshArray
from metrichmsr_ros.ros.outputs.images import camera_info_message

FRAME = "soak_camera"
_NODE = "/perception"
_PATIENCE_S = 120.0
_DRAIN_S = 15.0  # reports come once a second, on a busy machine less often
_QUEUED = QoSProfile(depth=50)


class NodeLostError(RuntimeError):
    """The node under test does not answer any more."""


class Driver:
    """Feeds one node; close it at the end.

    Args:
        hz: images per second.

    Attributes:
        has_transforms: whether each image has its transform.
        shift_s: added to all stamps.
    """

    def __init__(self, hz: float) -> None:
        self.watch, self.has_transforms, self.shift_s = Watch(), True, 0.0
        self._hz, self._context = hz, Context()
        rclpy.init(context=self._context)
        self._node = rclpy.create_node("soak_driver", context=self._context)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self._node)
        self._node.create_subscription(HumanMeshArray, f"{_NODE}/humans", self.watch.received, 50)
        self._node.create_subscription(DiagnosticArray, "/diagnostics", self.watch.diagnosed, 10)
        self._transforms = self._node.create_publisher(TFMessage, "/tf", 10)
        self._change = self._node.create_client(ChangeState, f"{_NODE}/change_state")
        self._set = self._node.create_client(SetParameters, f"{_NODE}/set_parameters")
        self.open()
        self._calibration, self._picture = Camera.from_fov(*SIZE, 1.2), _photograph()

    def open(self) -> None:
        """Make the camera's publishers."""
        self._image = self._node.create_publisher(Image, "image", _QUEUED)
        self._info = self._node.create_publisher(CameraInfo, "camera_info", _QUEUED)

    def restart(self) -> None:
        """Take the camera's publishers back, once everything has arrived, and make them again."""
        self.drain()
        self._node.destroy_publisher(self._image)
        self._node.destroy_publisher(self._info)
        self.spin(0.2)
        self.open()
        self.matched()

    def matched(self) -> None:
        """Wait until the node receives images, and its results are received."""
        self.until(
            lambda: self._image.get_subscription_count() > 0 and self._info.get_subscription_count() > 0,
            "subscription of the node",
        )
        self.until(lambda: self._node.count_publishers(f"{_NODE}/humans") > 0, "results")

    def until(self, condition: Callable[[], bool], what: str) -> None:
        """Spin until a condition holds.

        Raises:
            NodeLostError: it does not within two minutes.
        """
        deadline = time.monotonic() + _PATIENCE_S
        while not condition():
            if time.monotonic() > deadline:
                raise NodeLostError(f"waited {_PATIENCE_S:.0f} s for: {what}")
            self._executor.spin_once(timeout_sec=0.05)

    def spin(self, seconds: float) -> None:
        """Handle what comes for some seconds."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            self._executor.spin_once(timeout_sec=left)

    def drain(self) -> int:
        """Wait for the reports of everything sent; the number of images that are not reported."""
        deadline, first = time.monotonic() + _DRAIN_S, self.watch.reports
        while (self.watch.unaccounted or self.watch.reports < first + 2) and time.monotonic() < deadline:
            self._executor.spin_once(timeout_sec=0.1)
        return self.watch.unaccounted

    def run(self, seconds: float, each: Callable[[], None] = lambda: None) -> None:
        """Send whole images for some seconds, and call `each` before each of them."""
        started = time.monotonic()
        for number in range(max(1, int(self._hz * seconds))):
            self.spin(started + number / self._hz - time.monotonic())
            each()
            self.send_whole(number)

    def send_whole(self, number: int) -> None:
        """Send one image of a person with its calibration and transform, stamped with the time."""
        now = time.time_ns() + round(self.shift_s * 1e9)
        header = Header(frame_id=FRAME)
        header.stamp.sec, header.stamp.nanosec = divmod(now, 10**9)
        if self.has_transforms:
            self._transforms.publish(TFMessage(transforms=[_pose(header)]))
        self._info.publish(camera_info_message(self._calibration, header))
        self._picture.header = header
        self._picture.data[number % 3] ^= 1  # no two images alike
        self.watch.image_sent(now)
        self._image.publish(self._picture)

    def send_image(self, message: Image) -> None:
        """Send any image."""
        self.watch.image_sent(None)
        self._image.publish(message)

    def send_info(self, message: CameraInfo) -> None:
        """Send any calibration."""
        self._info.publish(message)

    def send_transform(self, message: TransformStamped) -> None:
        """Send any transform."""
        self._transforms.publish(TFMessage(transforms=[message]))

    def transition(self, number: int) -> None:
        """Ask for a transition of lifecycle_msgs/Transition."""
        request = ChangeState.Request()
        request.transition.id = number
        self._answer(self._change, request, "change of state")

    def set_parameters(self, messages: list[Any]) -> list[str]:
        """Set parameters (rcl_interfaces/Parameter); the reasons of those that were refused."""
        answer = self._answer(self._set, SetParameters.Request(parameters=messages), "parameters")
        return [result.reason for result in answer.results if not result.successful]

    def _answer(self, client: Any, request: Any, what: str) -> Any:
        self.until(client.service_is_ready, f"the service of {what}")
        future = client.call_async(request)
        self.until(future.done, what)
        return future.result()

    def close(self) -> None:
        """Shut down."""
        self._executor.shutdown()
        self._node.destroy_node()
        rclpy.shutdown(context=self._context)


def _photograph() -> Image:
    picture = cv2.resize(read_photograph(asset_path("astronaut.jpg")).image, SIZE)
    message = Image(width=SIZE[0], height=SIZE[1], encoding="rgb8", step=3 * SIZE[0])
    message.data = array.array("B", picture.tobytes())
    return message


def _pose(header: Header) -> TransformStamped:
    """A level camera 1.5 m above the floor."""
    message = TransformStamped(child_frame_id=FRAME)
    message.header.frame_id, message.header.stamp = GROUND_FRAME, header.stamp
    message.transform.translation.z = 1.5
    turn = message.transform.rotation
    turn.x, turn.y, turn.z, turn.w = -0.5, 0.5, -0.5, 0.5
    return message
