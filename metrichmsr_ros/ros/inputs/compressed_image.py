"""`sensor_msgs/CompressedImage` as RGB arrays, whichever program wrote its `format`.

image_transport writes `rgb8; jpeg compressed bgr8`: the encoding of the raw image, and that of the compressed one,
which it leaves empty for grey, Bayer and depth images. Other programs write `jpeg`, `image/png` or nothing. So
`format` is used only for what the data do not contain: depth, the Bayer pattern, and channels stored as RGB.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from metrichmsr_ros.io.images import MAX_PIXELS, ImageDataError, ImageTooLargeError, decode_as_stored
from metrichmsr_ros.ros.inputs.bit_depth import BitDepth
from metrichmsr_ros.ros.inputs.conversion_errors import (
    VIDEO_REMEDY,
    ConversionError,
    is_depth,
    is_video,
    not_a_picture,
)
from metrichmsr_ros.ros.inputs.encodings import PACKED, canonical, is_bayer
from metrichmsr_ros.types import AnyArray, ImageArray

# H.264 and H.265 in Annex B, IVF (VP8, VP9, AV1), Ogg (Theora), Matroska and WebM; in MP4 a length precedes the mark.
_VIDEO_STARTS = (b"\0\0\1", b"\0\0\0\1", b"DKIF", b"OggS", b"\x1a\x45\xdf\xa3")
_MP4_MARK = b"ftyp"


def image_from_compressed(message: Any, depth: BitDepth | None = None, max_pixels: int = MAX_PIXELS) -> ImageArray:
    """JPEG, PNG and other formats of OpenCV -> HWC uint8 RGB (H, W, 3).

    EXIF orientation is ignored, because CameraInfo describes the sensor's pixels.

    Args:
        message: from rclpy or a bag.
        depth: value range of the video, for 16-bit images; None: the range of this image.
        max_pixels: larger images are refused by the size in their header.

    Raises:
        ConversionError: empty, cut off or undecodable data, an image beyond `max_pixels`, a depth image, a packet of
            video, or an unknown Bayer pattern.
    """
    _check_kind(message)
    raw, _, compressed = message.format.partition(";")
    try:
        pixels = decode_as_stored(message.data, max_pixels)
    except ImageTooLargeError as error:
        raise ConversionError(f"compressed image: {error} (max_megapixels)") from None
    except ImageDataError as error:
        size = len(message.data)
        raise ConversionError(
            f"compressed image ({message.format!r}, {size} bytes) cannot be decoded: {error}"
        ) from None
    if pixels.dtype == np.uint16:
        depth = depth or BitDepth()
        depth.see(pixels)
        pixels = depth.to_8_bits(pixels)
    elif pixels.dtype != np.uint8:
        raise ConversionError(f"format {message.format!r} has pixels of type {pixels.dtype}; publish 8 or 16 bits")
    is_rgb = "compressed rgb" in compressed.lower()  # stored as RGB, so the decoder's BGR is RGB already
    if is_rgb and pixels.ndim == 3:
        return np.ascontiguousarray(pixels[..., :3])
    return np.asarray(cv2.cvtColor(pixels, _to_rgb(pixels, raw)), np.uint8)


def _check_kind(message: Any) -> None:
    start = bytes(memoryview(message.data)[:16])
    if is_depth(message.format):
        raise ConversionError(not_a_picture("format", message.format))
    if is_video(message.format) or start.startswith(_VIDEO_STARTS) or start[4:8] == _MP4_MARK:
        raise ConversionError(f"format {message.format!r}: {VIDEO_REMEDY}")
    if len(message.data) == 0:
        raise ConversionError("compressed image without data")


def _to_rgb(pixels: AnyArray, raw: str) -> int:
    """OpenCV's code to convert a decoded image to RGB.

    Args:
        pixels: (H, W) grey or a mosaic, (H, W, 3) BGR, (H, W, 4) BGRA.
        raw: encoding of the image before compression. A Bayer image with three channels was converted before.

    Raises:
        ConversionError: a mosaic with an unknown pattern.
    """
    if pixels.ndim == 3:
        return cv2.COLOR_BGR2RGB if pixels.shape[2] == 3 else cv2.COLOR_BGRA2RGB
    if not is_bayer(raw):
        return cv2.COLOR_GRAY2RGB
    layout = PACKED.get(canonical(raw))
    if layout is None or layout.code is None:
        raise ConversionError(f"{raw.strip()!r} is not a Bayer pattern; supported: bayer_rggb8, bggr8, gbrg8 and grbg8")
    return layout.code
