"""Decoding and encoding of images from bytes: JPEG, PNG, WebP, TIFF and every other format that OpenCV reads.

All image files of the package are read and written here. The size is read from the header and checked before the
image is decoded. OpenCV gets bytes, never paths, because it opens only paths that are valid UTF-8.

OpenCV decodes a truncated JPEG without an error, and takes memory for what a PNG says that it will hold. So both are
checked first, see `cut_off.py`. OpenCV itself rejects truncated files of the other formats.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from metrichmsr_ros.errors import MetricHMRError
from metrichmsr_ros.io.cut_off import is_jpeg_cut_off, is_png_cut_off
from metrichmsr_ros.io.image_header import MAX_PIXELS, Size, exif_orientation, image_size, is_tiff
from metrichmsr_ros.io.whole_files import write_whole
from metrichmsr_ros.types import AnyArray, ImageArray

_NO_IMAGE = "not an image that OpenCV can read; give a JPEG, PNG, TIFF, WebP or BMP file"
_SMALL_FILE = 2**20  # bytes; holds the headers and metadata of an image of any size
_BYTES_PER_PIXEL = 16  # of an uncompressed file: four channels of 32 bits
# Steps that turn a stored image upright, by EXIF orientation: whether to mirror it sideways, then quarter turns.
_TURNS = {2: (True, 0), 3: (False, 2), 4: (True, 2), 5: (True, 1), 6: (False, 3), 7: (True, 3), 8: (False, 1)}


_BACK = {6: 8, 8: 6}  # orientations whose turn is not its own inverse


class ImageDataError(MetricHMRError, ValueError):
    """The bytes are not a complete image. The text does not name their source: callers prepend the file or topic."""


class ImageTooLargeError(ImageDataError):
    """The image has more pixels than the caller allows."""


@dataclass(frozen=True, eq=False)
class Photograph:
    """An upright image, and the orientation in which it was stored.

    Attributes:
        image: (H, W, 3) uint8 RGB, upright.
        orientation: EXIF orientation of the stored pixels, 1 to 8; 1 is upright.
    """

    image: ImageArray
    orientation: int


def read_photograph(path: Path, max_pixels: int = MAX_PIXELS) -> Photograph:
    """Read a photograph from a file.

    Raises:
        OSError: the file cannot be read.
        ImageDataError: as for `decode_image`, or the file is larger than an image of `max_pixels` can be.
    """
    data = image_bytes(path, max_pixels)
    return Photograph(decode_image(data, upright=True, max_pixels=max_pixels), exif_orientation(memoryview(data)))


def image_bytes(path: Path, max_pixels: int = MAX_PIXELS) -> bytes:
    """The bytes of an image file.

    Raises:
        OSError: the file cannot be read.
        ImageTooLargeError: it is larger than an image of `max_pixels` can be.
    """
    size = path.stat().st_size
    if size > max(_BYTES_PER_PIXEL * max_pixels, _SMALL_FILE):
        raise ImageTooLargeError(f"a file of {size / 1e6:.0f} MB is larger than any picture of {_mpx(max_pixels)}")
    return path.read_bytes()


def write_image(path: Path, image: AnyArray) -> None:
    """Write `image` (H, W, 3) uint8 RGB, or (H, W) of 8 or 16 bits, in the format given by the suffix of `path`.

    Raises:
        OSError: the file cannot be written; nothing of it is left.
        ImageDataError: OpenCV does not write this format or size.
    """
    ordered = image[..., ::-1] if image.ndim == 3 else image
    try:
        done, data = cv2.imencode(path.suffix, np.ascontiguousarray(ordered))
    except cv2.error as error:
        raise ImageDataError(f"{path}: OpenCV does not write this image: {error.err}") from None
    if not done:
        raise ImageDataError(f"{path}: OpenCV does not write this image of {image.shape[1]}x{image.shape[0]}")
    write_whole(path, data.tobytes())


def decode_image(data: Any, *, upright: bool, max_pixels: int = MAX_PIXELS) -> ImageArray:
    """Decode an image to (H, W, 3) uint8 RGB.

    Args:
        data: bytes, or any buffer of bytes, of an image file.
        upright: True applies the EXIF orientation, for photographs. False keeps the sensor's pixel order, to which
            a camera calibration refers.
        max_pixels: larger images are rejected by their header, before memory is allocated.

    Raises:
        ImageDataError: there are no bytes, OpenCV cannot read them, the JPEG is truncated, or the image is too large.
    """
    image = _decoded(data, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION, max_pixels)
    return np.asarray(cv2.cvtColor(_turned_as_wanted(image, data, upright), cv2.COLOR_BGR2RGB), np.uint8)


def decode_grey(data: Any, max_pixels: int = MAX_PIXELS) -> ImageArray:
    """Decode an image to (H, W) uint8 brightness, not turned; a Bayer mosaic stays one. Errors as `decode_image`."""
    image = _decoded(data, cv2.IMREAD_GRAYSCALE | cv2.IMREAD_IGNORE_ORIENTATION, max_pixels)
    return np.asarray(_turned_as_wanted(image, data, upright=False), np.uint8)


def decode_as_stored(data: Any, max_pixels: int = MAX_PIXELS) -> AnyArray:
    """Decode an image file with its stored data type and channels, such as 16-bit depth.

    Colours come in OpenCV's order, BGR. Errors as `decode_image`.
    """
    return _decoded(data, cv2.IMREAD_UNCHANGED, max_pixels)


def _decoded(data: Any, flags: int, max_pixels: int) -> AnyArray:
    if memoryview(data).nbytes == 0:
        raise ImageDataError("an image of 0 bytes; copy it again")
    size = image_size(memoryview(data).cast("B"))
    _check_size(size, max_pixels)
    for kind, is_cut_off in (("JPEG", is_jpeg_cut_off), ("PNG", is_png_cut_off)):
        if is_cut_off(data):
            raise ImageDataError(f"this {kind} is cut off after {memoryview(data).nbytes} bytes; copy it again")
    if size is None:  # its size could not be refused
        raise ImageDataError(_NO_IMAGE)
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error as error:
        raise ImageDataError(f"OpenCV does not read this image: {error.err}") from None
    if image is None:
        raise ImageDataError(_NO_IMAGE)
    return image


def _check_size(size: Size | None, max_pixels: int) -> None:
    if size is not None and size[0] * size[1] > max_pixels:
        raise ImageTooLargeError(
            f"the header says {size[0]}x{size[1]} pixels ({_mpx(size[0] * size[1])}), at most {_mpx(max_pixels)} are "
            "taken; make it smaller or allow more pixels"
        )


def _mpx(pixels: int) -> str:
    return f"{pixels / 1e6:.1f} megapixels"


def _turned_as_wanted(image: AnyArray, data: Any, upright: bool) -> AnyArray:
    """What OpenCV decoded from `data`, upright or as stored: it turns a TIFF whatever it is told, and no other file."""
    header = memoryview(data).cast("B")
    if upright == is_tiff(header):
        return image
    orientation = exif_orientation(header)
    return _turned(image, orientation if upright else _BACK.get(orientation, orientation))


def _turned(image: AnyArray, orientation: int) -> AnyArray:
    mirror, quarters = _TURNS.get(orientation, (False, 0))
    return np.ascontiguousarray(np.rot90(image[:, ::-1] if mirror else image, quarters))
