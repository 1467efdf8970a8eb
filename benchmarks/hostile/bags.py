"""Recordings that are cut off, damaged, or state sizes that they do not have."""

from __future__ import annotations

import sqlite3
import struct
import tempfile
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import zstandard
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.rosbag2.enums import CompressionFormat, CompressionMode
from rosbags.typesys import Stores, get_typestore

from benchmarks.hostile.case import Case, file_of, sparse_file
from benchmarks.hostile.damage import cuts, damaged, several
from benchmarks.hostile.yaml_bombs import YAMLS
from metrichmsr_ros.errors import MetricHMRError
from metrichmsr_ros.ros.bags.metadata import read_metadata
from metrichmsr_ros.ros.bags.reader import Bag

_GENERATED = "CREATE TABLE messages (id, topic_id, timestamp, data AS (zeroblob(1000000000)))"
MESSAGES = 200
_MAGIC = b"\x89MCAP0\r\n"
_ENDLESS = (
    "CREATE VIEW messages AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
    "SELECT i AS id, 1 AS topic_id, i AS timestamp, x'00' AS data FROM n"
)
_KINDS = {StoragePlugin.MCAP: ".mcap", StoragePlugin.SQLITE3: ".db3"}


@lru_cache(maxsize=8)
def recording(storage: StoragePlugin, mode: CompressionMode | None = None) -> bytes:
    """The data file of a bag of `MESSAGES` messages of about 2 kB, no two alike."""
    types = get_typestore(Stores.LATEST)
    with tempfile.TemporaryDirectory() as folder:
        writer = Writer(Path(folder, "bag"), version=9, storage_plugin=storage)
        if mode is not None:
            writer.set_compression(mode, CompressionFormat.ZSTD)
        with writer:
            topic = writer.add_connection("/words", "std_msgs/msg/String", typestore=types)
            for number in range(MESSAGES):
                text = " ".join(str(number * 7919 + step) for step in range(300))
                message = types.types["std_msgs/msg/String"](text)
                writer.write(topic, 10**18 + number, types.serialize_cdr(message, "std_msgs/msg/String"))
        (data,) = (file for file in Path(folder, "bag").iterdir() if file.name != "metadata.yaml")
        return data.read_bytes()


def read_all(path: Path) -> str:
    """Read every message; says how many there were, and what the bag says about itself."""
    with Bag(path) as bag:
        names = [topic.name for topic in bag.topics]
        return f"{sum(1 for _ in bag.messages(*names))} messages; {bag.damage}"


def salvage(folder: Path) -> str:
    """Read all files of a folder, each cut off later: never fewer messages than from the one before."""
    files, most, readable = sorted(folder.iterdir()), 0, 0
    for file in files:
        try:
            text = read_all(file)
        except MetricHMRError as error:
            if file.name not in str(error) or most:
                raise ValueError(f"{file.name}: {error}") from error
            continue
        count = int(text.split()[0])
        if count < most or file.name not in text:
            raise ValueError(f"{file.name}: {count} messages after {most}, or no warning: {text}")
        most, readable = count, readable + 1
    return f"{readable} of {len(files)} cuts hold messages, the last {most} of {MESSAGES}"


def survive(folder: Path) -> str:
    """Read all files of a folder: whole messages, or an error that names the file."""
    counts = []
    for file in sorted(folder.iterdir()):
        try:
            counts.append(int(read_all(file).split()[0]))
        except MetricHMRError as error:
            if folder.name not in str(error):
                raise ValueError(f"{file.name} is not named by {error}") from error
    return f"{len(counts)} of {len(list(folder.iterdir()))} files hold {max(counts, default=0)} messages or fewer"


def record(code: int, content: bytes, length: int | None = None) -> bytes:
    """A record of mcap, which may state another length."""
    return struct.pack("<BQ", code, len(content) if length is None else length) + content


def chunk(compression: bytes, content: bytes, unpacked: int) -> bytes:
    """A chunk that says that it unfolds to `unpacked` bytes."""
    head = struct.pack("<QQQII", 0, 1, unpacked, 0, len(compression)) + compression
    return record(6, head + struct.pack("<Q", len(content)) + content)


def mcap(*records: bytes, summary: int = 0) -> bytes:
    """A file of these records with a footer."""
    header = record(1, struct.pack("<I", 4) + b"ros2" + struct.pack("<I", 0))
    footer = record(2, struct.pack("<QQI", summary, 0, 0))
    return _MAGIC + header + b"".join(records) + record(15, bytes(4)) + footer + _MAGIC


def _zeros(size: int) -> bytes:
    compressor = zstandard.ZstdCompressor().compressobj()
    block = bytes(2**20)
    parts = [compressor.compress(block) for _ in range(size // len(block))]
    return b"".join([*parts, compressor.flush()])


MCAPS: Mapping[str, Callable[[], bytes]] = {
    "a record of 2**63 bytes": lambda: mcap(record(5, b"", 2**63)),
    "a record of 2**64 - 1 bytes": lambda: mcap(record(5, b"", 2**64 - 1)),
    "a record of 8 GiB": lambda: mcap(record(3, bytes(100), 2**33)),
    "an index of 2**63": lambda: mcap(record(5, bytes(30)), summary=2**63),
    "an index among the messages": lambda: mcap(record(5, struct.pack("<BQ", 3, 2**40) * 10), summary=40),
    "a chunk that unfolds to 10 GB": lambda: mcap(chunk(b"zstd", _zeros(10 * 2**30), 1000)),
    "a chunk that says 10 GB": lambda: mcap(chunk(b"zstd", _zeros(2**20), 10 * 2**30)),
    "a chunk of an unknown compression": lambda: mcap(chunk(b"brotli", bytes(100), 100)),
    "a name of a compression of 4 GB": lambda: mcap(record(6, struct.pack("<QQQII", 0, 1, 2, 3, 2**32 - 1))),
    "nothing": lambda: b"",
}


def cases() -> list[Case]:
    """Cut and damaged recordings of every kind, and lengths and indices that lie."""
    found = [Case(f"mcap: {name}", file_of("a.mcap", content), read_all) for name, content in MCAPS.items()]
    found += [
        Case("mcap: 64 GiB of zeros", lambda folder: sparse_file(folder / "a.mcap", 2**36, _MAGIC), read_all),
        Case("mcap.zstd: 10 GB of zeros", file_of("a.mcap.zstd", lambda: _zeros(10 * 2**30)), read_all),
        Case(
            "db3: 64 GiB of zeros", lambda folder: sparse_file(folder / "a.db3", 2**36, b"SQLite format 3\0"), read_all
        ),
        Case("db3: other tables", _other_tables, read_all),
        Case("db3: messages of other types", _other_types, read_all),
        Case("db3: messages without end", _database(_ENDLESS), read_all),
        Case("db3: messages of a gigabyte", _database(_GENERATED, "INSERT INTO messages VALUES (1, 1, 1)"), read_all),
        Case("mcap: a message that unfolds to 10 GB", _message_bomb, read_all, named="bag"),
        Case("metadata.yaml: a billion laughs", _metadata, lambda folder: read_metadata(folder).problem, "read"),
    ]
    for storage, suffix in _KINDS.items():
        for mode in (None, CompressionMode.MESSAGE, CompressionMode.FILE):
            name = f"{suffix[1:]}{f', {mode.name.lower()}s packed' if mode else ''}"
            end = suffix + (".zstd" if mode is CompressionMode.FILE else "")
            cut, changed = _contents(cuts, storage, mode, 20), _contents(damaged, storage, mode, 30)
            found.append(Case(f"{name}: 20 cuts", several(end, cut), salvage, "read"))
            found.append(Case(f"{name}: 30 places", several(end, changed), survive, "read"))
    return found


def _contents(
    change: Callable[[bytes, int], Iterator[bytes]], storage: StoragePlugin, mode: CompressionMode | None, count: int
) -> Callable[[], Iterator[bytes]]:
    return lambda: change(recording(storage, mode), count)


def _message_bomb(folder: Path) -> Path:
    types = get_typestore(Stores.LATEST)
    with Writer(folder / "bag", version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        topic = writer.add_connection("/words", "std_msgs/msg/String", typestore=types)
        writer.write(topic, 10**18, _zeros(10 * 2**30))
    return folder / "bag"


def _other_tables(folder: Path) -> Path:
    with sqlite3.connect(folder / "a.db3") as database:
        database.execute("CREATE TABLE topics (id TEXT)")
    return folder / "a.db3"


def _database(*statements: str) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        with sqlite3.connect(folder / "a.db3") as database:
            database.execute("CREATE TABLE topics (id, name, type)")
            database.execute("INSERT INTO topics VALUES (1, '/a', 'std_msgs/msg/String')")
            for statement in statements:
                database.execute(statement)
        return folder / "a.db3"

    return write


def _other_types(folder: Path) -> Path:
    with sqlite3.connect(folder / "a.db3") as database:
        database.execute("CREATE TABLE topics (id, name, type)")
        database.execute("CREATE TABLE messages (id, topic_id, timestamp, data)")
        rows: list[tuple[Any, ...]] = [(1, b"\xff", 3), ("x", "/a", "std_msgs/msg/String")]
        database.executemany("INSERT INTO topics VALUES (?, ?, ?)", rows)
        database.executemany("INSERT INTO messages VALUES (?, ?, ?, ?)", [(1, 1, "x", 7), (2, "x", 1.5, "text")])
    return folder / "a.db3"


def _metadata(folder: Path) -> Path:
    (folder / "metadata.yaml").write_bytes(YAMLS["a billion laughs"])
    return folder
