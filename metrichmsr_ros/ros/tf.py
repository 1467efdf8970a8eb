"""tf2_ros in a full ROS installation; equivalents over tf2_msgs with the wheels of PyPI, which lack tf2_ros."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from geometry_msgs.msg import TransformStamped
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.time import Time

from metrichmsr_ros.ros.frame_names import bare
from metrichmsr_ros.ros.frames import rotation_matrix
from metrichmsr_ros.ros.inputs.subscription import Input
from metrichmsr_ros.ros.tf_tree import KEPT_S, LateTransforms, TransformError, TransformTree

__all__ = ["TransformBroadcaster", "TransformListener"]

WARN_EVERY_S = 5.0
_QUEUED = 100  # messages, as in tf2_ros
_AUTHORITY = "default_authority"  # publisher's name in tf2's warnings, as in tf2_ros
_MAX_GONE = 200  # frames without new transforms, before tf2's buffer is cleared


class _WheelTransformBroadcaster:
    """tf2_ros.TransformBroadcaster over tf2_msgs alone: same topic, same QoS, same method."""

    def __init__(self, node: Node) -> None:
        from tf2_msgs.msg import TFMessage

        self._message = TFMessage
        self._publisher = node.create_publisher(TFMessage, "/tf", QoSProfile(depth=100))

    def sendTransform(self, transform: TransformStamped | Sequence[TransformStamped]) -> None:
        """Publish one transform, or several in one message."""
        several = [transform] if isinstance(transform, TransformStamped) else list(transform)
        self._publisher.publish(self._message(transforms=several))


class _TransformTopics:
    """Subscriptions to /tf and /tf_static that match every publisher.

    A latched reader of /tf_static gets what was sent before it subscribed, but does not match volatile publishers. A
    volatile best-effort reader matches all publishers. So there are both, and a static transform may be received twice.

    Args:
        node: owner.
        take: called with each transform and whether it is static.
        came: called after the transforms of a message were taken.
    """

    def __init__(self, node: Node, take: Callable[[TransformStamped, bool], None], came: Callable[[], None]) -> None:
        from tf2_msgs.msg import TFMessage

        self._node, self._take, self._came = node, take, came
        self._moving = Input(node, TFMessage, "/tf", self._on_moving, _QUEUED, "auto")
        # A separate group: transforms must be received while images are handled.
        group = MutuallyExclusiveCallbackGroup()
        latched = QoSProfile(depth=_QUEUED, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        live = QoSProfile(depth=_QUEUED, reliability=ReliabilityPolicy.BEST_EFFORT)
        self._static = [
            node.create_subscription(TFMessage, "/tf_static", self._on_static, qos, callback_group=group)
            for qos in (latched, live)
        ]

    def _on_moving(self, message: Any) -> None:
        for transform in message.transforms:
            self._take(transform, False)
        self._came()

    def _on_static(self, message: Any) -> None:
        for transform in message.transforms:
            self._take(transform, True)
        self._came()

    def close(self) -> None:
        """Unsubscribe."""
        self._moving.close()
        for subscription in self._static:
            self._node.destroy_subscription(subscription)


def _nothing() -> None:
    """What is done when transforms came and nobody waits for them."""


class _WheelTransformListener:
    """/tf and /tf_static in a `TransformTree`.

    Args:
        node: owner.
        came: called in the executor's thread after transforms came.
    """

    def __init__(self, node: Node, came: Callable[[], None] = _nothing) -> None:
        self._node, self._tree = node, TransformTree()
        self._topics = _TransformTopics(node, self._add, came)

    def _add(self, transform: TransformStamped, is_static: bool) -> None:
        try:
            self._tree.add_stamped(transform, is_static)
        except TransformError as error:
            self._node.get_logger().warning(f"left out: {error}", throttle_duration_sec=WARN_EVERY_S)

    def matrix(self, target: str, source: str, stamp_ns: int) -> npt.NDArray[np.float64]:
        """As `TransformTree.matrix`."""
        return self._tree.matrix(target, source, stamp_ns)

    def newest(self, target: str, source: str) -> tuple[npt.NDArray[np.float64], int | None]:
        """As `TransformTree.newest`."""
        return self._tree.newest(target, source)

    def close(self) -> None:
        """Unsubscribe."""
        self._topics.close()


class _Tf2TransformListener:
    """tf2_ros' buffer with the same methods.

    When a bag loops, tf2 clears its buffer at the jump of /clock, but one late message from before the jump makes it
    refuse the first seconds after it. So, as in `TransformTree`, a jump back of a frame's stamps clears the buffer; a
    single late transform is sorted in by tf2. The buffer also removes frames of people who have left, which tf2 would
    keep for ever.

    Args:
        node: owner.
        came: called in the executor's thread after transforms came.
    """

    def __init__(self, node: Node, came: Callable[[], None] = _nothing) -> None:
        self._buffer = tf2_ros.Buffer()  # with the node as argument it would create a service
        self._newest: dict[str, int] = {}
        self._late: LateTransforms[TransformStamped] = LateTransforms()
        self._gone = 0
        self._topics = _TransformTopics(node, self._add, came)  # tf2's own listener does not match every publisher

    def _add(self, transform: TransformStamped, is_static: bool) -> None:
        if is_static:
            self._buffer.set_transform_static(transform, _AUTHORITY)
        else:
            self._add_moving(transform)

    def _add_moving(self, transform: TransformStamped) -> None:
        stamp = transform.header.stamp.sec * 10**9 + transform.header.stamp.nanosec
        child = transform.child_frame_id
        if child not in self._newest:
            silent = [name for name, last in self._newest.items() if last < stamp - KEPT_S * 1e9]
            for name in silent:
                del self._newest[name]
                self._late.forget(name)
            self._gone += len(silent)
        newest = self._newest.get(child, stamp)
        anew = self._late.after_jump(child, stamp, newest, transform)
        if self._gone > _MAX_GONE or anew:
            self._buffer.clear()  # keeps static transforms
            self._newest, self._gone, newest = {}, 0, stamp
        self._newest[child] = max(stamp, newest)
        for kept in [*(self._late.take(stamp) if anew else []), *(anew or [transform])]:
            self._buffer.set_transform(kept, _AUTHORITY)

    def matrix(self, target: str, source: str, stamp_ns: int) -> npt.NDArray[np.float64]:
        """As `TransformTree.matrix`."""
        return self._lookup(target, source, stamp_ns)[0]

    def newest(self, target: str, source: str) -> tuple[npt.NDArray[np.float64], int | None]:
        """As `TransformTree.newest`."""
        pose, stamp = self._lookup(target, source, 0)  # 0 means the newest in tf2
        return pose, stamp or None

    def _lookup(self, target: str, source: str, stamp_ns: int) -> tuple[npt.NDArray[np.float64], int]:
        try:
            found = self._buffer.lookup_transform(bare(target), bare(source), Time(nanoseconds=stamp_ns))
        except tf2_ros.TransformException as error:
            raise TransformError(str(error)) from error
        move, turn = found.transform.translation, found.transform.rotation
        pose = np.eye(4)
        pose[:3, :3] = rotation_matrix(np.array([turn.x, turn.y, turn.z, turn.w]))
        pose[:3, 3] = move.x, move.y, move.z
        return pose, found.header.stamp.sec * 10**9 + found.header.stamp.nanosec

    def close(self) -> None:
        """Unsubscribe."""
        self._topics.close()


try:
    import tf2_ros
except ImportError:
    TransformBroadcaster: Any = _WheelTransformBroadcaster
    TransformListener: Any = _WheelTransformListener
else:
    TransformBroadcaster, TransformListener = tf2_ros.TransformBroadcaster, _Tf2TransformListener
