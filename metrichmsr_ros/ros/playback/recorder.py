"""Record topics from the middleware into a bag, in the process of the caller."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Collection, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from rclpy.context import Context
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

from metrichmsr_ros.ros.bags.errors import BagError
from metrichmsr_ros.ros.bags.writer import BagWriter
from metrichmsr_ros.ros.messages import interface_name


class Recorder:
    """Writes topics into a new bag from its own thread; use as a context manager.

    Args:
        path: folder of the bag to create.
        topics: message class by topic.
        context: rclpy context to subscribe in.
        latched: topics to subscribe to as transient-local, e.g. the topology.
    """

    def __init__(self, path: Path, topics: Mapping[str, Any], context: Context, latched: Collection[str] = ()) -> None:
        self.counts: Counter[str] = Counter()
        self._writer = BagWriter(path)
        self._changed = threading.Condition()
        self._subscriptions: dict[str, Any] = {}
        self._node = Node("bag_recorder", context=context, start_parameter_services=False)
        for topic, message_type in topics.items():
            self._writer.add_topic(topic, interface_name(message_type), topic in latched)
            self._subscribe(topic, message_type, topic in latched)
        self._executor = SingleThreadedExecutor(context=context)
        self._executor.add_node(self._node)
        self._thread = threading.Thread(target=self._spin, name="bag_recorder", daemon=True)
        self._thread.start()

    def _subscribe(self, topic: str, message_type: Any, latched: bool) -> None:
        durability = DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE
        qos = QoSProfile(depth=100, reliability=ReliabilityPolicy.RELIABLE, durability=durability)

        name = interface_name(message_type)

        def keep(cdr: bytes) -> None:
            self._writer.write(topic, name, cdr, time.time_ns())
            with self._changed:
                self.counts[topic] += 1
                self._changed.notify_all()

        self._subscriptions[topic] = self._node.create_subscription(message_type, topic, keep, qos, raw=True)

    def _spin(self) -> None:
        with contextlib.suppress(
            ExternalShutdownException
        ):  # the context may shut down first; the messages so far are kept
            self._executor.spin()

    def wait_for_publishers(self, timeout_s: float = 10.0) -> None:
        """Wait until every topic has a publisher, so that the first message is recorded too.

        Raises:
            BagError: a topic has no publisher in time.
        """
        deadline = time.monotonic() + timeout_s
        while silent := [t for t, s in self._subscriptions.items() if not s.get_publisher_count()]:
            if time.monotonic() > deadline:
                raise BagError(
                    f"no publisher of {', '.join(silent)} within {timeout_s} s; start the publishing node first"
                )
            time.sleep(0.01)

    def wait_for(self, topic: str, count: int, timeout_s: float = 10.0) -> bool:
        """Wait until `count` messages of `topic` are written; False after `timeout_s`."""
        with self._changed:
            return self._changed.wait_for(lambda: self.counts[topic] >= count, timeout_s)

    def close(self) -> None:
        """Unsubscribe and finish the file."""
        self._executor.shutdown()
        self._thread.join()
        self._node.destroy_node()
        self._writer.close()

    def __enter__(self) -> Recorder:
        """Return the recorder itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close, also after an error."""
        self.close()
