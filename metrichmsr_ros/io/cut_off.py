"""Whether the end of a JPEG or PNG is missing.

OpenCV decodes a truncated JPEG without an error: the missing part is grey, or the whole image is black. Of a PNG it
takes memory for the length that a part states, up to 4 GB, before it looks whether the file holds as much.
"""

from __future__ import annotations

import re
from typing import Any

_START, _END = b"\xff\xd8", b"\xff\xd9"
_SCAN, _END_CODE = 0xDA, 0xD9
_WITHOUT_LENGTH = {0x01, *range(0xD0, 0xD8)}
_MARKER_IN_SCAN = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")  # neither a stuffed 0xFF nor a restart marker
_PADDING = 64  # cameras append zeros after the end marker; the fast check skips at most this many bytes
_PNG, _LAST_PART = b"\x89PNG\r\n\x1a\n", b"IEND"
_AROUND_PART = 12  # bytes: length, name and checksum


def is_jpeg_cut_off(data: Any) -> bool:
    """Whether `data` (bytes, or any buffer of bytes) is a JPEG that ends before its end-of-image marker (ITU-T T.81).

    Bytes after that marker (padding, a second image) are ignored. False for data that is not a JPEG.
    """
    view = memoryview(data).cast("B")
    if bytes(view[:2]) != _START:
        return False
    if bytes(view[-_PADDING:]).rstrip(b"\0").endswith(_END):
        return False
    return not _has_end(bytes(view))


def _has_end(data: bytes) -> bool:
    """Walk the segments, so that the end marker of an embedded thumbnail does not count."""
    position = 2
    while position + 2 <= len(data):
        code = data[position + 1]
        if code == _END_CODE:
            return True
        if code == 0xFF:  # fill byte
            position += 1
        elif code in _WITHOUT_LENGTH:
            position += 2
        else:
            position += 2 + int.from_bytes(data[position + 2 : position + 4], "big")
        if code == _SCAN:
            following = _MARKER_IN_SCAN.search(data, position)
            if following is None:
                return False
            position = following.start()
    return False


def is_png_cut_off(data: Any) -> bool:
    """Whether `data` (bytes, or any buffer of bytes) is a PNG one of whose parts ends behind the data.

    False for data that is not a PNG, and for a PNG whose last part alone is missing.
    """
    view = memoryview(data).cast("B")
    if bytes(view[: len(_PNG)]) != _PNG:
        return False
    position = len(_PNG)
    while position + 8 <= len(view):
        is_last = bytes(view[position + 4 : position + 8]) == _LAST_PART
        position += _AROUND_PART + int.from_bytes(view[position : position + 4], "big")
        if is_last:
            break
    return position > len(view)
