"""A subscription that hears every publisher and loses nothing of the reliable ones.

A best-effort reader matches everybody, but a raw image is many packets, and on a busy machine one of them is easily
lost and with it the image: VGA between two processes can fail altogether. A reliable reader loses none and hears no
best-effort camera. So begin as reliable, and step back as soon as the middleware reports a publisher that is not.

What a reader's full queue overwrites, reliable or not, the middleware tells nobody; the publisher's numbers do.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.qos import HistoryPolicy, QoSPolicyKind, QoSProfile, ReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions
from rclpy.subscription import Subscription

try:
    from rclpy.event_handler import SubscriptionEventCallbacks
except ImportError:  # Humble
    from rclpy.qos_event import SubscriptionEventCallbacks

_TELLS_NUMBERS = hasattr(Subscription, "CallbackType")  # of messages to callbacks; not in Humble
_NO_NUMBER = 2**64 - 1  # from a middleware that does not number messages


class Gaps:
    """Counts messages that were published and did not come, from the numbers that one publisher gives its messages."""

    def __init__(self) -> None:
        self._last: int | None = None

    def missing_before(self, number: int, publishers: int) -> int:
        """How many messages between the last one and this one never came.

        Args:
            number: of this message, as its publisher counts.
            publishers: how many there are now. Of several each has numbers of its own, so nothing is said then.
        """
        last, self._last = self._last, number if publishers == 1 and number != _NO_NUMBER else None
        if last is None or self._last is None:
            return 0
        return max(number - last - 1, 0)  # a publisher that is started again counts from the beginning


class Input:
    """One input topic of a node.

    Args:
        node: owner.
        message_type, topic, callback: as for `create_subscription`.
        depth: newest messages to keep.
        reliability: `reliable`, `best_effort`, or `auto` as described above.
        lost: told how many messages did not come before the one that `callback` gets next; None: not watched.
    """

    def __init__(
        self,
        node: Node,
        message_type: Any,
        topic: str,
        callback: Callable[[Any], None],
        depth: int,
        reliability: str,
        lost: Callable[[int], None] | None = None,
    ) -> None:
        self._node, self._message_type, self._topic, self._callback = node, message_type, topic, callback
        self._depth, self._may_step_back = depth, reliability == "auto"
        self._lost, self._gaps = lost, Gaps()
        self._name = node.resolve_topic_name(topic)
        self._stepping_back: Any = None
        # A group of its own: under a multi-threaded executor a large image must not hold up its CameraInfo.
        self._group = MutuallyExclusiveCallbackGroup()
        best_effort = reliability == "best_effort"
        self._subscription = self._subscribe(
            ReliabilityPolicy.BEST_EFFORT if best_effort else ReliabilityPolicy.RELIABLE
        )

    def _subscribe(self, reliability: ReliabilityPolicy) -> Any:
        qos = QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=self._depth, reliability=reliability)
        self._gaps = Gaps()  # what was published while nobody was subscribed is not lost
        events = SubscriptionEventCallbacks(incompatible_qos=self._on_incompatible) if self._may_step_back else None
        callback: Any = self._numbered if self._lost and _TELLS_NUMBERS else self._callback
        return self._node.create_subscription(
            self._message_type,
            self._topic,
            callback,
            qos,
            callback_group=self._group,
            event_callbacks=events,
            qos_overriding_options=QoSOverridingOptions((QoSPolicyKind.HISTORY, QoSPolicyKind.DEPTH)),
        )

    def _numbered(self, message: Any, about: Any) -> None:
        number = about.get("publication_sequence_number", _NO_NUMBER)
        missing = self._gaps.missing_before(number, self._node.count_publishers(self._name))
        if missing and self._lost:
            self._lost(missing)
        self._callback(message)

    def _on_incompatible(self, _: Any) -> None:
        if self._may_step_back:  # not from within the event of the subscription that is to go
            self._may_step_back = False
            steady = Clock(clock_type=ClockType.STEADY_TIME)
            self._stepping_back = self._node.create_timer(0.0, self._step_back, clock=steady)

    def _step_back(self) -> None:
        self._node.destroy_timer(self._stepping_back)
        self._stepping_back = None
        self._node.get_logger().info(f"{self._topic} has a best-effort publisher: subscribing as best effort")
        self._node.destroy_subscription(self._subscription)
        self._subscription = self._subscribe(ReliabilityPolicy.BEST_EFFORT)

    def close(self) -> None:
        """Unsubscribe."""
        if self._stepping_back is not None:
            self._node.destroy_timer(self._stepping_back)
        self._node.destroy_subscription(self._subscription)
