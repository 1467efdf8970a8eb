"""Read rosbag2 recordings (mcap, sqlite3, zstd) in process, without a middleware.

Only the topics that are asked for are decoded, with the message definitions of a current ROS 2, so that a bag full of
types nobody knows is read as well as any other.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rosbags.rosbag2 import Reader
from rosbags.typesys import Stores, get_typestore
from rosbags.typesys.store import Typestore

from metrichmsr_ros.ros.bags.errors import BagChoiceError, DamagedBagError, UnreadableBagError
from metrichmsr_ros.ros.bags.message_types import register_own_messages
from metrichmsr_ros.ros.bags.topics import ImageTopics, select_topics
from metrichmsr_ros.ros.bags.truncated_mcap import Raw, Salvage

STORAGE = (".mcap", ".db3")


@dataclass(frozen=True)
class Topic:
    """One topic of a bag."""

    name: str
    type: str
    count: int


@dataclass(frozen=True)
class Recorded:
    """One message: its topic, when it was recorded (ns since the epoch) and its decoded fields."""

    topic: str
    log_ns: int
    message: Any


def find_bags(path: Path) -> list[Path]:
    """The bags at `path`: a bag (folder with metadata.yaml, or a single .mcap/.db3 file), or all bags below a folder.

    Raises:
        BagChoiceError: there is no such path, or no bag in it.
    """
    if not path.exists():
        raise BagChoiceError(f"there is no bag at {path}")
    if path.is_file() or (path / "metadata.yaml").is_file():
        return [path]
    folders = {meta.parent for meta in path.rglob("metadata.yaml")}
    loose = {f for f in path.rglob("*") if f.suffix in STORAGE and f.is_file() and f.parent not in folders}
    bags = sorted(folders | loose)
    if not bags:
        raise BagChoiceError(f"{path} holds no rosbag2: no metadata.yaml, no .mcap, no .db3")
    return bags


class Bag:
    """One opened recording. Use as a context manager."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.damage = ""  # what is missing of it, in words
        self._reader: Reader | None = None
        self._salvage: Salvage | None = None
        self._types: Typestore = get_typestore(Stores.LATEST)
        register_own_messages(self._types)

    def __enter__(self) -> Bag:
        """Open it; an mcap file without its end is opened too, and `damage` says so.

        Raises:
            BagChoiceError: there is no such path.
            UnreadableBagError: empty, or in no known format.
        """
        if not self.path.exists():
            raise BagChoiceError(f"there is no bag at {self.path}")
        try:
            self._reader = Reader(self.path)
            self._reader.open()
        except Exception as error:  # storage back ends raise their own kinds; all mean the same to the user
            self._reader = None
            self._salvage = Salvage(self._mcap_files())
            if not self._salvage.counts:
                raise UnreadableBagError(
                    f"{self.path} cannot be opened: {_words(error)} Nothing in it could be read; was the recording cut "
                    "off? `ros2 bag reindex` rebuilds a lost metadata.yaml, `sqlite3 FILE .recover` a damaged database"
                ) from error
            self.damage = f"{self.path} has no readable end ({_words(error)}); what was recorded before it was read."
            if count := self._salvage.damaged_chunks:
                self.damage += f" Left out as damaged: {count} chunk{'s' * (count > 1)} of messages."
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        if self._reader is not None:
            self._reader.close()
        self._reader = self._salvage = None

    def _mcap_files(self) -> list[Path]:
        files = sorted(self.path.glob("*.mcap")) if self.path.is_dir() else [self.path]
        return [file for file in files if file.suffix == ".mcap"]

    @property
    def topics(self) -> list[Topic]:
        """All topics by name."""
        if self._reader is not None:
            topics = [Topic(c.topic, c.msgtype, c.msgcount) for c in self._reader.connections]
        elif self._salvage is not None:
            topics = [Topic(name, kind, count) for (name, kind), count in self._salvage.counts.items()]
        else:
            raise RuntimeError("the bag is not open; use `with Bag(path) as bag`")
        return sorted(topics, key=lambda topic: topic.name)

    def select(self, image: str | None = None, camera_info: str | None = None, needs_info: bool = True) -> ImageTopics:
        """Choose the topics to replay; see `topics.select_topics`."""
        kinds = {topic.name: topic.type for topic in self.topics if topic.count}
        return select_topics(str(self.path), kinds, image, camera_info, needs_info)

    def count(self, topic: str) -> int:
        """Number of messages recorded on a topic."""
        return sum(t.count for t in self.topics if t.name == topic)

    def messages(self, *names: str) -> Iterator[Recorded]:
        """Decoded messages of some topics in the order in which they were recorded.

        Raises:
            UnreadableBagError: a type has no definition.
            DamagedBagError: the data is damaged from here on.
        """
        for topic, kind, log_ns, data in self.serialized(*names):
            try:
                message = self._types.deserialize_cdr(data, kind)
            except KeyError as error:
                raise UnreadableBagError(f"{self.path}: {topic} holds a type without a definition ({error})") from error
            except Exception as error:  # every layer has its own kinds: struct, numpy, rosbags
                raise self._damaged(error) from error
            yield Recorded(topic, log_ns, message)

    def serialized(self, *names: str) -> Iterator[Raw]:
        """Messages of some topics as they were on the wire, in the order in which they were recorded.

        Raises:
            DamagedBagError: the data is damaged from here on.
        """
        source = self._stored(frozenset(names))
        while True:
            try:
                raw = next(source)
            except StopIteration:
                return
            except Exception as error:  # every layer has its own kinds: zstd, lz4, sqlite3, struct, rosbags
                raise self._damaged(error) from error
            yield raw

    def _stored(self, names: frozenset[str]) -> Iterator[Raw]:
        if self._salvage is not None:
            yield from (raw for raw in self._salvage.messages() if raw.topic in names)
        elif self._reader is not None:
            wanted = [c for c in self._reader.connections if c.topic in names]
            if wanted:  # an empty choice would mean every topic
                for connection, log_ns, data in self._reader.messages(connections=wanted):
                    yield Raw(connection.topic, connection.msgtype, log_ns, bytes(data))

    def _damaged(self, error: Exception) -> DamagedBagError:
        return DamagedBagError(f"{self.path} is damaged: {_words(error)}")


def _words(error: Exception) -> str:
    text = str(error) or type(error).__name__
    return text if text.endswith(".") else text + "."
