"""rosbag2 files (mcap) without rosbag2: writing, reading, and the definitions of the messages inside.

Through `rosbags`, because the ROS wheels carry no rosbag2; the files are what `ros2 bag` and Foxglove open.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

from rclpy.serialization import deserialize_message, serialize_message
from rosbags.rosbag2 import Reader, StoragePlugin, Writer
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from metrichmsr_ros.errors import MetricHMRError
from metrichmsr_ros.ros.messages import message_class


class BagError(MetricHMRError, RuntimeError):
    """A bag that cannot be written or read; the text names the path or topic and the remedy."""


def type_name(message_type: Any) -> str:
    """`sensor_msgs/msg/Image` of the class sensor_msgs.msg.Image."""
    return f"{message_type.__module__.split('.')[0]}/msg/{message_type.__name__}"


class BagWriter:
    """A new bag; use as a context manager.

    Args:
        path: folder to be created; must not exist.

    Raises:
        BagError: the path exists.
    """

    def __init__(self, path: str | Path) -> None:
        if Path(path).exists():
            raise BagError(f"{path} exists already: remove it or choose another path")
        self._writer = Writer(path, version=9, storage_plugin=StoragePlugin.MCAP)
        self._writer.open()
        self._types = get_typestore(Stores.ROS2_JAZZY)
        self._topics: dict[str, Any] = {}

    def write(self, topic: str, message: Any, stamp_ns: int) -> None:
        """Append a message under the log time `stamp_ns`."""
        self.write_serialized(topic, type(message), bytes(serialize_message(message)), stamp_ns)

    def write_serialized(self, topic: str, message_type: Any, cdr: bytes, stamp_ns: int) -> None:
        """Append a message as it came from the wire."""
        if topic not in self._topics:
            self.add_topic(topic, message_type)
        self._writer.write(self._topics[topic], stamp_ns, cdr)

    def add_topic(self, topic: str, message_type: Any) -> None:
        """Declare a topic, which also a bag without a message on it will list."""
        name = type_name(message_type)
        if name not in self._types.fielddefs:
            self._types.register(_definitions(name))
        self._topics[topic] = self._writer.add_connection(topic, name, typestore=self._types)

    def close(self) -> None:
        """Write the index; the bag cannot be read before."""
        self._writer.close()

    def __enter__(self) -> BagWriter:
        """Itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close, also after an error: what was written stays readable."""
        self.close()


def read_bag(path: str | Path, topics: Collection[str] | None = None) -> Iterator[tuple[str, Any, int]]:
    """Messages of a bag in the order of their log times: (topic, message, log time in ns).

    Args:
        path: the bag's folder.
        topics: only these; None: all.

    Raises:
        BagError: no such bag.
    """
    for topic, message_type, cdr, stamp_ns in read_serialized(path, topics):
        yield topic, deserialize_message(cdr, message_type), stamp_ns


def read_serialized(path: str | Path, topics: Collection[str] | None = None) -> Iterator[tuple[str, Any, bytes, int]]:
    """As `read_bag`, but (topic, message class, message as on the wire, log time in ns)."""
    if not Path(path).exists():
        raise BagError(f"no bag at {path}")
    with Reader(path) as reader:
        wanted = [c for c in reader.connections if topics is None or c.topic in topics]
        classes = {c.id: message_class(c.msgtype) for c in wanted}
        for connection, stamp_ns, cdr in reader.messages(wanted):
            yield connection.topic, classes[connection.id], bytes(cdr), stamp_ns


def bag_topics(path: str | Path) -> dict[str, Any]:
    """Topic -> message class of a bag."""
    if not Path(path).exists():
        raise BagError(f"no bag at {path}")
    with Reader(path) as reader:
        return {c.topic: message_class(c.msgtype) for c in reader.connections}


def _definitions(name: str) -> Any:
    """All messages of the package of `name`, from the files that every interface package installs."""
    package, kind, message = name.split("/")
    prefixes = [*os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep), sys.prefix]
    folders = [Path(prefix, "share", package, kind) for prefix in prefixes if prefix]
    for folder in folders:
        if (folder / f"{message}.msg").is_file():
            files = folder.glob("*.msg")
            texts = {f"{package}/{kind}/{file.stem}": file.read_text(encoding="utf-8") for file in files}
            return {k: v for each, text in texts.items() for k, v in get_types_from_msg(text, each).items()}
    raise BagError(f"no definition of {name} in {', '.join(map(str, folders))}: is {package} installed?")
