"""A subscription that hears every publisher and loses nothing of the reliable ones.

A best-effort reader matches everybody, but a raw image is many packets, and on a busy machine one of them is easily
lost and with it the image: VGA between two processes can fail altogether. A reliable reader loses none and hears no
best-effort camera. So begin as reliable, and step back as soon as the middleware reports a publisher that is not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.qos import HistoryPolicy, QoSPolicyKind, QoSProfile, ReliabilityPolicy

try:
    from rclpy.event_handler import SubscriptionEventCallbacks
except ImportError:  # Humble
    from rclpy.qos_event import SubscriptionEventCallbacks
from rclpy.qos_overriding_options import QoSOverridingOptions


class Input:
    """One input topic of a node.

    Args:
        node: owner.
        message_type, topic, callback: as for `create_subscription`.
        depth: newest messages to keep.
        reliability: `reliable`, `best_effort`, or `auto` as described above.
    """

    def __init__(
        self, node: Node, message_type: Any, topic: str, callback: Callable[[Any], None], depth: int, reliability: str
    ) -> None:
        self._node, self._message_type, self._topic, self._callback = node, message_type, topic, callback
        self._depth, self._may_step_back = depth, reliability == "auto"
        self._stepping_back: Any = None
        # A group of its own: under a multi-threaded executor a large image must not hold up its CameraInfo.
        self._group = MutuallyExclusiveCallbackGroup()
        best_effort = reliability == "best_effort"
        self._subscription = self._subscribe(
            ReliabilityPolicy.BEST_EFFORT if best_effort else ReliabilityPolicy.RELIABLE
        )

    def _subscribe(self, reliability: ReliabilityPolicy) -> Any:
        qos = QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=self._depth, reliability=reliability)
        events = SubscriptionEventCallbacks(incompatible_qos=self._on_incompatible) if self._may_step_back else None
        return self._node.create_subscription(
            self._message_type,
            self._topic,
            self._callback,
            qos,
            callback_group=self._group,
            event_callbacks=events,
            qos_overriding_options=QoSOverridingOptions((QoSPolicyKind.HISTORY, QoSPolicyKind.DEPTH)),
        )

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
