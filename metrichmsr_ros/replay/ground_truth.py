"""Ground truth of a recording, from a topic of the bag or from a file in the layout of `estimates.npz`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from metrichmsr_ros.evaluation.metrics.checks import MetricInputError
from metrichmsr_ros.evaluation.metrics.matching import TrueFrame, TruePerson
from metrichmsr_ros.replay.options import ExitCode, ReplayError
from metrichmsr_ros.replay.records import FrameRecord, load_records, person_from_message
from metrichmsr_ros.ros.bags.message_types import HUMANS
from metrichmsr_ros.ros.bags.reader import Bag
from metrichmsr_ros.ros.inputs.stamp_gate import stamp_ns

TruthByStamp = dict[int, TrueFrame]  # by stamp of the image, ns


def true_frames(frames: Iterable[FrameRecord]) -> TruthByStamp:
    """Convert records to true frames: `occluded` people need not be found, and a height of 0 is unknown."""
    return {
        frame.stamp_ns: TrueFrame(
            frame.stamp_ns / 1e9,
            tuple(
                TruePerson(p.id, p.joints_cam, not p.occluded, p.height if p.height > 0 else float("nan"))
                for p in frame.people
            ),
        )
        for frame in frames
    }


def truth_topic(bag: Bag) -> str | None:
    """The bag's only HumanMeshArray topic with `truth` in its name; None if there is none or more than one."""
    names = [t.name for t in bag.topics if t.type == HUMANS and t.count and "truth" in t.name.lower()]
    return names[0] if len(names) == 1 else None


def load_truth(bag: Bag, source: str | None) -> TruthByStamp:
    """True people by stamp of the image; empty without ground truth.

    Args:
        bag: opened.
        source: topic (starts with '/') or path of an npz file; None takes the bag's truth topic if it has one.

    Raises:
        ReplayError: `source` is neither a topic nor a file, or the topic has the wrong type.
    """
    if source is None or source.startswith("/"):
        topic = source if source is not None and any(t.name == source for t in bag.topics) else None
        if topic is not None or source is None:
            return _from_topic(bag, topic or truth_topic(bag))
    path = Path(source)
    if not path.is_file():
        raise ReplayError(f"truth {source} is neither a topic of {bag.path} nor a file", ExitCode.USAGE)
    try:
        return true_frames(load_records(path))
    except MetricInputError as error:
        raise ReplayError(f"--truth: {error}", ExitCode.USAGE) from error


def _from_topic(bag: Bag, topic: str | None) -> TruthByStamp:
    if topic is None:
        return {}
    kind = next(t.type for t in bag.topics if t.name == topic)
    if kind != HUMANS:
        raise ReplayError(f"{bag.path}: truth topic {topic} is of type {kind}; {HUMANS} is needed", ExitCode.USAGE)
    messages = (recorded.message for recorded in bag.messages(topic))
    return true_frames(
        FrameRecord(stamp_ns(message.header), tuple(person_from_message(human) for human in message.humans))
        for message in messages
    )
