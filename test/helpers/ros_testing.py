"""ROS 2 for one test: a context in its own domain, a perception node, and a camera driver."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any, cast

import rclpy
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.lifecycle import LifecycleNode
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, Image

from helpers.fake_pipeline import DEADLINE_S, FakePipeline
from helpers.ros_messages import make_image, make_info
from metrichmsr_ros.ros.node import PerceptionNode, make_node


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
        self.nodes: list[LifecycleNode] = []
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
