"""The one place that decodes pictures: JPEG, PNG, WebP, TIFF and what else OpenCV reads, from bytes.

OpenCV decodes a JPEG that is cut off without a word: the rest is grey, or the whole is black. So JPEGs are checked
first. Other formats OpenCV refuses by itself when they are cut off.
"""

from __future__ import annotations

import re
from typing import Any

import cv2
import numpy as np

from metrichmsr_ros.errors import MetricHMRError
from metrichmsr_ros.types import AnyArray, ImageArray

_START, _END = b"\xff\xd8", b"\xff\xd9"
_SCAN, _END_CODE = 0xDA, 0xD9
_WITHOUT_LENGTH = {0x01, *range(0xD0, 0xD8)}
_MARKER_IN_SCAN = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")  # neither a stuffed 0xFF nor a restart marker
_PADDING = 64  # bytes of zeros that cameras put behind the end, at most, for the quick look


class ImageDataError(MetricHMRError, ValueError):
    """Bytes that are not a whole picture. The text does not name them: callers put the file or topic before it."""


def decode_image(data: Any, *, upright: bool) -> ImageArray:
    """A picture as (H, W, 3) uint8 RGB.

    Args:
        data: bytes, or any buffer of bytes, of an image file.
        upright: turn it as its EXIF orientation says, as for photographs. False leaves the sensor's own pixels, which
            calibrations speak of.

    Raises:
        ImageDataError: there are no bytes, they are not an image that OpenCV reads, or a JPEG that is cut off.
    """
    flags = cv2.IMREAD_COLOR if upright else cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    return np.asarray(cv2.cvtColor(_decoded(data, flags), cv2.COLOR_BGR2RGB), np.uint8)


def decode_grey(data: Any) -> ImageArray:
    """A picture as (H, W) uint8 brightness, not turned; a Bayer mosaic stays one. Errors as `decode_image`."""
    return np.asarray(_decoded(data, cv2.IMREAD_GRAYSCALE | cv2.IMREAD_IGNORE_ORIENTATION), np.uint8)


def decode_as_stored(data: Any) -> AnyArray:
    """The numbers of an image file in the type and with the channels that they are stored in, such as 16-bit depth.

    Colours come in OpenCV's order, BGR. Errors as `decode_image`.
    """
    return _decoded(data, cv2.IMREAD_UNCHANGED)


def _decoded(data: Any, flags: int) -> AnyArray:
    if memoryview(data).nbytes == 0:
        raise ImageDataError("an image of 0 bytes; copy it again")
    if is_jpeg_cut_off(data):
        raise ImageDataError(f"this JPEG is cut off after {memoryview(data).nbytes} bytes; copy it again")
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error as error:
        raise ImageDataError(f"OpenCV does not read this image: {error.err}") from None
    if image is None:
        raise ImageDataError("not an image that OpenCV can read; give a JPEG, PNG, TIFF, WebP or BMP file")
    return image


def is_jpeg_cut_off(data: Any) -> bool:
    """Whether `data` (bytes, or any buffer of bytes) is a JPEG that ends before its end-of-image marker (ITU-T T.81).

    What follows the end (padding, a second picture) does not matter. False for everything that is not a JPEG.
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
