"""Read mcap files whose end is missing, as a crash or an empty battery leaves them.

Without the index at the end a file must be read from its beginning, record by record (https://mcap.dev/spec); what
comes before the cut is whole.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, NamedTuple

import lz4.frame

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_MAGIC = b"\x89MCAP0\r\n"
_SCHEMA, _CHANNEL, _MESSAGE, _CHUNK, _DATA_END = 0x03, 0x04, 0x05, 0x06, 0x0F
_DECOMPRESS = {"": bytes, "zstd": zstd.decompress, "lz4": lz4.frame.decompress}


class Raw(NamedTuple):
    """One message as it was recorded."""

    topic: str
    type: str
    log_ns: int
    data: bytes


class Salvage:
    """Messages of some mcap files, up to where each is cut off.

    Args:
        files: in the order of their time.
    """

    def __init__(self, files: list[Path]) -> None:
        self._files = files
        self.counts: dict[tuple[str, str], int] = {}
        for raw in self.messages():
            key = raw.topic, raw.type
            self.counts[key] = self.counts.get(key, 0) + 1

    def messages(self) -> Iterator[Raw]:
        """All messages, in the order of the file; no error at the cut."""
        for path in self._files:
            with path.open("rb") as file:
                if file.read(len(_MAGIC)) == _MAGIC:
                    yield from _Scan().messages(file)


class _Scan:
    """What was declared so far in one file."""

    def __init__(self) -> None:
        self._schemas: dict[int, str] = {}
        self._channels: dict[int, tuple[str, str]] = {}

    def messages(self, stream: BinaryIO) -> Iterator[Raw]:
        for kind, content in _records(stream):
            if kind == _SCHEMA:
                self._schemas[_number(content, 0, "<H")] = _text(content, 2)[0]
            elif kind == _CHANNEL:
                schema = _number(content, 2, "<H")
                self._channels[_number(content, 0, "<H")] = _text(content, 4)[0], self._schemas.get(schema, "")
            elif kind == _MESSAGE:
                channel, _, log_ns, _ = struct.unpack_from("<HIQQ", content)
                if channel in self._channels:
                    yield Raw(*self._channels[channel], log_ns, content[22:])
            elif kind == _CHUNK:
                yield from self.messages(BytesIO(_unpacked(content)))
            elif kind == _DATA_END:
                return


def _records(stream: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Operation code and content of each whole record."""
    while len(head := stream.read(9)) == 9:
        kind, length = struct.unpack("<BQ", head)
        content = stream.read(length)
        if len(content) < length:
            return
        yield kind, content


def _unpacked(chunk: bytes) -> bytes:
    """The records of a chunk; nothing when it cannot be decompressed."""
    compression, after = _text(chunk, 28)
    data = chunk[after + 8 :]
    try:
        return bytes(_DECOMPRESS[compression](data))
    except (KeyError, RuntimeError, zstd.ZstdError):
        return b""


def _number(data: bytes, offset: int, layout: str) -> int:
    return int(struct.unpack_from(layout, data, offset)[0])


def _text(data: bytes, offset: int) -> tuple[str, int]:
    """A length-prefixed string and the offset after it."""
    length = _number(data, offset, "<I")
    return data[offset + 4 : offset + 4 + length].decode("utf-8", "replace"), offset + 4 + length
