"""Whether a JPEG is whole. OpenCV decodes one that is cut off without a word: the rest is grey, or the whole is black.

Other formats (PNG, WebP, BMP, TIFF) OpenCV refuses by itself when they are cut off.
"""

from __future__ import annotations

import re
from typing import Any

_START, _END = b"\xff\xd8", b"\xff\xd9"
_SCAN, _END_CODE = 0xDA, 0xD9
_WITHOUT_LENGTH = {0x01, *range(0xD0, 0xD8)}
_MARKER_IN_SCAN = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")  # neither a stuffed 0xFF nor a restart marker
_PADDING = 64  # bytes of zeros that cameras put behind the end, at most, for the quick look


def is_jpeg_cut_off(data: Any) -> bool:
    """Whether `data` (bytes, or any buffer of bytes) is a JPEG that ends before its end-of-image marker (ITU-T T.81).

    What follows the end (padding, a second picture) is no matter. False for everything that is no JPEG.
    """
    view = memoryview(data).cast("B")
    if bytes(view[:2]) != _START:
        return False
    if bytes(view[-_PADDING:]).rstrip(b"\0").endswith(_END):
        return False
    return not _has_end(bytes(view))


def _has_end(data: bytes) -> bool:
    """Walk the segments: thumbnails inside them have ends of their own, which do not count."""
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
