"""Play a bag in real time through the node over the middleware; report latencies and lost images.

The replay in process measures the estimates; this measures timing and loss. Needs ROS 2.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from metrichmsr_ros.evaluation.metrics.latency import LatencySummary, summarise_latency
from metrichmsr_ros.io.texts import is_json_with, json_text
from metrichmsr_ros.io.whole_files import write_whole
from metrichmsr_ros.replay.bag_context import RecordedContext
from metrichmsr_ros.replay.options import ExitCode, ReplayError, ReplayOptions, check_numbers, replay_errors
from metrichmsr_ros.replay.output_folder import check_places
from metrichmsr_ros.replay.records import FrameRecord, person_from_message
from metrichmsr_ros.ros.bags.message_types import TRANSFORMS
from metrichmsr_ros.ros.bags.reader import Bag
from metrichmsr_ros.ros.bags.topics import ImageTopics, image_transport_base
from metrichmsr_ros.ros.inputs.stamp_gate import stamp_ns


@dataclass(frozen=True)
class Agreement:
    """Agreement of live estimates with the replay in process.

    After a lost image the live tracker has less data, so later frames may differ.

    Attributes:
        frames: number of frames in both runs.
        identical: number of these frames with equal digests.
        largest_m: largest distance between the two roots of a person, in metres.
    """

    frames: int
    identical: int
    largest_m: float


@dataclass(frozen=True)
class Live:
    """Statistics of a live replay.

    Attributes:
        rate: playback rate; 1 is the speed of the recording.
        published: number of images sent to the node.
        processed: number of images with results.
        dropped: number of lost images, by cause.
        latency: time from the arrival of an image to the publication of its results.
        seconds: duration of the playback.
        agreement: agreement with an earlier replay into the same folder; None without one.
    """

    rate: float
    published: int
    processed: int
    dropped: dict[str, int]
    latency: LatencySummary | None
    seconds: float
    agreement: Agreement | None

    def rows(self) -> list[tuple[str, str]]:
        """Label and value of each line of a table."""
        rows = [
            ("played at rate", f"{self.rate:g}"),
            ("images sent / processed", f"{self.published} / {self.processed}"),
            ("images lost", ", ".join(f"{n} x {cause}" for cause, n in sorted(self.dropped.items())) or "none"),
        ]
        if self.latency:
            p50, p95 = 1e3 * self.latency.p50, 1e3 * self.latency.p95
            rows.append(("arrival to results p50 / p95", f"{p50:.0f} / {p95:.0f} ms"))
        if self.seconds > 0:
            rows.append(("results per second", f"{self.processed / self.seconds:.1f}"))
        if self.agreement:
            same = f"{self.agreement.identical} of {self.agreement.frames} identical"
            rows.append(
                ("against the replay in process", f"{same}, root distance up to {self.agreement.largest_m:.3f} m")
            )
        return rows


def replay_live(path: Path, out: Path, options: ReplayOptions, pipeline: Any, rate: float = 1.0) -> Live:
    """Play one bag through a node around `pipeline`; writes `live/` (a rosbag2) and `live.json` into `out`.

    Args:
        path: the bag.
        out: folder for the results; remove an earlier `live/` in it first.
        options: topics, `image_rectified`, and the options of floor, depth and fixed frame.
        pipeline: as for the replay.
        rate: 2.0 plays twice as fast as recorded.

    Raises:
        ReplayError: ROS 2 is not installed, an option is wrong, the bag cannot be played, or `out` has the bag or a
            live.json of another origin in it.
    """
    check_numbers(options)
    check_places(path, out, options)
    if (out / "live.json").exists() and not is_json_with(out / "live.json", ("published", "agreement")):
        raise ReplayError(f"{out} has live.json, which is not from a replay; choose another --out", ExitCode.USAGE)
    try:
        from metrichmsr_ros.ros.playback.live_session import FIXED_TOPICS, HUMANS_TOPIC, PEOPLE_TOPICS, live_session
        from metrichmsr_ros.ros.playback.player import play
    except ImportError as error:
        raise ReplayError(f"a live replay needs ROS 2 and this package's messages ({error})", ExitCode.USAGE) from error
    with replay_errors(), Bag(path) as bag:
        topics = bag.select(options.image, options.camera_info)
        played_topics = {topics.image, topics.camera_info or "", *RecordedContext(bag, options).all_topics}
        if options.fixed_frame:
            played_topics |= {topic.name for topic in bag.topics if topic.type == TRANSFORMS and topic.count}
        heard = {**PEOPLE_TOPICS, **(FIXED_TOPICS if options.fixed_frame else {})}
        parameters, remaps = _parameters(topics, options), _remaps(topics, options)
        try:
            with live_session(pipeline, parameters, remaps, out / "live", heard) as (node, recorder, context):
                played = play(path, context, rate=rate, topics=played_topics, readers=played_topics)
                sent = played.published[topics.image]
                while recorder.counts[HUMANS_TOPIC] + sum(node.statistics.drops.values()) < sent:
                    if not recorder.wait_for(HUMANS_TOPIC, recorder.counts[HUMANS_TOPIC] + 1, timeout_s=5.0):
                        break  # five seconds without a result: the remaining images were lost
                latencies, dropped = node.statistics.samples("latency"), dict(node.statistics.drops)
        except ImportError as error:
            text = f"{path} has messages of a package that is not installed: {error}"
            raise ReplayError(text, ExitCode.UNREADABLE) from error
        frames = _recorded_frames(out / "live", HUMANS_TOPIC)
    lost = Counter({"lost on the way": max(sent - len(frames) - sum(dropped.values()), 0)})
    result = Live(
        rate=rate,
        published=sent,
        processed=len(frames),
        dropped=dict(Counter(dropped) + lost),
        latency=summarise_latency(latencies) if latencies else None,
        seconds=played.seconds,
        agreement=_agreement(frames, out / "estimates.npz"),
    )
    write_whole(out / "live.json", json_text(asdict(result), indent=2) + "\n")
    return result


def _parameters(topics: ImageTopics, options: ReplayOptions) -> dict[str, Any]:
    """Parameters of the live node."""
    return {
        "image_transport": "compressed" if topics.compressed else "raw",
        "image_rectified": options.image_rectified,
        "publish_vertices": False,
        "ground_frame": options.ground_frame,
        "fixed_frame": options.fixed_frame,
        "use_floor": options.use_floor,
        "use_depth": options.use_depth,
    }


def _remaps(topics: ImageTopics, options: ReplayOptions) -> dict[str, str]:
    """Remappings from the node's topics to the topics of the bag."""
    remaps = {"image": image_transport_base(topics.image), "camera_info": topics.camera_info or ""}
    beside = {"depth": options.depth, "depth_info": options.depth_info}
    return remaps | {name: topic for name, topic in beside.items() if topic}


def _recorded_frames(recording: Path, topic: str) -> list[FrameRecord]:
    with Bag(recording) as bag:
        return [
            FrameRecord(stamp_ns(r.message.header), tuple(map(person_from_message, r.message.humans)))
            for r in bag.messages(topic)
        ]


def _agreement(frames: list[FrameRecord], estimates: Path) -> Agreement | None:
    from metrichmsr_ros.replay.records import load_records

    if not estimates.is_file():
        return None
    replayed = {frame.stamp_ns: frame for frame in load_records(estimates)}
    both = [(frame, replayed[frame.stamp_ns]) for frame in frames if frame.stamp_ns in replayed]
    apart = [
        float(np.linalg.norm(one.root - two.root))
        for live, again in both
        for one in live.people
        for two in again.people
        if one.id == two.id
    ]
    identical = sum(live.digest == again.digest for live, again in both)
    return Agreement(len(both), identical, max(apart, default=0.0))
