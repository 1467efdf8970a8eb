"""Number of pictures that an AVI file stores, counted in its chunks.

The length in its header is in frames of its rate. That is more where a recorder left out pictures, or stated a rate
that is too high.
"""

from __future__ import annotations

import struct
from collections import Counter
from pathlib import Path
from typing import BinaryIO

_PICTURES = (b"dc", b"db")  # ends of the names of chunks with a compressed or a raw picture
_LISTS = (b"movi", b"rec ")  # of chunks with pictures; the second lies in the first
_HEAD = 8  # bytes: name and size of a chunk


def stored_pictures(path: Path) -> int | None:
    """Number of pictures of the first video stream of an AVI. Empty chunks, which repeat a picture, do not count.

    None if the file is no AVI, has no such stream, is cut off, or holds bytes that are no chunk.
    """
    size = path.stat().st_size
    counts = Counter[bytes]()  # by the digits of the stream
    with path.open("rb", buffering=0) as file:
        begin = 0
        while begin < size:  # files beyond 1 GB have several parts
            name, end = _chunk(file, begin)
            if name != b"RIFF" or file.read(4) not in (b"AVI ", b"AVIX") or end > size:
                return None
            if not _is_counted(file, begin + _HEAD + 4, end, counts):
                return None
            begin = end + end % 2
    return counts[min(counts)] if counts else None


def _is_counted(file: BinaryIO, begin: int, end: int, counts: Counter[bytes]) -> bool:
    """Add the pictures between two bytes to `counts`; False if something there is no chunk."""
    while begin < end:
        name, after = _chunk(file, begin)
        if after > end or not (name.isascii() and name.decode("ascii").isprintable()):
            return False
        if name == b"LIST" and file.read(4) in _LISTS:
            begin += _HEAD + 4  # its chunks follow each other as those around it
            continue
        if name[2:] in _PICTURES and after > begin + _HEAD:
            counts[name[:2]] += 1
        begin = after + after % 2
    return True


def _chunk(file: BinaryIO, begin: int) -> tuple[bytes, int]:
    """Name of the chunk that begins there, and where it ends without its padding; no name at the end of the file."""
    file.seek(begin)
    head = file.read(_HEAD)
    return (head[:4], begin + _HEAD + struct.unpack("<I", head[4:])[0]) if len(head) == _HEAD else (b"", begin)
