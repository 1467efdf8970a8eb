"""Size and orientation of a picture, read from its header alone: nothing is decoded and no memory is taken.

Every format that OpenCV may read is listed, because a size that is not read here cannot be refused.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator

Size = tuple[int, int]  # width, height
MAX_PIXELS = 64 * 2**20  # that are decoded unless the caller asks for more; 200 MB as RGB
_MOST_DIGITS = 12  # of a width or height that is written in decimal digits
_MOST_SKIPPED = 4096  # bytes between two segments of a JPEG
_STANDALONE = {0x01, *range(0xD0, 0xD9)}
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}  # start of frame, of every kind
_JP2, _J2K = b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51"
# EXIF orientation by the quarter turns of irot and the axis of imir: 0 swaps top and bottom, 1 left and right.
_ISOBMFF_TURNS = {
    (0, None): 1, (1, None): 8, (2, None): 3, (3, None): 6, (0, 1): 2, (2, 0): 2, (0, 0): 4, (2, 1): 4,
    (1, 0): 5, (3, 1): 5, (1, 1): 7, (3, 0): 7,
}  # fmt: skip
_TIFF_NUMBERS = {1: "B", 3: "H", 4: "I", 16: "Q"}


def image_size(data: memoryview) -> Size | None:
    """(width, height) in pixels that the header of an image file gives; None where the format is not one of these."""
    start = bytes(data[:32])
    for signature, size in _FORMATS.items():
        if start.startswith(signature):
            return _or_none(size, data)
    if start[4:8] == b"ftyp":
        return _or_none(_isobmff, data)
    return _or_none(_netpbm, data) if re.match(rb"P[1-7Ff]\s", start) else None


def exif_orientation(data: memoryview) -> int:
    """Orientation as in EXIF, 1 to 8, of a JPEG, PNG, WebP, TIFF or AVIF; 1, which is upright, where there is none."""
    start = bytes(data[:12])
    try:
        if start.startswith(b"\xff\xd8"):
            exif = next((body for code, body in _jpeg_segments(data) if code == 0xE1 and body[:4] == b"Exif"), b"")
            return _orientation_of(bytes(exif[6:]))
        if start.startswith(b"\x89PNG"):
            return _orientation_of(_chunk(data, 8, ">", b"eXIf", 12))
        if start[:4] == b"RIFF" and start[8:] == b"WEBP":
            return _orientation_of(_chunk(data, 12, "<", b"EXIF", 8).removeprefix(b"Exif\0\0"))
        if is_tiff(data):
            return _orientation_of(data)
        if start[4:8] == b"ftyp":
            return _isobmff_orientation(bytes(data[:65536]))
    except (struct.error, IndexError):
        pass
    return 1


def is_tiff(data: memoryview) -> bool:
    """Whether it is a TIFF or BigTIFF, which OpenCV always turns upright."""
    return _FORMATS.get(bytes(data[:4])) is _tiff


def _or_none(size: Callable[[memoryview], Size | None], data: memoryview) -> Size | None:
    try:
        return size(data)
    except (struct.error, IndexError, ValueError, KeyError, StopIteration):
        return None  # cut off, or not such a file after all: the decoder gives the reason


def _jpeg_segments(data: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Code and content of each segment before the picture's own data."""
    position = 2
    while position + 4 <= len(data):
        if data[position] != 0xFF:  # libjpeg skips bytes between segments
            skipped = bytes(data[position : position + _MOST_SKIPPED]).find(b"\xff")
            if skipped < 0:
                return
            position += skipped
            continue
        code = data[position + 1]
        if code == 0xDA:
            return
        if code == 0xFF or code in _STANDALONE:
            position += 1 if code == 0xFF else 2
            continue
        length = int.from_bytes(data[position + 2 : position + 4], "big")
        yield code, data[position + 4 : position + 2 + length]
        position += 2 + length


def _jpeg(data: memoryview) -> Size:
    frame = next(body for code, body in _jpeg_segments(data) if code in _FRAMES)
    height, width = struct.unpack(">xHH", frame[:5])
    return width, height


def _png(data: memoryview) -> Size:
    width, height = struct.unpack(">II", data[16:24])
    return width, height


def _gif(data: memoryview) -> Size:
    width, height = struct.unpack("<HH", data[6:10])
    return width, height


def _bmp(data: memoryview) -> Size:
    is_old = struct.unpack("<I", data[14:18])[0] == 12
    width, height = struct.unpack("<HH", data[18:22]) if is_old else struct.unpack("<ii", data[18:26])
    return abs(width), abs(height)  # a negative height counts rows from the top


def _webp(data: memoryview) -> Size | None:
    kind, body = bytes(data[12:16]), data[20:]
    if kind == b"VP8X":
        return 1 + int.from_bytes(body[4:7], "little"), 1 + int.from_bytes(body[7:10], "little")
    if kind == b"VP8L":
        bits = int.from_bytes(body[1:5], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    width, height = struct.unpack("<HH", body[6:10])
    return width & 0x3FFF, height & 0x3FFF


def _tiff(data: memoryview) -> Size:
    """The picture, or one of its tiles where that is larger: memory is taken for either."""
    tags = _tiff_tags(data)
    picture, tile = (tags[256], tags[257]), (tags.get(322, 0), tags.get(323, 0))
    return max(picture, tile, key=_area)


def _tiff_tags(data: memoryview) -> dict[int, int]:
    """First whole number of each tag of the first directory, of TIFF and BigTIFF."""
    order = "<" if bytes(data[:2]) == b"II" else ">"
    is_big = struct.unpack(order + "H", data[2:4])[0] == 43
    (start,) = struct.unpack(order + "Q", data[8:16]) if is_big else struct.unpack(order + "I", data[4:8])
    counter, entry, value = ("Q", 20, 12) if is_big else ("H", 12, 8)
    begin = start + struct.calcsize(counter)
    (count,) = struct.unpack(order + counter, data[start:begin])
    tags = {}
    for place in range(begin, min(begin + count * entry, len(data)), entry):
        tag, kind = struct.unpack(order + "HH", data[place : place + 4])
        if kind in _TIFF_NUMBERS:
            number = order + _TIFF_NUMBERS[kind]
            (tags[tag],) = struct.unpack(number, data[place + value : place + value + struct.calcsize(number)])
    return tags


def _orientation_of(exif: bytes | memoryview) -> int:
    """Tag 274 of a TIFF, also of that inside EXIF."""
    found = _tiff_tags(memoryview(exif)).get(274, 1) if exif else 1
    return found if 1 <= found <= 8 else 1


def _chunk(data: memoryview, position: int, order: str, name: bytes, around: int) -> bytes:
    """Content of the first chunk of this name, of PNG (12 bytes around each) or RIFF (8); empty where there is none."""
    while position + 8 <= len(data):
        first, second = bytes(data[position : position + 4]), bytes(data[position + 4 : position + 8])
        kind, size = (second, first) if order == ">" else (first, second)
        (length,) = struct.unpack(order + "I", size)
        if kind == name:
            return bytes(data[position + 8 : position + 8 + length])
        position += around + length + (length & 1 if order == "<" else 0)
    return b""


def _jpeg2000(data: memoryview) -> Size:
    if bytes(data[:4]) == _J2K:
        right, bottom, left, top = struct.unpack(">IIII", data[8:24])
        return right - left, bottom - top
    head = bytes(data[:65536])
    place, code = head.index(b"ihdr") + 4, head.find(_J2K)
    height, width = struct.unpack(">II", data[place : place + 8])
    return max((width, height), _jpeg2000(data[code:]) if code > 0 else (0, 0), key=_area)


def _isobmff(data: memoryview) -> Size:
    """AVIF and HEIF: the largest of the picture's parts."""
    head = bytes(data[:65536])
    sizes = [struct.unpack(">II", head[m.end() + 4 : m.end() + 12]) for m in re.finditer(b"ispe", head)]
    return max(sizes, key=_area)


def _isobmff_orientation(head: bytes) -> int:
    """Of the properties irot, quarter turns against the clock, and imir, a mirror that acts after it."""
    turn, mirror = re.search(rb"irot(.)", head, re.DOTALL), re.search(rb"imir(.)", head, re.DOTALL)
    return _ISOBMFF_TURNS[turn[1][0] & 3 if turn else 0, mirror[1][0] & 1 if mirror else None]


def _area(size: Size) -> int:
    return size[0] * size[1]


def _netpbm(data: memoryview) -> Size:
    head = re.sub(rb"#[^\n]*\n", b" ", bytes(data[:4096]))
    if head.startswith(b"P7"):
        return _two_numbers(re.search(rb"WIDTH\s+(\d+)\s+HEIGHT\s+(\d+)", head))
    return _two_numbers(re.match(rb"P\w\s+(\d+)\s+(\d+)\s", head))


def _two_numbers(found: re.Match[bytes] | None) -> Size:
    if found is None:
        raise ValueError("no size")
    return _number(found[1]), _number(found[2])


def _number(digits: bytes) -> int:
    """The number, or its first digits where it is far beyond any size: it may be longer than Python converts."""
    return int(digits.lstrip(b"0")[:_MOST_DIGITS] or b"0")


def _radiance(data: memoryview) -> Size:
    found = re.search(rb"[-+]Y\s+(\d+)\s+[-+]X\s+(\d+)", bytes(data[:65536]))
    height, width = _two_numbers(found)
    return width, height


def _sun_raster(data: memoryview) -> Size:
    width, height = struct.unpack(">II", data[4:12])
    return width, height


def _openexr(data: memoryview) -> Size:
    head = bytes(data[:65536])
    place = head.index(b"dataWindow\0box2i\0") + 21
    left, top, right, bottom = struct.unpack("<iiii", head[place : place + 16])
    return right - left + 1, bottom - top + 1


_FORMATS: dict[bytes, Callable[[memoryview], Size | None]] = {
    b"\xff\xd8": _jpeg,
    b"\x89PNG": _png,
    b"GIF8": _gif,
    b"BM": _bmp,
    b"RIFF": _webp,
    b"II*\0": _tiff,
    b"MM\0*": _tiff,
    b"II+\0": _tiff,
    b"MM\0+": _tiff,
    _JP2: _jpeg2000,
    _J2K: _jpeg2000,
    b"#?": _radiance,
    b"\x59\xa6\x6a\x95": _sun_raster,
    b"\x76\x2f\x31\x01": _openexr,
}
