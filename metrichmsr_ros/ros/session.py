"""Node, player and recorder in one process: a bag goes through the real node over the real middleware.

What `metrichmsr demo` runs; everything that a robot has between its camera driver and its consumers is in between.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import rclpy
from rclpy.context import Context
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from sensor_msgs.msg import CameraInfo, Image
from tf2_msgs.msg import TFMessage

from metrichmsr_ros.msg import HumanMeshArray, MeshTopology
from metrichmsr_ros.ros.bag import Pace, Recorder, play
from metrichmsr_ros.ros.node import PerceptionNode, make_node
from metrichmsr_ros.ros.processing import ScenePipeline
from metrichmsr_ros.ros.sequence_bag import IMAGE_TOPIC, INFO_TOPIC

HUMANS_TOPIC, OVERLAY_TOPIC = "/perception/humans", "/perception/overlay"
_RECORDED = {
    HUMANS_TOPIC: HumanMeshArray,
    "/perception/topology": MeshTopology,
    "/perception/depth/image": Image,
    "/perception/depth/camera_info": CameraInfo,
    OVERLAY_TOPIC: Image,
    "/tf": TFMessage,
}


@dataclass(frozen=True)
class Session:
    """What happened. latencies_s: image arrival to published results, per processed frame; drops: by cause."""

    published: int
    recorded: int
    seconds: float
    latencies_s: list[float]
    drops: dict[str, int]


def run_bag_through_node(bag: Path, recording: Path, pipeline: ScenePipeline, rate: float = 1.0) -> Session:
    """Play `bag` at `rate` into a perception node around `pipeline` and record what it publishes to `recording`.

    A machine too slow for the rate gets the next image when it has answered the last, so that every image counts.

    Raises:
        BagError: a bag that cannot be read or written, or a node that did not come up.
    """
    with _context() as context:
        node = make_node(
            pipeline,
            context=context,
            cli_args=["--ros-args", "-r", f"image:={IMAGE_TOPIC}", "-r", f"camera_info:={INFO_TOPIC}"],
        )
        with _spinning(node, context), Recorder(recording, _RECORDED, context, {"/perception/topology"}) as recorder:
            recorder.wait_for_publishers(timeout_s=30.0)
            playback = play(
                bag,
                context,
                rate=rate,
                topics={IMAGE_TOPIC, INFO_TOPIC},
                readers={IMAGE_TOPIC, INFO_TOPIC},
                pace=Pace(IMAGE_TOPIC, HUMANS_TOPIC, HumanMeshArray),
            )
            sent = playback.published[IMAGE_TOPIC]
            drops = lambda: sum(node.statistics.drops.values())  # noqa: E731
            while recorder.counts[HUMANS_TOPIC] + drops() < sent:
                if not recorder.wait_for(HUMANS_TOPIC, recorder.counts[HUMANS_TOPIC] + 1, timeout_s=5.0):
                    break
            recorder.wait_for(OVERLAY_TOPIC, recorder.counts[HUMANS_TOPIC], timeout_s=5.0)
            return Session(
                published=sent,
                recorded=recorder.counts[HUMANS_TOPIC],
                seconds=playback.seconds,
                latencies_s=node.statistics.samples("latency"),
                drops=dict(node.statistics.drops),
            )


@contextmanager
def _context() -> Iterator[Context]:
    context = Context()
    rclpy.init(context=context)
    try:
        yield context
    finally:
        rclpy.try_shutdown(context=context)


@contextmanager
def _spinning(node: PerceptionNode, context: Context) -> Iterator[None]:
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)

    def spin() -> None:
        with suppress(ExternalShutdownException):
            executor.spin()

    thread = threading.Thread(target=spin, name="perception", daemon=True)
    thread.start()
    try:
        yield
    finally:
        executor.shutdown()
        thread.join()
        node.destroy_node()


def overlay_images(recording: Path) -> Iterator[Any]:
    """The overlay images (H, W, 3) uint8 RGB of a recording, in order."""
    from metrichmsr_ros.ros.bagfile import read_bag
    from metrichmsr_ros.ros.convert import image_from_message

    for _, message, _ in read_bag(recording, {OVERLAY_TOPIC}):
        yield image_from_message(message)
