"""Orientation in the EXIF of pictures, written byte by byte."""

from __future__ import annotations

import struct
import zlib


def exif_of(orientation: int) -> bytes:
    """A TIFF structure that holds this orientation alone (TIFF 6.0, tag 274)."""
    entry = struct.pack("<HHIHH", 274, 3, 1, orientation, 0)
    return b"II*\0" + struct.pack("<IH", 8, 1) + entry + b"\0\0\0\0"


def jpeg_with_orientation(content: bytes, orientation: int) -> bytes:
    """The JPEG with an EXIF segment."""
    inside = b"Exif\0\0" + exif_of(orientation)
    return content[:2] + b"\xff\xe1" + (len(inside) + 2).to_bytes(2, "big") + inside + content[2:]


def png_with_orientation(content: bytes, orientation: int) -> bytes:
    """The PNG with an eXIf chunk behind its header."""
    return content[:33] + png_chunk(b"eXIf", exif_of(orientation)) + content[33:]


def png_chunk(kind: bytes, data: bytes) -> bytes:
    """One chunk of a PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def tiff_with_orientation(content: bytes, orientation: int) -> bytes:
    """The little-endian TIFF with a directory at its end that has the tag too."""
    (start,) = struct.unpack("<I", content[4:8])
    (count,) = struct.unpack("<H", content[start : start + 2])
    entries = [content[place : place + 12] for place in range(start + 2, start + 2 + 12 * count, 12)]
    tags = {struct.unpack("<H", entry[:2])[0]: entry for entry in entries}
    tags[274] = struct.pack("<HHIHH", 274, 3, 1, orientation, 0)
    content += b"\0" * (len(content) % 2)
    directory = struct.pack("<H", len(tags)) + b"".join(tags[tag] for tag in sorted(tags)) + b"\0\0\0\0"
    return content[:4] + struct.pack("<I", len(content)) + content[8:] + directory
