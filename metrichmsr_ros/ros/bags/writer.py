"""Write rosbag2 files (mcap) with their message definitions, without rosbag2; `ros2 bag` opens them."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

from rosbags.interfaces import Connection, Qos, QosDurability, QosHistory, QosLiveliness, QosReliability, QosTime
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from metrichmsr_ros.ros.bags.errors import BagChoiceError
from metrichmsr_ros.ros.bags.message_types import register

_FOREVER = QosTime(2147483647, 4294967295)


class BagWriter:
    """A new bag; use as a context manager.

    Args:
        path: folder to be created; must not exist.

    Attributes:
        types: definitions of the messages, for `serialize_cdr`.

    Raises:
        BagChoiceError: the path exists.
    """

    def __init__(self, path: Path) -> None:
        if path.exists():
            raise BagChoiceError(f"{path} exists already: remove it or choose another path")
        self.path = path
        self.types = get_typestore(Stores.LATEST)
        self._writer = Writer(path, version=9, storage_plugin=StoragePlugin.MCAP)
        self._writer.open()
        self._topics: dict[str, Connection] = {}

    def add_topic(self, topic: str, type_name: str, latched: bool = False) -> None:
        """Declare a topic; the bag lists it even without messages.

        Args:
            topic: name. type_name: e.g. `sensor_msgs/msg/Image`. latched: players publish it as transient local.

        Raises:
            BagError: no definition of the type is installed.
        """
        register(self.types, type_name)
        self._topics[topic] = self._writer.add_connection(
            topic, type_name, typestore=self.types, offered_qos_profiles=[_quality(latched)]
        )

    def write(self, topic: str, type_name: str, cdr: bytes | memoryview, stamp_ns: int) -> None:
        """Append a serialized message with the log time `stamp_ns`; declare its topic if new."""
        if topic not in self._topics:
            self.add_topic(topic, type_name)
        self._writer.write(self._topics[topic], stamp_ns, cdr)

    def close(self) -> None:
        """Write the index; before that, the bag cannot be read."""
        self._writer.close()

    def __enter__(self) -> BagWriter:
        """Itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close, also after an error, so that the written messages stay readable."""
        self.close()


def _quality(latched: bool) -> Qos:
    return Qos(
        QosHistory.KEEP_LAST,
        1 if latched else 10,
        QosReliability.RELIABLE,
        QosDurability.TRANSIENT_LOCAL if latched else QosDurability.VOLATILE,
        _FOREVER,
        _FOREVER,
        QosLiveliness.AUTOMATIC,
        _FOREVER,
        False,
    )
