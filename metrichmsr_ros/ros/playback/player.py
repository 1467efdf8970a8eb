"""Play a bag over the middleware, in the process of the caller.

    with Recorder("out", {"/perception/humans": HumanMeshArray}, context):
        play("in", context, pace=Pace("/cam/image_raw", "/perception/humans", HumanMeshArray))

`ros2 bag play` does not wait for a slow node; `play` with a `Pace` sends the next image only after the result of the
last, so that no frame is lost on a slow machine and two runs process the same frames.
"""

from __future__ import annotations

import math
import struct
import time
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from builtin_interfaces.msg import Time
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rosgraph_msgs.msg import Clock

from metrichmsr_ros.ros.bags.errors import BagError
from metrichmsr_ros.ros.bags.reader import Bag, Topic
from metrichmsr_ros.ros.bags.truncated_mcap import Raw
from metrichmsr_ros.ros.messages import message_class


@dataclass(frozen=True)
class Pace:
    """Pacing by results: a message of `topic` waits for a message on `answered_on` with the stamp of the one before.

    Attributes:
        topic: paced topic.
        answered_on: topic of the results.
        answer_type: message class of the results; its first field is a Header.
        timeout_s: longest time to wait for a result.
    """

    topic: str
    answered_on: str
    answer_type: Any
    timeout_s: float = 10.0


@dataclass
class Playback:
    """Statistics of a playback.

    Attributes:
        published: number of messages by topic.
        seconds: duration of the playback.
        unanswered: number of messages of the paced topic without a result in time.
        sent_ns: system time of publication by header stamp, for the paced topic; both in nanoseconds.
    """

    published: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    unanswered: int = 0
    sent_ns: dict[int, int] = field(default_factory=dict)


def play(
    bag: Path,
    context: Context,
    *,
    rate: float = 1.0,
    topics: Collection[str] | None = None,
    remap: Mapping[str, str] | None = None,
    pace: Pace | None = None,
    readers: Collection[str] = (),
    clock: bool = False,
    timeout_s: float = 10.0,
) -> Playback:
    """Publish a bag's messages at their log times.

    Args:
        bag: the bag's folder.
        context: rclpy context to publish in.
        rate: 2.0 plays twice as fast; `math.inf` ignores log times.
        topics: topics to play; None plays all.
        remap: new names of the bag's topics; `pace` and `readers` use the new names.
        pace: pacing by results; None publishes without waiting.
        readers: topics that must have a subscriber before the playback starts.
        clock: publish the log times on /clock, for nodes with `use_sim_time`.
        timeout_s: longest time to wait for `readers`.

    Raises:
        BagError: the bag does not exist or is damaged, or a topic of `readers` has no subscriber in time.
    """
    player = _Player(bag, context, topics, remap or {}, pace, clock)
    try:
        player.wait_for_readers({*readers, *([pace.topic] if pace else [])}, timeout_s)
        return player.run(rate)
    finally:
        player.close()


class _Player:
    def __init__(
        self,
        bag: Path,
        context: Context,
        topics: Collection[str] | None,
        remap: Mapping[str, str],
        pace: Pace | None,
        clock: bool,
    ) -> None:
        self._bag, self._remap, self._pace = bag, remap, pace
        types = {topic.name: message_class(topic.type) for topic in _chosen(bag, topics)}
        self._node = Node("bag_player", context=context, start_parameter_services=False)
        self._executor = SingleThreadedExecutor(context=context)
        self._executor.add_node(self._node)
        qos = QoSProfile(depth=10, reliability=ReliabilityPolicy.RELIABLE)
        latched = QoSProfile(depth=100, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self._publishers = {
            topic: self._node.create_publisher(
                kind, remap.get(topic, topic), latched if topic.endswith("/tf_static") else qos
            )
            for topic, kind in types.items()
        }
        self._clock = self._node.create_publisher(Clock, "/clock", 10) if clock else None
        self._answered: bytes | None = None
        if pace:
            self._node.create_subscription(pace.answer_type, pace.answered_on, self._on_answer, qos, raw=True)

    def _on_answer(self, cdr: bytes) -> None:
        self._answered = _stamp_of(cdr)

    def wait_for_readers(self, names: Collection[str], timeout_s: float) -> None:
        by_name = {self._remap.get(topic, topic): publisher for topic, publisher in self._publishers.items()}
        unknown = set(names) - by_name.keys()
        if unknown:
            raise BagError(f"{self._bag} has no topic {sorted(unknown)}; it has {sorted(by_name)}")
        deadline = time.monotonic() + timeout_s
        while not all(by_name[name].get_subscription_count() for name in names):
            if time.monotonic() > deadline:
                unread = [name for name in names if not by_name[name].get_subscription_count()]
                raise BagError(
                    f"no subscriber of {', '.join(unread)} within {timeout_s} s; start the subscribing node first"
                )
            self._executor.spin_once(timeout_sec=0.02)

    def run(self, rate: float) -> Playback:
        playback, first, started = Playback(), None, time.monotonic()
        for topic, _, stamp_ns, cdr in _serialized(self._bag, self._publishers):
            first = stamp_ns if first is None else first
            if not math.isinf(rate):
                self._spin_until(started + (stamp_ns - first) / 1e9 / rate)
            if self._clock:
                self._clock.publish(Clock(clock=Time(sec=stamp_ns // 10**9, nanosec=stamp_ns % 10**9)))
            name = self._remap.get(topic, topic)
            if self._pace and name == self._pace.topic:
                seconds, nanoseconds = struct.unpack("<iI", _stamp_of(cdr))
                playback.sent_ns[seconds * 10**9 + nanoseconds] = time.time_ns()
            self._publishers[topic].publish(cdr)
            playback.published[name] += 1
            if self._pace and name == self._pace.topic and not self._wait_for_answer(_stamp_of(cdr), self._pace):
                playback.unanswered += 1
        playback.seconds = time.monotonic() - started
        return playback

    def _spin_until(self, due: float) -> None:
        while (left := due - time.monotonic()) > 0:
            self._executor.spin_once(timeout_sec=left)

    def _wait_for_answer(self, stamp: bytes, pace: Pace) -> bool:
        deadline = time.monotonic() + pace.timeout_s
        while self._answered != stamp and time.monotonic() < deadline:
            self._executor.spin_once(timeout_sec=0.05)
        return self._answered == stamp

    def close(self) -> None:
        self._executor.shutdown()
        self._node.destroy_node()


def _chosen(path: Path, topics: Collection[str] | None) -> list[Topic]:
    with Bag(path) as bag:
        return [topic for topic in bag.topics if topics is None or topic.name in topics]


def _serialized(path: Path, topics: Iterable[str]) -> Iterator[Raw]:
    with Bag(path) as bag:
        yield from bag.serialized(*topics)


def _stamp_of(cdr: bytes) -> bytes:
    """Seconds and nanoseconds of a serialized message whose first field is a Header, as little-endian bytes."""
    order = "<" if cdr[1] & 1 else ">"  # second byte of the CDR encapsulation
    return struct.pack("<iI", *struct.unpack_from(f"{order}iI", cdr, 4))
