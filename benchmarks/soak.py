"""Endurance test of the node: images at a fixed rate between two processes, and lifecycle cycles; measures memory.

    python -m benchmarks.soak --minutes 10 --hz 30
    python -m benchmarks.soak --minutes 0 --cycles 1000

A fake pipeline returns four people at once, so the node alone is measured. Latency is from publishing an image to
receiving its HumanMeshArray. Every image must be answered, or reported as dropped on /diagnostics with its cause; the
rest is printed as unaccounted for.
"""

from __future__ import annotations

import argparse
import gc
import os
import platform
import sys
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from numpy.typing import NDArray
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.utilities import get_rmw_implementation_identifier
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from benchmarks.processes import resident, running
from benchmarks.ros import PARENTS, fake_image, fake_scene
from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.msg import HumanMeshArray
from metrichmsr_ros.pipeline.scene import Scene
from metrichmsr_ros.ros import node as perception
from metrichmsr_ros.ros.inputs.stamp_gate import stamp_ns
from metrichmsr_ros.ros.outputs.images import camera_info_message

SIZE = (640, 480)
WARM_UP_S = 20.0  # buffers of the middleware and of Python's allocator grow to their final size
WARM_UP_CYCLES = 100
BURSTS = 5  # of 30 images at once, so that the node's queues have been full before memory is measured
ANSWER_S = 5.0  # wait for the last results and the last diagnostics, which are published once a second

DROPPED = "dropped: "


class InstantPipeline:
    """Four people in every image."""

    def __init__(self) -> None:
        self.body = SimpleNamespace(
            name="none", faces=np.array([[0, 1, 2]]), joint_names=[f"j{i}" for i in range(24)], parents=PARENTS
        )
        self._scene = fake_scene(*SIZE, 4)

    def reset(self) -> None:
        """Does nothing: there is no state."""

    def track(self, image: NDArray[np.uint8], camera: Camera, stamp_s: float, **rest: Any) -> Scene:
        """Returns the same scene, without delay."""
        return replace(self._scene, image=image, camera=camera, stamp_s=stamp_s)


@dataclass
class Watch:
    """Images sent, results received and images dropped; times in seconds by stamp, ns."""

    sent: dict[int, float] = field(default_factory=dict)
    latency: dict[int, float] = field(default_factory=dict)
    drops: Counter[str] = field(default_factory=Counter)  # by cause, as reported by the node since its start
    dropped_before: Counter[str] = field(default_factory=Counter)

    def begin(self) -> None:
        """Start counting."""
        self.sent, self.latency, self.dropped_before = {}, {}, self.drops

    @property
    def dropped(self) -> Counter[str]:
        """Drops since `begin`, by cause."""
        return self.drops - self.dropped_before

    @property
    def unaccounted(self) -> int:
        """Number of images that were neither answered nor reported as dropped."""
        return len(self.sent) - len(self.latency) - self.dropped.total()

    def received(self, message: HumanMeshArray) -> None:
        """Store the latency of a result."""
        stamp = stamp_ns(message.header)
        if stamp in self.sent:
            self.latency[stamp] = time.monotonic() - self.sent[stamp]

    def diagnosed(self, message: DiagnosticArray) -> None:
        """Store the counts of dropped images from /diagnostics."""
        values = (pair for status in message.status for pair in status.values)
        counts = {pair.key: int(pair.value) for pair in values if pair.key.startswith(DROPPED)}
        self.drops = Counter({key.removeprefix(DROPPED): count for key, count in counts.items()})


def soak(minutes: float, hz: float) -> None:
    context = Context()
    rclpy.init(context=context)
    driver = rclpy.create_node("camera", context=context)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(driver)
    watch = Watch()
    image, info = driver.create_publisher(Image, "image", 10), driver.create_publisher(CameraInfo, "camera_info", 10)
    driver.create_subscription(HumanMeshArray, "/perception/humans", watch.received, 50)
    driver.create_subscription(DiagnosticArray, "/diagnostics", watch.diagnosed, 5)
    with running([sys.executable, "-m", "benchmarks.soak", "--node"]) as pid:
        while not (image.get_subscription_count() and driver.count_publishers("/perception/humans")):
            executor.spin_once(timeout_sec=0.1)
        run = lambda seconds: send(executor, image, info, watch, hz, seconds)  # noqa: E731
        run(WARM_UP_S)
        for _ in range(BURSTS):
            send(executor, image, info, watch, 1000.0, 0.03)
        watch.begin()
        before = resident(pid)
        run(60.0 * minutes)
        after = resident(pid)
    print_soak(watch, before, after)
    executor.shutdown()
    driver.destroy_node()
    rclpy.shutdown(context=context)


def send(executor: SingleThreadedExecutor, image: Any, info: Any, watch: Watch, hz: float, seconds: float) -> None:
    """Publish images at a fixed rate for some seconds, then wait for the last results."""
    message, calibration = fake_image(*SIZE, "rgb8"), Camera.from_fov(*SIZE, 1.2)
    started = time.monotonic()
    for index in range(int(hz * seconds)):
        while (left := started + index / hz - time.monotonic()) > 0:
            executor.spin_once(timeout_sec=left)
        now = time.time_ns()
        header = Header(frame_id="camera")
        header.stamp.sec, header.stamp.nanosec = divmod(now, 10**9)
        message.header = header
        watch.sent[now] = time.monotonic()
        info.publish(camera_info_message(calibration, header))
        image.publish(message)
    deadline = time.monotonic() + ANSWER_S
    while watch.unaccounted and time.monotonic() < deadline:
        executor.spin_once(timeout_sec=0.1)


def print_soak(watch: Watch, before: int, after: int) -> None:
    p50, p99 = np.percentile(list(watch.latency.values()), (50, 99)) * 1e3
    causes = ", ".join(f"{count} {cause}" for cause, count in watch.dropped.items()) or "none"
    print(
        f"images sent {len(watch.sent)} = answered {len(watch.latency)} + dropped {watch.dropped.total()} ({causes}) "
        f"+ unaccounted for {watch.unaccounted} (0)"
    )
    print(f"missed stamps {len(watch.sent.keys() - watch.latency.keys())} (0)")
    print(f"latency p50 {p50:.2f} ms, p99 {p99:.2f} ms, p99 / p50 {p99 / p50:.2f} (<= 3)")
    print_memory(before, after)


def print_memory(before: int, after: int) -> None:
    print(f"resident {before / 2**20:.1f} -> {after / 2**20:.1f} MiB, growth {100 * (after / before - 1):.2f} % (< 2)")


def cycles(count: int) -> None:
    context = Context()
    rclpy.init(context=context)
    node = perception.make_node(InstantPipeline(), {"autostart": False}, context=context)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)
    for index in range(WARM_UP_CYCLES + count):
        if index == WARM_UP_CYCLES:
            gc.collect()
            before = resident(os.getpid())
        for step in (node.trigger_configure, node.trigger_activate, node.trigger_deactivate, node.trigger_cleanup):
            step()
        executor.spin_once(timeout_sec=0.0)
    gc.collect()
    print(f"{count} times configure, activate, deactivate, cleanup")
    print_memory(before, resident(os.getpid()))
    executor.shutdown()
    node.destroy_node()
    rclpy.shutdown(context=context)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0, help="0: no soak")
    parser.add_argument("--hz", type=float, default=30.0)
    parser.add_argument("--cycles", type=int, default=1000, help="0: no lifecycle cycles")
    parser.add_argument("--node", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.node:
        perception.load_pipeline = lambda settings: InstantPipeline()
        perception.main(sys.argv[:1])
        return
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    if options.cycles:
        cycles(options.cycles)
    if options.minutes:
        profile = os.environ.get("FASTRTPS_DEFAULT_PROFILES_FILE") or os.environ.get("FASTDDS_DEFAULT_PROFILES_FILE")
        print(f"{get_rmw_implementation_identifier()}, {Path(profile).name if profile else 'default profile'}")
        print(f"{options.minutes:g} min at {options.hz:g} Hz, {SIZE[0]}x{SIZE[1]} rgb8, node in a separate process")
        soak(options.minutes, options.hz)


if __name__ == "__main__":
    main()
