"""A subscription that matches every publisher, and is reliable and transient local if all publishers are.

A best-effort reader matches every publisher. But a raw image is many packets, and on a busy machine one lost packet
loses the image: VGA between two processes can fail altogether. A reliable reader loses no packet but does not match
best-effort cameras. A transient-local reader gets the last message of a latched publisher, sent before it subscribed,
but does not match volatile publishers. So the reader requests what all present publishers offer. It checks this again
each second, and as soon as the middleware reports a publisher that does not match.

The middleware does not report messages that a full queue overwrites; gaps in the publisher's sequence numbers do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSPolicyKind, QoSProfile, ReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions
from rclpy.subscription import Subscription

from metrichmsr_ros.ros.graph_hints import Offer, of_another_type, offers, unmatched
from metrichmsr_ros.ros.messages import interface_name

try:
    from rclpy.event_handler import SubscriptionEventCallbacks
except ImportError:  # Humble
    from rclpy.qos_event import SubscriptionEventCallbacks

CHECK_EVERY_S = 1.0
_HAS_SEQUENCE_NUMBERS = hasattr(Subscription, "CallbackType")  # callbacks can get them; not in Humble
_NO_SEQUENCE_NUMBER = 2**64 - 1  # from a middleware that does not number messages


class Gaps:
    """Counts messages that were published but not received, by the publisher's sequence numbers."""

    def __init__(self) -> None:
        self._last: int | None = None

    def missing_before(self, number: int, publishers: int) -> int:
        """Number of messages between the last one and this one that were not received.

        Args:
            number: sequence number of this message.
            publishers: current number of publishers. Each has its own sequence numbers, so the result is 0 for several.
        """
        last, self._last = self._last, number if publishers == 1 and number != _NO_SEQUENCE_NUMBER else None
        if last is None or self._last is None:
            return 0
        return max(number - last - 1, 0)  # a restarted publisher counts from the beginning


class Input:
    """One input topic of a node.

    Args:
        node: owner.
        message_type, topic, callback: as for `create_subscription`.
        depth: newest messages to keep.
        reliability: `reliable`, `best_effort`, or `auto` as described above.
        lost: called with the number of messages lost before the one that `callback` gets next; None: not counted.
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
        self._depth, self._reliability = depth, reliability
        self._on_lost, self._gaps = lost, Gaps()
        self._resolved_topic = node.resolve_topic_name(topic)
        self._last_sent_ns = 0  # send time of the last received message
        self._received_earlier_ns = 0  # the same of the earlier reader
        self._reported_offers: list[Offer] = []
        # Own callback group: under a multi-threaded executor a large image must not delay its CameraInfo. And rclpy
        # never takes destroyed timers and subscriptions out of the node's own group.
        self._callback_group = MutuallyExclusiveCallbackGroup()
        self._kind = interface_name(message_type)
        self._qos = self._qos_that_matches(self._of_its_type(offers(node, self._resolved_topic)))
        self._subscription = self._subscribe()
        self._steady_clock = Clock(clock_type=ClockType.STEADY_TIME)
        self._early_check: Any = None  # timer of the next check after an event
        self._regular_check = self._check_after(CHECK_EVERY_S)

    def _of_its_type(self, present: Sequence[Offer]) -> list[Offer]:
        return [offer for offer in present if offer.may_be(self._kind)]

    def _qos_that_matches(self, present: Sequence[Offer]) -> QoSProfile:
        """The settings that match all publishers, where the user did not fix them."""
        is_latched = bool(present) and all(o.qos.durability == DurabilityPolicy.TRANSIENT_LOCAL for o in present)
        is_reliable = all(o.qos.reliability != ReliabilityPolicy.BEST_EFFORT for o in present)
        # Only a reliable reader gets earlier messages, so a latched publisher overrides `best_effort`.
        reliable = self._reliability == "reliable" or (is_reliable and (self._reliability == "auto" or is_latched))
        return QoSProfile(
            history=HistoryPolicy.KEEP_LAST,
            depth=self._depth,
            reliability=ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT,
            durability=DurabilityPolicy.TRANSIENT_LOCAL if is_latched else DurabilityPolicy.VOLATILE,
        )

    def _subscribe(self) -> Any:
        self._gaps = Gaps()  # messages sent while this node was not subscribed do not count as lost
        callback: Any = self._on_numbered_message if _HAS_SEQUENCE_NUMBERS else self._callback
        return self._node.create_subscription(
            self._message_type,
            self._topic,
            callback,
            self._qos,
            callback_group=self._callback_group,
            event_callbacks=SubscriptionEventCallbacks(incompatible_qos=self._on_incompatible),
            qos_overriding_options=QoSOverridingOptions((QoSPolicyKind.HISTORY, QoSPolicyKind.DEPTH)),
        )

    def _on_numbered_message(self, message: Any, about: Any) -> None:
        sent_ns = about.get("source_timestamp", 0)
        if 0 < sent_ns <= self._received_earlier_ns:
            return  # latched, and already received by the earlier reader
        self._last_sent_ns = max(sent_ns, self._last_sent_ns)
        if self._on_lost:
            number = about.get("publication_sequence_number", _NO_SEQUENCE_NUMBER)
            missing = self._gaps.missing_before(number, self._node.count_publishers(self._resolved_topic))
            if missing:
                self._on_lost(missing)
        self._callback(message)

    def _on_incompatible(self, _: Any) -> None:
        if self._early_check is None:  # not inside an event of the subscription, which may be destroyed
            self._early_check = self._check_after(0.0)

    def _check_after(self, seconds: float) -> Any:
        return self._node.create_timer(
            seconds, self._check_publishers, callback_group=self._callback_group, clock=self._steady_clock
        )

    def _check_publishers(self) -> None:
        """Match the present publishers, and warn about those that cannot be matched."""
        if self._early_check is not None:
            self._node.destroy_timer(self._early_check)
            self._early_check = None
        everybody = offers(self._node, self._resolved_topic)
        present = self._of_its_type(everybody)
        wanted = self._qos_that_matches(present)
        if present and (wanted.reliability, wanted.durability) != (self._qos.reliability, self._qos.durability):
            self._resubscribe(wanted)
        self._report_mismatches(everybody)

    def _resubscribe(self, wanted: QoSProfile) -> None:
        words = f"{_policy_name(wanted.reliability)}, {_policy_name(wanted.durability)}"
        self._node.get_logger().info(f"{self._topic}: subscribing as {words}, which its publishers offer")
        self._node.destroy_subscription(self._subscription)
        self._qos = wanted
        self._received_earlier_ns = self._last_sent_ns if wanted.durability == DurabilityPolicy.TRANSIENT_LOCAL else 0
        self._subscription = self._subscribe()

    def _report_mismatches(self, present: Sequence[Offer]) -> None:
        if present == self._reported_offers:
            return
        self._reported_offers = list(present)
        of_others = of_another_type(self._resolved_topic, present, self._kind)
        for text in [*of_others, *self._unmatched()]:
            self._node.get_logger().warning(text)

    @property
    def mismatch(self) -> str:
        """Why present publishers of its type are not received, with the settings of both sides; else empty."""
        return "; ".join(self._unmatched(latched=False))

    def _unmatched(self, latched: bool = True) -> list[str]:
        return unmatched(self._resolved_topic, self._of_its_type(self._reported_offers), self._qos, latched)

    def close(self) -> None:
        """Unsubscribe."""
        for timer in (self._regular_check, self._early_check):
            if timer is not None:
                self._node.destroy_timer(timer)
        self._node.destroy_subscription(self._subscription)


def _policy_name(policy: ReliabilityPolicy | DurabilityPolicy) -> str:
    return str(policy.name).lower().replace("_", " ")
