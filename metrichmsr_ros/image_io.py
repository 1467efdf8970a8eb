"""The one place that decodes and encodes pictures: JPEG, PNG, WebP, TIFF and what else OpenCV reads, from bytes.

Sizes are read from the header and checked before anything is decoded. Paths never reach OpenCV, which reads only
those that are UTF-8.

OpenCV decodes a JPEG that is cut off without a word: the rest is grey, or the whole is black. So JPEGs are checked
first. Other formats OpenCV refuses by itself when they are cut off.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from metrichmsr_ros.errors import MetricHMRError
from metrichmsr_ros.image_header import MAX_PIXELS, exif_orientation, image_size
from metrichmsr_ros.types import AnyArray, ImageArray

_SMALL_FILE = 2**20  # bytes; headers and metadata of any size of picture fit
_BYTES_PER_PIXEL = 16  # of a file that packs nothing: four channels of 32 bits
# What numpy must do to turn a stored picture upright, by EXIF orientation: mirror it sideways, then quarter turns.
_TURNS = {2: (True, 0), 3: (False, 2), 4: (True, 2), 5: (True, 1), 6: (False, 3), 7: (True, 3), 8: (False, 1)}

_START, _END = b"\xff\xd8", b"\xff\xd9"
_SCAN, _END_CODE = 0xDA, 0xD9
_WITHOUT_LENGTH = {0x01, *range(0xD0, 0xD8)}
_MARKER_IN_SCAN = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")  # neither a stuffed 0xFF nor a restart marker
_PADDING = 64  # bytes of zeros that cameras put behind the end, at most, for the quick look


class ImageDataError(MetricHMRError, ValueError):
    """Bytes that are not a whole picture. The text does not name them: callers put the file or topic before it."""


class ImageTooLargeError(ImageDataError):
    """A picture of more pixels than the caller takes."""


@dataclass(frozen=True, eq=False)
class Photograph:
    """A picture turned upright, and how it was stored.

    Attributes:
        image: (H, W, 3) uint8 RGB, upright.
        orientation: EXIF orientation of the stored pixels, 1 to 8; 1 is upright.
    """

    image: ImageArray
    orientation: int


def read_photograph(path: Path, max_pixels: int = MAX_PIXELS) -> Photograph:
    """A photograph from a file.

    Raises:
        OSError: the file cannot be read.
        ImageDataError: as for `decode_image`, or the file is longer than a picture of `max_pixels` can be.
    """
    size = path.stat().st_size
    if size > max(_BYTES_PER_PIXEL * max_pixels, _SMALL_FILE):
        raise ImageTooLargeError(f"a file of {size / 1e6:.0f} MB is larger than any picture of {_mpx(max_pixels)}")
    data = path.read_bytes()
    return Photograph(decode_image(data, upright=True, max_pixels=max_pixels), exif_orientation(memoryview(data)))


def write_image(path: Path, image: AnyArray) -> None:
    """Write `image` (H, W, 3) uint8 RGB, or (H, W) of 8 or 16 bits, in the format that the name of `path` ends in.

    Raises:
        OSError: the file cannot be written.
        ImageDataError: OpenCV does not write this format or size.
    """
    ordered = image[..., ::-1] if image.ndim == 3 else image
    try:
        done, data = cv2.imencode(path.suffix, np.ascontiguousarray(ordered))
    except cv2.error as error:
        raise ImageDataError(f"{path}: OpenCV does not write this image: {error.err}") from None
    if not done:
        raise ImageDataError(f"{path}: OpenCV does not write this image of {image.shape[1]}x{image.shape[0]}")
    path.write_bytes(data.tobytes())


def decode_image(data: Any, *, upright: bool, max_pixels: int = MAX_PIXELS) -> ImageArray:
    """A picture as (H, W, 3) uint8 RGB.

    Args:
        data: bytes, or any buffer of bytes, of an image file.
        upright: turn it as its EXIF orientation says, as for photographs. False leaves the sensor's own pixels, which
            calibrations speak of.
        max_pixels: a picture of more is refused by its header, before memory is taken for it.

    Raises:
        ImageDataError: there are no bytes, they are not an image that OpenCV reads, a JPEG that is cut off, or a
            picture that is too large.
    """
    image = _decoded(data, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION, max_pixels)
    if upright:
        image = _turned(image, exif_orientation(memoryview(data).cast("B")))
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)


def decode_grey(data: Any, max_pixels: int = MAX_PIXELS) -> ImageArray:
    """A picture as (H, W) uint8 brightness, not turned; a Bayer mosaic stays one. Errors as `decode_image`."""
    return np.asarray(_decoded(data, cv2.IMREAD_GRAYSCALE | cv2.IMREAD_IGNORE_ORIENTATION, max_pixels), np.uint8)


def decode_as_stored(data: Any, max_pixels: int = MAX_PIXELS) -> AnyArray:
    """The numbers of an image file in the type and with the channels that they are stored in, such as 16-bit depth.

    Colours come in OpenCV's order, BGR. Errors as `decode_image`.
    """
    return _decoded(data, cv2.IMREAD_UNCHANGED, max_pixels)


def _decoded(data: Any, flags: int, max_pixels: int) -> AnyArray:
    if memoryview(data).nbytes == 0:
        raise ImageDataError("an image of 0 bytes; copy it again")
    _check_size(data, max_pixels)
    if is_jpeg_cut_off(data):
        raise ImageDataError(f"this JPEG is cut off after {memoryview(data).nbytes} bytes; copy it again")
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error as error:
        raise ImageDataError(f"OpenCV does not read this image: {error.err}") from None
    if image is None:
        raise ImageDataError("not an image that OpenCV can read; give a JPEG, PNG, TIFF, WebP or BMP file")
    return image


def _check_size(data: Any, max_pixels: int) -> None:
    size = image_size(memoryview(data).cast("B"))
    if size is not None and size[0] * size[1] > max_pixels:
        raise ImageTooLargeError(
            f"the header says {size[0]}x{size[1]} pixels ({_mpx(size[0] * size[1])}), at most {_mpx(max_pixels)} are "
            "taken; make it smaller or allow more pixels"
        )


def _mpx(pixels: int) -> str:
    return f"{pixels / 1e6:.1f} megapixels"


def _turned(image: AnyArray, orientation: int) -> AnyArray:
    mirror, quarters = _TURNS.get(orientation, (False, 0))
    return np.ascontiguousarray(np.rot90(image[:, ::-1] if mirror else image, quarters))


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
