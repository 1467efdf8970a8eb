"""Read truncated mcap files, for example after a crash or an empty battery.

Without the index at its end, a file is read record by record from its beginning (https://mcap.dev/spec). Lengths in a
damaged file are arbitrary, so a read beyond the end of the file is refused before memory is allocated. Of the chunk in
which a file ends, the messages before the end are read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from io import BufferedReader, BytesIO, RawIOBase
from pathlib import Path
from typing import NamedTuple

from mcap.exceptions import EndOfFile, McapError
from mcap.records import Channel, Chunk, DataEnd, Header, McapRecord, Message, Schema
from mcap.stream_reader import StreamReader

from metrichmsr_ros.ros.bags.mcap_records import LARGEST_RECORD, DamagedChunkError, cut_chunk, layout_of, unpacked


class Raw(NamedTuple):
    """One serialized message of a bag."""

    topic: str
    type: str
    log_ns: int
    data: bytes


class Salvage:
    """Messages of mcap files, each up to its end or its first unreadable record.

    Args:
        files: in the order of recording.

    Attributes:
        counts: messages by topic and type. damaged_chunks: chunks left out because they cannot be decompressed or
            differ from their checksum. is_whole: whether each file was read to the end of its data. profile: of the
            first file, e.g. ros2. definitions: text of message definitions by type.
    """

    def __init__(self, files: list[Path]) -> None:
        self._files = files
        passes = [_Pass(file) for file in files]
        self.counts = Counter((raw.topic, raw.type) for each in passes for raw in each.messages())
        self.damaged_chunks = sum(each.damaged_chunks for each in passes)
        self.is_whole = not self.damaged_chunks and all(each.has_end for each in passes)
        self.profile = passes[0].profile if passes else ""
        self.definitions = {name: text for each in passes for name, text in each.definitions.items()}

    def messages(self) -> Iterator[Raw]:
        """All messages in file order; a truncation raises no error."""
        for file in self._files:
            yield from _Pass(file).messages()


class _Pass:
    """One pass over one file, with the schemas and channels declared so far."""

    def __init__(self, path: Path) -> None:
        self.damaged_chunks = 0
        self.has_end = False
        self.profile = ""
        self.definitions: dict[str, str] = {}
        self._path = path
        self._schemas: dict[int, str] = {}
        self._channels: dict[int, tuple[str, str]] = {}

    def messages(self) -> Iterator[Raw]:
        end = layout_of(self._path).end
        with self._path.open("rb", buffering=0) as file:
            for record in _records(file, end):
                if isinstance(record, DataEnd):  # the rest repeats schemas and channels
                    self.has_end = True
                    return
                if isinstance(record, Header):
                    self.profile = record.profile
                yield from self._messages(self._inside(record) if isinstance(record, Chunk) else [record])
        yield from self._messages(_inside(cut_chunk(self._path, end)))

    def _messages(self, records: Iterable[McapRecord]) -> Iterator[Raw]:
        for record in records:
            if isinstance(record, Schema):
                self._schemas[record.id] = record.name
                self.definitions[record.name] = record.data.decode("utf-8", "replace")
            elif isinstance(record, Channel):
                self._channels[record.id] = record.topic, self._schemas.get(record.schema_id, "")
            elif isinstance(record, Message) and record.channel_id in self._channels:
                yield Raw(*self._channels[record.channel_id], record.log_time, record.data)

    def _inside(self, chunk: Chunk) -> Iterator[McapRecord]:
        """The records of a chunk up to the first incomplete one; none if it cannot be decompressed."""
        try:
            data = unpacked(chunk.data, chunk.compression, chunk.uncompressed_size, chunk.uncompressed_crc)
        except DamagedChunkError:
            self.damaged_chunks += 1
            return iter(())
        return _inside(data)


def _inside(content: bytes) -> Iterator[McapRecord]:
    """The whole records of an unpacked chunk, or of its beginning."""
    return _records(BytesIO(content), len(content), skip_magic=True)


def _records(raw: RawIOBase | BytesIO, size: int, skip_magic: bool = False) -> Iterator[McapRecord]:
    """Records of `size` bytes up to the first incomplete one; chunks are not unpacked."""
    limit = min(size, LARGEST_RECORD)
    reader = StreamReader(_WholeReads(raw, size), skip_magic, emit_chunks=True, record_size_limit=limit)
    try:
        yield from reader.records
    except (McapError, UnicodeDecodeError):
        return


class _WholeReads(BufferedReader):
    """A reader of `size` bytes that returns all requested bytes or raises an error.

    The library itself accepts a short read as a complete record, and reads the whole rest for a negative length.
    """

    def __init__(self, raw: RawIOBase | BytesIO, size: int) -> None:
        super().__init__(raw)
        self._left = size

    def read(self, size: int | None = -1, /) -> bytes:
        """`size` bytes. Raises EndOfFile without reading if fewer are left."""
        if size is None or not 0 <= size <= self._left:
            raise EndOfFile
        self._left -= size
        return super().read(size)
