"""Read the messages of a rosbag2's sqlite3 file, complete or truncated.

A truncated database still has its first pages. SQLite reads them with a setting that accepts a file shorter than its
header states. Rows are then read in the order of writing, up to the first incomplete one.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

from metrichmsr_ros.ros.bags.truncated_mcap import Raw

_ROWS = "SELECT topic_id, timestamp, data FROM messages"
_Contents = tuple[dict[int, tuple[str, str]], dict[int, int], int | None]  # topics, messages of each, first time
_MOST_TOPICS = 100_000
_PAGE_SIZE_AT = 16  # offset in the header; two bytes


class SqliteFile:
    """One sqlite3 data file, opened for reading.

    Args:
        path: of the file. A write-ahead log beside it, which a killed recorder leaves, is read too.
        stack: closes the file.

    Attributes:
        counts: messages by topic and type. start_ns: log time of the first. damage: text about missing data.
        definitions: empty; the package's own are taken.

    Raises:
        sqlite3.Error: it is not a database, or lacks the tables of a bag.
    """

    def __init__(self, path: Path, stack: ExitStack) -> None:
        self.definitions: dict[str, str] = {}
        self.damage = "its last page is cut off" if _rest(path) else ""
        if not self.damage:
            log = path.with_name(path.name + "-wal")
            mode = "mode=ro" if log.is_file() and log.stat().st_size else "mode=ro&immutable=1"
            self._database = _connected(path, mode, stack)
            try:
                self._topics, numbers, first = self._contents()
            except sqlite3.DatabaseError as error:
                self.damage = str(error)
        if self.damage:
            self._database = _connected(_whole_pages(path, stack), "mode=ro&immutable=1", stack)
            self._database.execute("PRAGMA writable_schema = ON")  # accepts a file shorter than its header states
            self._topics, numbers, first = self._whole_contents()
        self.start_ns: int = first or 0
        self.counts = Counter({topic: numbers.get(number, 0) for number, topic in self._topics.items()})

    def messages(self, names: frozenset[str]) -> Iterator[Raw]:
        """Messages of the given topics by log time; those of a truncated file in the order of writing.

        Raises:
            sqlite3.Error: the data are damaged from this position on.
        """
        chosen = {number: topic for number, topic in self._topics.items() if topic[0] in names}
        if self.damage:
            yield from (Raw(*chosen[n], log_ns, data) for n, log_ns, data in self._whole_rows() if n in chosen)
            return
        marks = ", ".join("?" * len(chosen))
        query = f"{_ROWS} WHERE topic_id IN ({marks}) ORDER BY timestamp, id"
        with closing(self._database.execute(query, tuple(chosen))) as rows:
            yield from (Raw(*chosen[n], *_checked(log_ns, data)) for n, log_ns, data in rows)

    def _read_topics(self) -> dict[int, tuple[str, str]]:
        rows = self._database.execute("SELECT id, name, type FROM topics ORDER BY id").fetchmany(_MOST_TOPICS)
        if not all(isinstance(text, str) for _, *texts in rows for text in texts):
            raise sqlite3.DatabaseError("its topics have no names and types")
        return {number: (name, kind) for number, name, kind in rows}

    def _whole_rows(self) -> Iterator[tuple[int, int, bytes]]:
        with closing(self._database.execute(f"{_ROWS} ORDER BY id")) as rows:
            try:
                yield from ((number, *_checked(log_ns, data)) for number, log_ns, data in rows)
            except sqlite3.DatabaseError:
                return

    def _contents(self) -> _Contents:
        _check_tables(self._database)
        numbers = dict(self._database.execute("SELECT topic_id, count(*) FROM messages GROUP BY topic_id"))
        first = self._database.execute("SELECT min(timestamp) FROM messages").fetchone()[0]
        return self._read_topics(), numbers, first if first is None else _checked(first, b"")[0]

    def _whole_contents(self) -> _Contents:
        _check_tables(self._database)
        numbers, first = Counter[int](), None
        for number, log_ns, _ in self._whole_rows():
            numbers[number] += 1
            first = log_ns if first is None else min(first, log_ns)
        return self._read_topics(), numbers, first


def _check_tables(database: sqlite3.Connection) -> None:
    """Refuse tables that are computed when they are read: views, virtual tables and generated columns.

    Raises:
        sqlite3.DatabaseError: there is one.
    """
    computed = database.execute(
        "SELECT name FROM sqlite_master WHERE name IN ('topics', 'messages') AND (type != 'table' OR rootpage = 0)"
    ).fetchall()
    for table in ("topics", "messages"):
        computed += database.execute("SELECT name FROM pragma_table_xinfo(?) WHERE hidden > 0", (table,)).fetchall()
    if computed:
        raise sqlite3.DatabaseError(f"its {computed[0][0]!r} is computed, where a recording holds a plain table")


def _checked(log_ns: object, data: object) -> tuple[int, bytes]:
    """Time and content of a message, whose columns may hold values of any type."""
    if not isinstance(log_ns, int) or not isinstance(data, bytes):
        raise sqlite3.DatabaseError("a message without a time in ns or without bytes")
    return log_ns, data


def _connected(path: Path, mode: str, stack: ExitStack) -> sqlite3.Connection:
    database = sqlite3.connect(f"file:{quote(str(path))}?{mode}", uri=True, check_same_thread=False)
    stack.callback(database.close)
    return database


def _rest(path: Path) -> int:
    """Number of bytes after the last complete page; SQLite would read the missing rest of that page as zeros."""
    with path.open("rb") as file:
        page = int.from_bytes(file.read(_PAGE_SIZE_AT + 2)[_PAGE_SIZE_AT:], "big")
    size = path.stat().st_size
    return size % (65536 if page == 1 else page) if page else 0  # https://www.sqlite.org/fileformat.html


def _whole_pages(path: Path, stack: ExitStack) -> Path:
    """The file, or a copy without its last page if that is truncated."""
    if not (rest := _rest(path)):
        return path
    target = Path(stack.enter_context(TemporaryDirectory(prefix="metrichmsr_bag_")), path.name)
    shutil.copyfile(path, target)
    os.truncate(target, path.stat().st_size - rest)
    return target
