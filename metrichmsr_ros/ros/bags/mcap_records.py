"""The records of an mcap file by their lengths alone, and the content of its chunks within bounds (https://mcap.dev/spec).

A reader that follows an index takes the lengths in the file as they are: a record may state 2^63 bytes, a chunk of a
kilobyte may unfold to gigabytes. So the lengths are compared with the file before such a reader opens it.
"""

from __future__ import annotations

import os
import struct
import zlib
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import lz4.frame
import zstandard

LARGEST_RECORD = 2**28  # bytes; a chunk of rosbag2 has 0.8 MB, or one larger message
MAGIC = b"\x89MCAP0\r\n"
_CHUNK_CODE = 0x06
_RECORD = struct.Struct("<BQ")  # code, bytes that follow
_CHUNK = struct.Struct("<QQQII")  # first and last time, unpacked bytes, CRC, length of the name of the compression
_LENGTH = struct.Struct("<Q")
_FOOTER = struct.Struct("<BQQQI8s")  # code, length, place of the summary, of its offsets, CRC, mark
_LONGEST_NAME = 16
_LZ4_RATIO = 255  # of lz4 at best
_ZSTD_HEAD = 18  # bytes, at most


class DamagedChunkError(Exception):
    """A chunk that cannot be unpacked, or differs from what it states; salvaging leaves it out."""


@dataclass(frozen=True)
class ChunkHead:
    """What a chunk states: its compression, unpacked size, CRC, packed size, and where its content begins in it."""

    compression: str
    unpacked: int
    crc: int
    packed: int
    start: int

    @classmethod
    def read(cls, file: BinaryIO) -> ChunkHead:
        """Read it from the beginning of a chunk's content; struct.error where that ends before."""
        _, _, unpacked, crc, length = _CHUNK.unpack(file.read(_CHUNK.size))
        name = file.read(min(length, _LONGEST_NAME + 1))
        if length > _LONGEST_NAME:
            raise struct.error("the name of its compression is too long")
        (packed,) = _LENGTH.unpack(file.read(_LENGTH.size))
        return cls(name.decode("latin1"), unpacked, crc, packed, _CHUNK.size + length + _LENGTH.size)

    def fits(self, length: int) -> bool:
        """Whether a record of `length` bytes can be this chunk."""
        return self.start + self.packed == length and self.unpacked <= LARGEST_RECORD


@dataclass(frozen=True)
class Layout:
    """The records of a file by their lengths.

    Attributes:
        end: byte after the last whole record.
        problem: why no record follows there, and why the index must not be followed, as text; empty where all fits.
    """

    end: int
    problem: str


def layout_of(path: Path) -> Layout:
    """Follow the lengths of all records; nothing else of them is read."""
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        summary = _summary_at(file, size)
        place, is_found, first = len(MAGIC), summary == 0, ""
        while place < size - len(MAGIC):
            length, problem = _record_at(file, place, size)
            first = first or problem
            if problem and not length:  # a chunk alone can be left out
                return Layout(place, first)
            is_found |= place == summary
            place += _RECORD.size + length
    return Layout(size, first or ("" if is_found else f"its index lies at byte {summary}, where no record begins."))


def cut_chunk(path: Path, place: int) -> bytes:
    """The unpacked beginning of the chunk in which a file ends, which begins at `place`; empty for anything else."""
    with path.open("rb") as file:
        file.seek(place)
        try:
            code, length = _RECORD.unpack(file.read(_RECORD.size))
            head = ChunkHead.read(file)
            if code != _CHUNK_CODE or not head.fits(length):
                return b""
            return unpacked_beginning(file.read(head.packed), head.compression, head.unpacked)
        except (struct.error, DamagedChunkError):
            return b""


def unpacked(data: bytes, compression: str, size: int, crc: int) -> bytes:
    """The content of a whole chunk.

    Raises:
        DamagedChunkError: it is not of this size, differs from its checksum, or is of an unknown compression.
    """
    content = unpacked_beginning(data, compression, size + 1) if size <= LARGEST_RECORD else b""
    if len(content) != size or (crc and zlib.crc32(content) != crc):
        raise DamagedChunkError(f"{compression} chunk of {size} bytes")
    return content


def unpacked_beginning(data: bytes, compression: str, most: int) -> bytes:
    """The first `most` bytes of what can be unpacked; all of it where it is less.

    Raises:
        DamagedChunkError: an unknown compression.
    """
    if compression == "":
        return data[:most]
    if compression == "zstd":
        return _zstd_beginning(data, most)
    if compression == "lz4":
        return _lz4_beginning(data, most)
    raise DamagedChunkError(f"unknown compression {compression!r}")


def _summary_at(file: BinaryIO, size: int) -> int:
    """Where the footer says that the index begins; 0: there is none."""
    file.seek(max(0, size - _FOOTER.size))
    end = file.read(_FOOTER.size)
    return int(_FOOTER.unpack(end)[2]) if len(end) == _FOOTER.size else 0


def _record_at(file: BinaryIO, place: int, size: int) -> tuple[int, str]:
    """Length of the record at a place, and what is wrong with it."""
    file.seek(place)
    try:
        code, length = _RECORD.unpack(file.read(_RECORD.size))
        if code == 0:
            return 0, f"no record begins at byte {place}."
        if length > size - place - _RECORD.size or length > LARGEST_RECORD:
            return 0, f"the record at byte {place} states {length} bytes."
        is_good = code != _CHUNK_CODE or _is_plausible(file, length)
    except struct.error:
        return 0, f"the record at byte {place} is incomplete."
    return length, "" if is_good else f"the chunk at byte {place} contradicts itself."


def _is_plausible(file: BinaryIO, length: int) -> bool:
    """Whether a chunk does not unfold to more than it states, by the head of its compression."""
    head = ChunkHead.read(file)
    if not head.fits(length):
        return False
    if head.compression == "zstd":
        return zstd_size(file.read(_ZSTD_HEAD)) == head.unpacked
    return head.compression != "lz4" or head.packed * _LZ4_RATIO <= LARGEST_RECORD


def zstd_size(start: bytes) -> int:
    """What a zstd frame unfolds to, by its header; -1: it does not say."""
    try:
        return int(zstandard.frame_content_size(start[:_ZSTD_HEAD]))
    except zstandard.ZstdError:
        return -1


def _zstd_beginning(data: bytes, most: int) -> bytes:
    parts: list[bytes] = []
    stream = zstandard.ZstdDecompressor().stream_reader(BytesIO(data))
    try:
        while most > 0 and (part := stream.read(min(most, 2**20))):
            parts.append(part)
            most -= len(part)
    except zstandard.ZstdError:
        pass  # its end is missing
    return b"".join(parts)


def _lz4_beginning(data: bytes, most: int) -> bytes:
    try:
        return bytes(lz4.frame.LZ4FrameDecompressor().decompress(data, max_length=most))
    except RuntimeError:
        return b""
