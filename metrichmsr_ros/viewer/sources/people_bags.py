"""People of a bag with HumanMeshArray, as the node and `metrichmsr replay` write it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from metrichmsr_ros.annotation.bags import BagFrames
from metrichmsr_ros.annotation.frames import SourceFrame
from metrichmsr_ros.annotation.options import SourceError
from metrichmsr_ros.body.open_tables import FILES
from metrichmsr_ros.replay.records import person_from_message
from metrichmsr_ros.replay.world.camera_poses import CameraPoses, poses_of_bag
from metrichmsr_ros.ros.bags.errors import BagError
from metrichmsr_ros.ros.bags.message_types import HUMANS
from metrichmsr_ros.ros.bags.reader import Bag
from metrichmsr_ros.ros.inputs.stamp_gate import stamp_ns
from metrichmsr_ros.viewer.frames import ViewFrame, ViewPerson, jpeg_of
from metrichmsr_ros.viewer.options import ViewError, ViewOptions
from metrichmsr_ros.viewer.sources.source import InStep, ViewSource


def people_topics(path: Path) -> tuple[str, ...]:
    """Topics of a bag that hold people.

    Raises:
        BagError: the bag cannot be read.
    """
    with Bag(path) as bag:
        return tuple(topic.name for topic in bag.topics if topic.type == HUMANS and topic.count)


def has_images(path: Path, options: ViewOptions) -> bool:
    """Whether the pipeline can take images from a bag."""
    try:
        BagFrames(path, options.of_input).close()
    except SourceError:
        return False
    return True


def people_source(path: Path, topics: tuple[str, ...], options: ViewOptions) -> ViewSource:
    """The recorded people of one topic.

    Raises:
        ViewError: the topic is not among `topics`, which has several and none was chosen, or no people are in it.
    """
    listed = ", ".join(topics) or "none"
    if options.people is not None and options.people not in topics:
        raise ViewError(f"--people {options.people}: {path} has no such people; topics with people: {listed}")
    if options.people is None and len(topics) != 1:
        raise ViewError(f"{path} has several topics with people: {listed}; choose one with --people")
    topic = options.people or topics[0]
    body, notes = _body(path, topic, options)
    return ViewSource(f"{path.name} {topic}", _frames(path, topic, options), body, True, notes)


def _body(path: Path, topic: str, options: ViewOptions) -> tuple[str | None, tuple[str, ...]]:
    if options.body:
        return options.body, ()
    with Bag(path) as bag:
        names = (human.body_model for found in bag.messages(topic) for human in found.message.humans)
        name = next(names, "open_light")
    if name in FILES:
        return "open_light", ()
    return None, (f"the people are of the body {name!r}: only joints are drawn; --body smpl:PATH draws bodies",)


def _frames(path: Path, topic: str, options: ViewOptions) -> Iterator[ViewFrame]:
    with ExitStack() as stack:
        bag = stack.enter_context(Bag(path))
        poses = poses_of_bag(bag, options.world, lambda cause, text: None)
        pictures = InStep(_pictures(path, options, stack), lambda frame: frame.stamp_ns)
        first_ns: int | None = None
        try:
            for number, recorded in enumerate(bag.messages(topic)):
                now_ns = stamp_ns(recorded.message.header)
                first_ns = now_ns if first_ns is None else first_ns
                yield _frame(number, (now_ns - first_ns) / 1e9, recorded.message, pictures.at(now_ns), poses, now_ns)
        except BagError as error:
            raise ViewError(str(error)) from error


def _frame(
    number: int, time_s: float, message: Any, source: SourceFrame | None, poses: CameraPoses, now_ns: int
) -> ViewFrame:
    image = None if source is None else source.image
    return ViewFrame(
        number=number,
        time_s=time_s,
        people=tuple(person_of(human) for human in message.humans),
        camera=None if source is None else source.camera,
        picture=b"" if image is None else jpeg_of(image),
        world_from_camera=poses.world_from(message.header.frame_id, now_ns),
    )


def _pictures(path: Path, options: ViewOptions, stack: ExitStack) -> Iterator[SourceFrame]:
    """The images of the bag; none if it has no usable ones."""
    try:
        frames = BagFrames(path, options.of_input)
    except SourceError:
        return
    stack.callback(frames.close)
    try:
        yield from (frame for frame in frames if frame.image is not None)
    except SourceError:
        return


def person_of(human: Any) -> ViewPerson:
    """A person of a HumanMeshArray, of rclpy or of a bag."""
    record = person_from_message(human)
    covariance = np.array(human.body.covariance, np.float64).reshape(6, 6)[:3, :3]
    return ViewPerson(
        record.id,
        record.confidence,
        record.occluded,
        record.pose,
        record.betas,
        record.transl,
        record.joints_cam,
        covariance,
        record.height,
    )
