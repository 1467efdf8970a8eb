"""Messages by the name of their interface: as plain fields, as rclpy's classes and as those of `rosbags`.

A message of the node or of a replay's bag is built once, as a `PlainMessage`. Two adapters convert it to the class of
rclpy or of `rosbags`. This module can be imported without ROS.
"""

from __future__ import annotations

import array
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from metrichmsr_ros.types import AnyArray

if TYPE_CHECKING:
    from rosbags.typesys.store import Typestore


@dataclass(frozen=True)
class PlainMessage:
    """The fields of one message.

    Attributes:
        type: name of the interface, e.g. `geometry_msgs/msg/Point`.
        fields: value by name: numbers, text, NumPy arrays of the field's own dtype, plain messages, lists of those, or
            a message that already has the adapter's class, such as the image's header.
    """

    type: str
    fields: dict[str, Any]


def optional_messages(package: str) -> ModuleType | None:
    """Module `<package>.msg`, or None if the package is not installed."""
    try:
        return import_module(f"{package}.msg")
    except ImportError:
        return None


@cache
def message_class(type_name: str) -> Any:
    """Class of an interface's name, e.g. `sensor_msgs/msg/Image` (rosidl_runtime_py.get_message).

    Raises:
        ImportError, AttributeError: the package or message is not installed.
    """
    package, kind, name = type_name.split("/")
    return getattr(import_module(f"{package}.{kind}"), name)


def interface_name(message_type: Any) -> str:
    """`sensor_msgs/msg/Image` of the class sensor_msgs.msg.Image."""
    return f"{message_type.__module__.split('.')[0]}/msg/{message_type.__name__}"


def to_rclpy(message: PlainMessage) -> Any:
    """The message as an object of rclpy's class; missing fields keep their defaults.

    Arrays are assigned after construction, and sequences as `array.array`, so that rosidl does not check each number.

    Raises:
        ImportError: the interface's package is not installed.
    """
    kind = message_class(message.type)
    arrays = {name: value for name, value in message.fields.items() if isinstance(value, np.ndarray)}
    made = kind(**{name: _adapted(value, to_rclpy) for name, value in message.fields.items() if name not in arrays})
    for name, values in arrays.items():
        setattr(made, name, flat(values) if name in _sequences(message.type) else values)
    return made


def to_rosbags(message: PlainMessage, types: Typestore) -> Any:
    """The message as an object of the class of a `rosbags` type store; all fields are required.

    Raises:
        KeyError: the store does not have the interface.
    """
    fields = {name: _adapted(value, lambda plain: to_rosbags(plain, types)) for name, value in message.fields.items()}
    return types.types[message.type](**fields)


def flat(values: AnyArray) -> array.array[Any]:
    """The numbers of an array as `array.array` of the same type, copied at memory speed."""
    filled: array.array[Any] = array.array(values.dtype.char)
    filled.frombytes(np.ascontiguousarray(values).reshape(-1).view(np.uint8).data)
    return filled


def _adapted(value: Any, adapt: Callable[[PlainMessage], Any]) -> Any:
    if isinstance(value, PlainMessage):
        return adapt(value)
    if isinstance(value, list):
        return [_adapted(item, adapt) for item in value]
    return value


@cache
def _sequences(type_name: str) -> frozenset[str]:
    """Names of the fields with variable length."""
    kinds: dict[str, str] = message_class(type_name).get_fields_and_field_types()
    return frozenset(name for name, kind in kinds.items() if kind.startswith("sequence<"))
