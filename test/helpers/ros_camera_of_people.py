"""A process that publishes what a perception node of the camera argv[1] would: the walker, 10 times a second."""

import sys
import time

import rclpy
from rclpy.qos import DurabilityPolicy, QoSProfile
from tf2_msgs.msg import TFMessage

from helpers.fused_messages import extrinsics, seen_by
from metrichmsr_ros.msg import HumanMeshArray

PERIOD_S = 0.1
camera = sys.argv[1]
rclpy.init()
node = rclpy.create_node(f"camera_{camera}")
people = node.create_publisher(HumanMeshArray, f"/{camera}/perception/humans", 5)
static = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
transforms = node.create_publisher(TFMessage, "/tf_static", static)
transforms.publish(TFMessage(transforms=[extrinsics(camera)]))


def publish() -> None:
    """The walker now; all processes have the same clock."""
    people.publish(seen_by(camera, round(time.time() / PERIOD_S) * PERIOD_S, scale=1.1))


node.create_timer(PERIOD_S, publish)
rclpy.spin(node)
