"""A perception node and a recorder in a separate rclpy context, for playing bags into the node."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import rclpy
from geometry_msgs.msg import PoseArray
from rclpy.context import Context
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from tf2_msgs.msg import TFMessage

from metrichmsr_ros.msg import HumanMeshArray
from metrichmsr_ros.ros.frame_processor import ScenePipeline
from metrichmsr_ros.ros.node import PerceptionNode, make_node
from metrichmsr_ros.ros.playback.recorder import Recorder

HUMANS_TOPIC = "/perception/humans"
PEOPLE_TOPICS: Mapping[str, Any] = {HUMANS_TOPIC: HumanMeshArray, "/tf": TFMessage}
FIXED_TOPICS: Mapping[str, Any] = {"/perception/people_fixed_poses": PoseArray}


@contextmanager
def live_session(
    pipeline: ScenePipeline,
    parameters: Mapping[str, Any],
    remaps: Mapping[str, str],
    recording: Path,
    topics: Mapping[str, Any] = PEOPLE_TOPICS,
    latched: Collection[str] = (),
) -> Iterator[tuple[PerceptionNode, Recorder, Context]]:
    """A node that spins in a thread during the block, and a recorder of its topics.

    Args:
        pipeline: pipeline of the node.
        parameters: the node's parameters by name.
        remaps: topic by the node's name for it, e.g. image, camera_info.
        recording: folder of the bag to write; must not exist.
        topics: recorded topics, message class by topic.
        latched: names of the recorded topics that are transient-local.
    """
    context = Context()
    rclpy.init(context=context)
    arguments = [word for name, topic in remaps.items() for word in ("-r", f"{name}:={topic}")]
    node = make_node(pipeline, parameters, context=context, cli_args=["--ros-args", *arguments])
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)

    def spin() -> None:
        with suppress(ExternalShutdownException):
            executor.spin()

    thread = threading.Thread(target=spin, name="perception", daemon=True)
    thread.start()
    try:
        with Recorder(recording, topics, context, latched) as recorder:
            yield node, recorder, context
    finally:
        executor.shutdown()
        thread.join()
        node.destroy_node()
        rclpy.try_shutdown(context=context)
