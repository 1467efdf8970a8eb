"""Stand-ins for what the ROS wheels of PyPI lack, and doors to what may or may not be installed.

Where ROS is whole its own packages are used. Launch, ros2cli and cv_bridge need no stand-in here: nothing in this
package imports them.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from types import ModuleType
from typing import Any

from geometry_msgs.msg import TransformStamped
from rclpy.node import Node
from rclpy.qos import QoSProfile

__all__ = ["TransformBroadcaster", "message_class", "optional_messages"]


def optional_messages(package: str) -> ModuleType | None:
    """Module `<package>.msg`, or None where that package is not installed."""
    try:
        return import_module(f"{package}.msg")
    except ImportError:
        return None


def message_class(type_name: str) -> Any:
    """Class of an interface's name, e.g. `sensor_msgs/msg/Image` (rosidl_runtime_py.get_message).

    Raises:
        ImportError, AttributeError: no such package or message here.
    """
    package, kind, name = type_name.split("/")
    return getattr(import_module(f"{package}.{kind}"), name)


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


try:
    from tf2_ros import TransformBroadcaster
except ImportError:
    TransformBroadcaster = _WheelTransformBroadcaster
