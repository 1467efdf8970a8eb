"""Read rosbag2 recordings (mcap, sqlite3, zstd) in process, without a middleware.

Only requested topics are decoded, with the message definitions of a current ROS 2. So unknown types on other topics do
not matter.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rosbags.typesys import Stores, get_typestore
from rosbags.typesys.store import Typestore

from metrichmsr_ros.ros.bags.data_file import DataFile, decompressed, open_data_file, words
from metrichmsr_ros.ros.bags.errors import (
    BagChoiceError,
    DamagedBagError,
    PackedBagError,
    Ros1BagError,
    UnreadableBagError,
)
from metrichmsr_ros.ros.bags.locate import SUFFIXES, data_files
from metrichmsr_ros.ros.bags.message_types import register_recorded_messages
from metrichmsr_ros.ros.bags.topics import ImageTopics, select_topics
from metrichmsr_ros.ros.bags.truncated_mcap import Raw


@dataclass(frozen=True)
class Topic:
    """One topic of a bag."""

    name: str
    type: str
    count: int


@dataclass(frozen=True)
class Recorded:
    """One message: its topic, log time (ns since the epoch) and decoded fields."""

    topic: str
    log_ns: int
    message: Any


class Bag:
    """One opened recording. Use as a context manager.

    Args:
        path: folder of the recording, or one data file of it.

    Attributes:
        damage: text about missing data, or empty.
        metadata_problem: text about an error of metadata.yaml, or empty; the data are read without that file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.damage = ""
        self.metadata_problem = ""
        self._files: list[DataFile] | None = None
        self._stack = ExitStack()
        self._types: Typestore = get_typestore(Stores.LATEST)

    def __enter__(self) -> Bag:
        """Open it. A truncated file is read up to its end, and `damage` describes it.

        Raises:
            BagChoiceError: the path does not exist.
            UnreadableBagError: the bag is empty, in an unknown format, or of ROS 1.
        """
        if not self.path.exists():
            raise BagChoiceError(f"there is no bag at {self.path}")
        found = data_files(self.path)
        self.metadata_problem = found.metadata_problem
        with ExitStack() as stack:
            files, failures = self._opened(found.paths, stack)
            if not files:
                raise UnreadableBagError(self._refusal(failures))
            self._stack = stack.pop_all()
        self._files = sorted(files.values(), key=lambda file: file.start_ns)
        for file in self._files:
            register_recorded_messages(self._types, file.definitions)
        self.damage = " ".join([*self._missing(files, failures), *([found.missing] if found.missing else [])])
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self._files = None
        self._stack.close()

    def _opened(
        self, paths: tuple[Path, ...], stack: ExitStack
    ) -> tuple[dict[Path, DataFile], dict[Path, UnreadableBagError]]:
        """The readable files, and the errors of the others."""
        files: dict[Path, DataFile] = {}
        failures: dict[Path, UnreadableBagError] = {}
        for path in paths:
            try:
                files[path] = open_data_file(path, stack)
            except (Ros1BagError, PackedBagError):
                raise
            except UnreadableBagError as error:
                failures[path] = error
        return files, failures

    def _refusal(self, failures: Mapping[Path, UnreadableBagError]) -> str:
        if not failures:
            return f"{self.path} holds no data files: no .mcap, no .db3"
        path, cause = next(iter(failures.items()))
        if not path.name.endswith(SUFFIXES):
            return (
                f"{path} cannot be opened: it is no rosbag2, neither by its content nor by its name "
                f"({' '.join(SUFFIXES)}); photographs and videos are read by `metrichmsr annotate`"
            )
        tool = "sqlite3 FILE .recover" if ".db3" in path.suffixes else "mcap recover FILE"
        return (
            f"{self.path} cannot be opened: {cause} Nothing in it could be read; `{tool}` may rebuild a file that is "
            "damaged or truncated"
        )

    def _missing(self, files: Mapping[Path, DataFile], failures: Mapping[Path, UnreadableBagError]) -> list[str]:
        cut = [
            f"{path} has no readable end ({file.damage}); the {sum(file.counts.values())} messages before it were read."
            for path, file in files.items()
            if file.damage
        ]
        return [*cut, *(f"{path} cannot be opened: {cause}" for path, cause in failures.items())]

    @property
    def topics(self) -> list[Topic]:
        """All topics by name."""
        counts: Counter[tuple[str, str]] = Counter()
        for file in self._opened_files():
            counts.update(file.counts)
        return [Topic(name, kind, count) for (name, kind), count in sorted(counts.items())]

    def _opened_files(self) -> list[DataFile]:
        if self._files is None:
            raise RuntimeError("the bag is not open; use `with Bag(path) as bag`")
        return self._files

    def select(self, image: str | None = None, camera_info: str | None = None, needs_info: bool = True) -> ImageTopics:
        """Choose the topics to replay; see `topics.select_topics`."""
        kinds = {topic.name: topic.type for topic in self.topics if topic.count}
        return select_topics(str(self.path), kinds, image, camera_info, needs_info)

    def count(self, topic: str) -> int:
        """Number of messages recorded on a topic."""
        return sum(t.count for t in self.topics if t.name == topic)

    def messages(self, *names: str) -> Iterator[Recorded]:
        """Decoded messages of the given topics, in the order of recording.

        Raises:
            UnreadableBagError: a type has no definition.
            DamagedBagError: the data is damaged from here on.
        """
        for topic, kind, log_ns, data in self.serialized(*names):
            try:
                message = self._types.deserialize_cdr(data, kind)
            except KeyError as error:
                raise UnreadableBagError(f"{self.path}: {topic} holds a type without a definition ({error})") from error
            except Exception as error:  # each layer has its own errors: struct, numpy, rosbags
                raise self._damaged(error) from error
            yield Recorded(topic, log_ns, message)

    def serialized(self, *names: str) -> Iterator[Raw]:
        """Serialized messages of the given topics, in the order of recording.

        Raises:
            DamagedBagError: the data is damaged from here on.
        """
        source = self._stored(frozenset(names))
        while True:
            try:
                raw = next(source)
            except StopIteration:
                return
            except Exception as error:  # each layer has its own errors: zstd, lz4, sqlite3, struct, rosbags
                raise self._damaged(error) from error
            yield raw

    def _stored(self, names: frozenset[str]) -> Iterator[Raw]:
        for file in self._opened_files():
            for raw in file.messages(names):
                yield raw._replace(data=decompressed(raw.data))

    def _damaged(self, error: Exception) -> DamagedBagError:
        return DamagedBagError(f"{self.path} is damaged: {words(error)}")
