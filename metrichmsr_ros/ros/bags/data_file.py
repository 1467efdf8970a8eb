"""One data file of a rosbag2, opened by its content: mcap or sqlite3, complete, compressed or truncated."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

import zstandard
from rosbags.rosbag2 import Reader

from metrichmsr_ros.ros.bags.errors import Ros1BagError, UnreadableBagError
from metrichmsr_ros.ros.bags.locate import ZSTD, refuse_ros1, without_zstd
from metrichmsr_ros.ros.bags.mcap_records import LARGEST_RECORD, MAGIC, layout_of, unpacked_beginning, zstd_size
from metrichmsr_ros.ros.bags.packed import refuse_packed
from metrichmsr_ros.ros.bags.sqlite_file import SqliteFile
from metrichmsr_ros.ros.bags.truncated_mcap import Raw, Salvage

_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"  # no message begins like this: its first byte is 0
_SQLITE_MAGIC = b"SQLite format 3\0"
_BLOCK = 2**20  # bytes
_LARGEST_UNSTATED = 2**25  # bytes of a message that does not state what it unfolds to; recorders do
_SMALLEST_LIMIT = 2**26  # bytes that a small packed file may unfold to
_MOST_UNFOLDED = 200  # times its own size, of a larger one


class DataFile(Protocol):
    """An opened data file."""

    @property
    def counts(self) -> Mapping[tuple[str, str], int]:
        """Messages by topic and type."""

    @property
    def start_ns(self) -> int:
        """Log time of its first message, in ns."""

    @property
    def damage(self) -> str:
        """Which part of it is missing, as text; empty if it is complete."""

    @property
    def definitions(self) -> Mapping[str, str]:
        """Text of message definitions in it by type, each with those that it uses; empty where it has none."""

    def messages(self, names: frozenset[str]) -> Iterator[Raw]:
        """Messages of the given topics, in the order of recording."""


def open_data_file(path: Path, stack: ExitStack) -> DataFile:
    """Open one file for as long as `stack` is open.

    Raises:
        UnreadableBagError: not a data file, or no message in it can be read.
        Ros1BagError: the file is of ROS 1.
        PackedBagError: the file must be unpacked first.
    """
    refuse_ros1(path)
    refuse_packed(path)
    plain = _decompressed(path, stack) if path.suffix in ZSTD or _begins(path, _ZSTD_MAGIC) else path
    try:
        if plain.suffix == ".db3" or _begins(plain, _SQLITE_MAGIC):
            return SqliteFile(plain, stack)
        return _open_mcap(path, plain, stack)
    except sqlite3.Error as error:
        raise UnreadableBagError(words(error)) from error


def decompressed(message: bytes) -> bytes:
    """The serialized message; decompressed if the recorder compressed each message."""
    if not message.startswith(_ZSTD_MAGIC):
        return message
    stated = zstd_size(message)
    most = _LARGEST_UNSTATED if stated < 0 else stated
    content = unpacked_beginning(message, "zstd", most + 1) if most <= LARGEST_RECORD else b""
    if len(content) > most or len(content) < stated:
        raise UnreadableBagError(f"a packed message does not unfold to the {most} bytes that it may have")
    return content


def words(error: Exception) -> str:
    """The text of an error, with a full stop."""
    text = str(error) or type(error).__name__
    return text if text.endswith(".") else text + "."


class _IndexedMcap:
    """A complete mcap file."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self.counts: Counter[tuple[str, str]] = Counter()
        for connection in reader.connections:
            self.counts[connection.topic, connection.msgtype] += connection.msgcount
        self.start_ns, self.damage = reader.start_time, ""
        self.definitions = {c.msgtype: c.msgdef.data for c in reader.connections}

    def messages(self, names: frozenset[str]) -> Iterator[Raw]:
        wanted = [c for c in self._reader.connections if c.topic in names]
        if wanted:  # the reader takes an empty list for all topics
            for connection, log_ns, data in self._reader.messages(connections=wanted):
                yield Raw(connection.topic, connection.msgtype, log_ns, bytes(data))


class _SalvagedMcap:
    """An mcap file without a usable index, read from its beginning."""

    def __init__(self, salvage: Salvage, damage: str) -> None:
        self._salvage, self.damage = salvage, damage
        self.counts, self.definitions = salvage.counts, salvage.definitions
        self.start_ns = min((raw.log_ns for raw in salvage.messages()), default=0)

    def messages(self, names: frozenset[str]) -> Iterator[Raw]:
        yield from (raw for raw in self._salvage.messages() if raw.topic in names)


def _open_mcap(path: Path, plain: Path, stack: ExitStack) -> DataFile:
    problem = layout_of(plain).problem if _begins(plain, MAGIC) else ""
    if problem:
        return _salvaged(path, plain, problem)
    try:
        reader = Reader(plain)
        reader.open()
    except Exception as error:  # each storage back end has its own errors; all mean that the file cannot be opened
        return _salvaged(path, plain, words(error))
    stack.callback(reader.close)
    return _IndexedMcap(reader)


def _salvaged(path: Path, plain: Path, cause: str) -> DataFile:
    salvage = Salvage([plain])
    if salvage.profile == "ros1":
        raise Ros1BagError(
            f"{path} holds messages of ROS 1: convert the .bag file that it was made from with `rosbags-convert --src "
            "OLD.bag --dst NEW`, and read NEW"
        )
    if not salvage.counts:
        raise UnreadableBagError(cause)
    is_whole = salvage.is_whole and _has_end(plain)  # complete, but of another profile or with a broken index
    chunks = salvage.damaged_chunks
    left_out = f" Left out as damaged: {chunks} chunk{'s' * (chunks > 1)} of messages." if chunks else ""
    return _SalvagedMcap(salvage, "" if is_whole else f"{cause}{left_out}")


def _begins(path: Path, magic: bytes) -> bool:
    with path.open("rb") as file:
        return file.read(len(magic)) == magic


def _has_end(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-len(MAGIC), 2)
        return file.read() == MAGIC


def _decompressed(path: Path, stack: ExitStack) -> Path:
    """The decompressed file, up to a truncation; `stack` deletes it."""
    folder = stack.enter_context(TemporaryDirectory(prefix="metrichmsr_bag_"))
    target = Path(folder, without_zstd(path.name))
    with path.open("rb") as packed, target.open("wb") as plain:
        stream = zstandard.ZstdDecompressor().stream_reader(packed, read_across_frames=True)
        left = max(_SMALLEST_LIMIT, _MOST_UNFOLDED * path.stat().st_size)
        try:
            while block := stream.read(_BLOCK):
                left -= len(block)
                if left < 0:
                    raise UnreadableBagError(f"it unfolds to more than {_MOST_UNFOLDED} times its size: use `unzstd`.")
                plain.write(block)
        except zstandard.ZstdError:
            pass  # opening the result reports its missing end
    return target
