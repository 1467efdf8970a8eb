"""ROS 2 for one test: a context in its own domain, a fake pipeline, a camera driver, and messages."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any, cast

import numpy as np
import rclpy
from builtin_interfaces.msg import Time
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from metrichmsr_ros.depth.engine import SceneDepth
from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.pipeline.scene import OutputRequest, PersonEstimate, Scene, SceneContext
from metrichmsr_ros.ros.node import PerceptionNode, make_node
from metrichmsr_ros.types import ImageArray

DEADLINE_S = 120.0  # never reached on a good day; generous for a busy machine that imports torch anew
WIDTH, HEIGHT = 64, 48
FRAME = "cam_optical"


class FakeBody:
    """Four vertices and a chain of 24 joints."""

    name = "fake_body"
    faces = np.array([[0, 1, 2], [0, 2, 3]])
    joint_names = tuple(f"joint_{i}" for i in range(24))
    parents = np.array([-1, *range(23)])


def make_person(person_id: str = "a1", seed: int = 0, **changes: Any) -> PersonEstimate:
    """Somebody 3 m before the camera, with other fields by name."""
    rng = np.random.default_rng(seed)
    covariance = np.diag(rng.uniform(0.01, 0.1, 6)).astype(np.float32)
    fields: dict[str, Any] = {
        "id": person_id,
        "age": 3,
        "confidence": 0.75,
        "is_occluded": False,
        "bbox": np.array([10.2, 5.0, 20.7, 40.0], np.float32),
        "pose": rng.normal(0, 0.5, 72).astype(np.float32),
        "betas": rng.normal(0, 1, 10).astype(np.float32),
        "transl_cam": np.array([0.1, 0.2, 3.0], np.float32),
        "transl_cov": covariance[:3, :3],
        "joints_cam": rng.normal((0, 0, 3), 0.3, (24, 3)).astype(np.float32),
        "vertices_cam": rng.normal((0, 0, 3), 0.3, (4, 3)).astype(np.float32),
        "height": 1.7,
        "velocity_cam": np.array([0.5, 0.0, -1.0], np.float32),
        "position_cov6": covariance,
        "landmarks": None,
    }
    return PersonEstimate(**(fields | changes))


class FakePipeline:
    """Finds `people` in every image; waits for `gate` when that is set; keeps what it was given."""

    body = FakeBody()

    def __init__(self, people: Iterable[PersonEstimate] = ()) -> None:
        self.people = list(people)
        self.gate: threading.Semaphore | None = None
        self.calls: list[tuple[ImageArray, Camera, float, OutputRequest]] = []
        self.contexts: list[SceneContext] = []
        self.resets = 0
        self.failure: Exception | None = None
        self.depth = SceneDepth(np.zeros((0, 0), np.float32), "people", "none")

    def reset(self) -> None:
        """Count it."""
        self.resets += 1

    def track(
        self,
        image: ImageArray,
        camera: Camera,
        stamp_s: float,
        *,
        request: OutputRequest = OutputRequest(),  # noqa: B008
        context: SceneContext = SceneContext(),  # noqa: B008
    ) -> Scene:
        """`people`, and depth in one pixel."""
        self.contexts.append(context)
        self.calls.append((image, camera, stamp_s, request))
        if self.gate is not None and not self.gate.acquire(timeout=DEADLINE_S):
            raise TimeoutError("nobody opened the gate")
        if self.failure is not None:
            raise self.failure
        metres = np.full(image.shape[:2], np.nan, np.float32)
        metres[3, 4] = 2.5
        depth = replace(self.depth, metres=metres) if request.depth else SceneDepth.not_requested(camera)
        return Scene(stamp_s, camera, image, self.people, depth, {"people": 0.001, "total": 0.002})


def free_domain() -> AbstractContextManager[int]:
    """A ROS domain that no other test process uses."""
    with contextlib.suppress(ImportError):
        from domain_coordinator import domain_id

        return cast("AbstractContextManager[int]", domain_id())
    return contextlib.nullcontext(1 + os.getpid() % 100)


class Ros:
    """A context, an executor, and one node that publishes and listens for the test."""

    def __init__(self, domain: int) -> None:
        self.domain = domain
        self.context = Context()
        rclpy.init(context=self.context, domain_id=domain)
        self.executor = SingleThreadedExecutor(context=self.context)
        self.node = rclpy.create_node("tester", context=self.context)
        self.nodes: list[PerceptionNode] = []
        self.executor.add_node(self.node)

    def perception(
        self,
        pipeline: FakePipeline,
        wait: str = "active",
        parameters: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> PerceptionNode:
        """A perception node, once it is in the state `wait`; with options of `make_node`."""
        node = make_node(pipeline, parameter_overrides=parameters, context=self.context, **options)
        self.executor.add_node(node)
        self.nodes.append(node)
        if wait:
            self.until(lambda: node.state == wait, f"node {wait}")
        return node

    def until(self, condition: Callable[[], Any], what: str = "condition") -> None:
        """Handle what comes until `condition` holds; an assertion fails after `DEADLINE_S`."""
        deadline = time.monotonic() + DEADLINE_S
        while not condition():
            assert time.monotonic() < deadline, f"waited {DEADLINE_S} s for {what}"
            self.executor.spin_once(timeout_sec=0.02)

    def settle(self, rounds: int = 5) -> None:
        """Handle what is waiting."""
        for _ in range(rounds):
            self.executor.spin_once(timeout_sec=0.0)

    def hear(self, topic: str, message_type: type[Any], latched: bool = False, depth: int = 200) -> list[Any]:
        """A list that grows by every message of a topic, once somebody publishes it."""
        heard: list[Any] = []
        durability = DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE
        qos = QoSProfile(depth=depth, reliability=ReliabilityPolicy.RELIABLE, durability=durability)
        subscription = self.node.create_subscription(message_type, topic, heard.append, qos)
        self.until(lambda: subscription.get_publisher_count() > 0, f"a publisher of {topic}")
        return heard

    def close(self) -> None:
        """Destroy the nodes and shut the context down."""
        for node in self.nodes:
            node.destroy_node()
        self.node.destroy_node()
        self.executor.shutdown()
        rclpy.shutdown(context=self.context)


def stamp(seconds: float) -> Time:
    """A time in a message."""
    nanoseconds = round(seconds * 1e9)
    return Time(sec=nanoseconds // 10**9, nanosec=nanoseconds % 10**9)


def make_header(seconds: float, frame: str = FRAME) -> Header:
    """A header of this time and frame."""
    return Header(stamp=stamp(seconds), frame_id=frame)


def make_image(
    seconds: float,
    value: int = 0,
    width: int = WIDTH,
    height: int = HEIGHT,
    frame: str = FRAME,
    encoding: str = "rgb8",
) -> Image:
    """An image of three bytes a pixel, all `value`."""
    message = Image(header=make_header(seconds, frame), width=width, height=height, encoding=encoding, step=3 * width)
    message.data.frombytes(np.full(width * height * 3, value, np.uint8).tobytes())
    return message


def make_info(
    seconds: float, width: int = WIDTH, height: int = HEIGHT, frame: str = FRAME, focal: float = 50.0
) -> CameraInfo:
    """The calibration of a pinhole camera; `focal` in px."""
    message = CameraInfo(header=make_header(seconds, frame), width=width, height=height, distortion_model="plumb_bob")
    k = np.array([focal, 0, (width - 1) / 2, 0, focal, (height - 1) / 2, 0, 0, 1.0])
    message.k = k
    message.p = np.insert(k.reshape(3, 3), 3, 0.0, axis=1).reshape(12)
    message.r = np.eye(3).reshape(9)
    return message


class CameraDriver:
    """Publishes images and their CameraInfo."""

    def __init__(
        self,
        ros: Ros,
        image: str = "image",
        camera_info: str = "camera_info",
        reliable: bool = True,
        image_type: type[Any] = Image,
        depth: int = 200,
    ) -> None:
        reliability = ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT
        qos = QoSProfile(depth=depth, reliability=reliability)
        self.image = ros.node.create_publisher(image_type, image, qos)
        self.info = ros.node.create_publisher(CameraInfo, camera_info, qos)
        ros.until(self._is_matched, "the node's subscriptions")

    def _is_matched(self) -> bool:
        return self.image.get_subscription_count() > 0 and self.info.get_subscription_count() > 0

    def send(self, image: Any, info: CameraInfo | None = None) -> None:
        """Publish the calibration, if there is one, then the image."""
        if info is not None:
            self.info.publish(info)
        self.image.publish(image)

    def send_good(self, seconds: float, **image: Any) -> None:
        """Publish a calibrated image; with arguments of `make_image`."""
        self.send(make_image(seconds, **image), make_info(seconds))
