"""Play a bag through the node over the middleware, with node, player and recorder in one process.

`metrichmsr demo` uses it to test the whole path from camera driver to subscribers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sensor_msgs.msg import CameraInfo, Image
from tf2_msgs.msg import TFMessage

from metrichmsr_ros.msg import HumanMeshArray, MeshTopology
from metrichmsr_ros.ros.bags.reader import Bag
from metrichmsr_ros.ros.frame_processor import ScenePipeline
from metrichmsr_ros.ros.inputs.image_conversion import image_from_message
from metrichmsr_ros.ros.playback.live_session import HUMANS_TOPIC, live_session
from metrichmsr_ros.ros.playback.player import Pace, play
from metrichmsr_ros.ros.playback.sequence_bag import IMAGE_TOPIC, INFO_TOPIC

OVERLAY_TOPIC, _TOPOLOGY_TOPIC = "/perception/overlay", "/perception/topology"
_RECORDED = {
    HUMANS_TOPIC: HumanMeshArray,
    _TOPOLOGY_TOPIC: MeshTopology,
    "/perception/depth/image": Image,
    "/perception/depth/camera_info": CameraInfo,
    OVERLAY_TOPIC: Image,
    "/tf": TFMessage,
}


@dataclass(frozen=True)
class Session:
    """Statistics of a session.

    Attributes:
        published: number of images sent to the node.
        recorded: number of results recorded.
        seconds: duration of the playback.
        sent_ns: system time of publication of each image by its stamp; both in nanoseconds.
        drops: number of images without a result, by cause.
    """

    published: int
    recorded: int
    seconds: float
    sent_ns: dict[int, int]
    drops: dict[str, int]


def run_bag_through_node(bag: Path, recording: Path, pipeline: ScenePipeline, rate: float = 1.0) -> Session:
    """Play `bag` at `rate` into a perception node around `pipeline` and record its topics to `recording`.

    The next image is sent after the result of the last, so that a slow machine processes every image too.

    Raises:
        BagError: a bag cannot be read or written, or the node did not start in time.
    """
    remaps = {"image": IMAGE_TOPIC, "camera_info": INFO_TOPIC}
    with live_session(pipeline, {}, remaps, recording, _RECORDED, {_TOPOLOGY_TOPIC}) as (node, recorder, context):
        recorder.wait_for_publishers(timeout_s=30.0)
        playback = play(
            bag,
            context,
            rate=rate,
            topics={IMAGE_TOPIC, INFO_TOPIC},
            readers={IMAGE_TOPIC, INFO_TOPIC},
            pace=Pace(IMAGE_TOPIC, HUMANS_TOPIC, HumanMeshArray),
        )
        answered = playback.published[IMAGE_TOPIC] - playback.unanswered
        for topic in (HUMANS_TOPIC, OVERLAY_TOPIC):
            recorder.wait_for(topic, answered, timeout_s=5.0)
        unanswered = {"unanswered": playback.unanswered} if playback.unanswered else {}
        return Session(
            published=playback.published[IMAGE_TOPIC],
            recorded=recorder.counts[HUMANS_TOPIC],
            seconds=playback.seconds,
            sent_ns=playback.sent_ns,
            drops=dict(node.statistics.drops) | unanswered,
        )


def overlay_images(recording: Path) -> Iterator[Any]:
    """The overlay images (H, W, 3) uint8 RGB of a recording, in order."""
    with Bag(recording) as bag:
        for recorded in bag.messages(OVERLAY_TOPIC):
            yield image_from_message(recorded.message)
