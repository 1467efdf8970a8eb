"""What the node costs while nobody wants a result, and what images wait for depth of other stamps.

    python -m benchmarks.node_load --seconds 30

The node runs in a process of its own, with a pipeline that answers at once, so that the node alone is measured. VGA
images come at 10 Hz with CameraInfo and the camera's pose on /tf. `ground_frame` is set, and another node listens to
/tf. Set FASTRTPS_DEFAULT_PROFILES_FILE=config/fastdds_large_images.xml, or some images are lost on the way.

- idle: share of one core while nobody subscribes to a topic of the node.
- depth: `pair` of /diagnostics, the time an image waits for CameraInfo, transform and depth, with depth images stamped
  20 ms before and after the images, and with a subscriber.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import TransformStamped
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header
from tf2_msgs.msg import TFMessage

from benchmarks.processes import cpu_seconds, running
from benchmarks.ros import fake_image
from benchmarks.soak.nodes import SIZE, InstantPipeline
from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.msg import HumanMeshArray
from metrichmsr_ros.ros import node as perception
from metrichmsr_ros.ros.outputs.images import camera_info_message, image_message

HZ = 10.0
OFFSETS_MS = (-20, 20)
WARM_UP_S = 5.0
MOST_IDLE, MOST_PAIR_MS = 0.06, 5.0  # targets
GROUND, CAMERA = "floor", "camera"


class Robot:
    """A camera with depth, its pose on /tf, and a listener to /tf, in this process."""

    def __init__(self, context: Context) -> None:
        self.node = rclpy.create_node("robot", context=context)
        self.executor = SingleThreadedExecutor(context=context)
        self.executor.add_node(self.node)
        self.values: dict[str, str] = {}  # newest on /diagnostics
        self._publishers = {
            name: self.node.create_publisher(kind, name, 10)
            for name, kind in {"image": Image, "camera_info": CameraInfo, "depth": Image, "/tf": TFMessage}.items()
        }
        self.node.create_subscription(TFMessage, "/tf", lambda message: None, 10)
        self.node.create_subscription(DiagnosticArray, "/diagnostics", self._diagnosed, 10)
        self._image = fake_image(*SIZE, "rgb8")
        self._info = Camera.from_fov(*SIZE, 1.2)
        self._depth = image_message(np.full(SIZE[::-1], 3.0, np.float32), Header())

    def _diagnosed(self, message: DiagnosticArray) -> None:
        self.values = {pair.key: pair.value for status in message.status for pair in status.values}

    def wait_for_node(self) -> None:
        """Until the node subscribes to images."""
        while not self._publishers["image"].get_subscription_count():
            self.executor.spin_once(timeout_sec=0.1)

    def drive(self, seconds: float, depth_offset_ms: int | None = None) -> None:
        """Send images for some seconds, with depth of other stamps where an offset is given."""
        started = time.monotonic()
        for index in range(int(HZ * seconds)):
            while (left := started + index / HZ - time.monotonic()) > 0:
                self.executor.spin_once(timeout_sec=left)
            self._send(time.time_ns(), depth_offset_ms)

    def _send(self, stamp_ns: int, depth_offset_ms: int | None) -> None:
        header = _header(stamp_ns, CAMERA)
        pose = TransformStamped(header=_header(stamp_ns, GROUND), child_frame_id=CAMERA)
        self._publishers["/tf"].publish(TFMessage(transforms=[pose]))
        self._publishers["camera_info"].publish(camera_info_message(self._info, header))
        if depth_offset_ms is not None:
            self._depth.header = _header(stamp_ns + depth_offset_ms * 10**6, CAMERA)
            self._publishers["depth"].publish(self._depth)
        self._image.header = header
        self._publishers["image"].publish(self._image)


def _header(stamp_ns: int, frame: str) -> Header:
    header = Header(frame_id=frame)
    header.stamp.sec, header.stamp.nanosec = divmod(stamp_ns, 10**9)
    return header


@contextmanager
def robot_and_node() -> Iterator[tuple[Robot, int]]:
    """Both, warmed up for some seconds; gives the process id of the node."""
    context = Context()
    rclpy.init(context=context)
    robot = Robot(context)
    with running([sys.executable, "-m", "benchmarks.node_load", "--node"]) as pid:
        robot.wait_for_node()
        yield robot, pid
    robot.executor.shutdown()
    robot.node.destroy_node()
    rclpy.shutdown(context=context)


def print_idle(seconds: float) -> None:
    with robot_and_node() as (robot, pid):
        robot.drive(WARM_UP_S)
        before, started = cpu_seconds(pid), time.monotonic()
        robot.drive(seconds)
        share = (cpu_seconds(pid) - before) / (time.monotonic() - started)
        dropped = robot.values.get("dropped: idle", "0")
    print(f"idle: {100 * share:.1f} % of a core (<= {100 * MOST_IDLE:.0f}), {dropped} images dropped as idle")


def print_depth(offset_ms: int, seconds: float) -> None:
    with robot_and_node() as (robot, _):
        robot.node.create_subscription(HumanMeshArray, "/perception/humans", lambda message: None, 10)
        robot.drive(WARM_UP_S + seconds, offset_ms)
        values: dict[str, Any] = robot.values
    print(
        f"depth {offset_ms:+d} ms off: pair p50 {values.get('pair ms p50')} ms (<= {MOST_PAIR_MS:g}), p95 "
        f"{values.get('pair ms p95')} ms, depth {values.get('depth image')}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=30.0, help="length of each measurement")
    parser.add_argument("--node", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.node:
        perception.load_pipeline = lambda settings: InstantPipeline()
        perception.main([sys.argv[0], "--ros-args", "-p", f"ground_frame:={GROUND}"])
        return
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print_idle(options.seconds)
    for offset_ms in OFFSETS_MS:
        print_depth(offset_ms, options.seconds)


if __name__ == "__main__":
    main()
