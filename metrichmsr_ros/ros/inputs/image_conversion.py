"""Images of sensor_msgs as RGB arrays: by cv_bridge where it is installed and gives the same result, else by OpenCV.

Any NumPy and OpenCV 4.6 to 5.0 work; `bridge.py` lists what cv_bridge converts. The functions read the fields of a
message and need no ROS. Compressed images are decoded without cv_bridge: it accepts a truncated JPEG, keeps a 16-bit
PNG as it is, and ignores `format`, in which image_transport names Bayer patterns and RGB order.

The encodings are the colour and grey ones of `sensor_msgs/image_encodings.hpp`; depth (`16UC1`, `32FC1`) and signed
formats are refused. YUV is ITU-R BT.601 studio range, as in OpenCV and most cameras. 16-bit images are scaled by the
range that their values use.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from metrichmsr_ros.io.images import MAX_PIXELS
from metrichmsr_ros.ros.inputs.bit_depth import BitDepth
from metrichmsr_ros.ros.inputs.bridge import rgb_by_cv_bridge
from metrichmsr_ros.ros.inputs.compressed_image import image_from_compressed
from metrichmsr_ros.ros.inputs.conversion_errors import ConversionError, not_a_picture
from metrichmsr_ros.ros.inputs.encodings import PACKED, SEMI_PLANAR, SUPPORTED_ENCODINGS, Packed, canonical
from metrichmsr_ros.types import AnyArray, ImageArray

__all__ = ["SUPPORTED_ENCODINGS", "ConversionError", "image_from_compressed", "image_from_message"]


# Y, U, V in [0, 255] and 1 -> R, G, B (BT.601, studio range), for NV24, which OpenCV does not read.
_YUV_TO_RGB = np.array([[1.164, 0.0, 1.596], [1.164, -0.391, -0.813], [1.164, 2.018, 0.0]])
_YUV_TO_RGB = np.hstack([_YUV_TO_RGB, -_YUV_TO_RGB @ np.array([[16.0], [128.0], [128.0]])])


def image_from_message(message: Any, depth: BitDepth | None = None, max_pixels: int = MAX_PIXELS) -> ImageArray:
    """`sensor_msgs/Image` -> HWC uint8 RGB (H, W, 3).

    Padded rows and big-endian 16-bit values are supported; a `step` of 0 means that the driver did not set it. An
    unpadded `rgb8` image is returned as a view of the message's buffer; treat it as read-only.

    Args:
        message: from rclpy or a bag.
        depth: value range of the video, for 16-bit images; None: the range of this image.
        max_pixels: larger images are refused.

    Raises:
        ConversionError: a size of zero or beyond `max_pixels`, a `step` or `data` too short for the size, or an
            unsupported encoding.
    """
    encoding = canonical(message.encoding)
    if message.width == 0 or message.height == 0:
        raise ConversionError(f"image is {message.width}x{message.height}: the driver publishes empty images")
    if message.width * message.height > max_pixels:
        raise ConversionError(
            f"image is {message.width}x{message.height}, more than {max_pixels / 1e6:.0f} megapixels: correct its "
            "header, publish smaller images, or raise max_megapixels"
        )
    if encoding in PACKED:
        return _from_packed(message, PACKED[encoding], depth or BitDepth())
    if encoding in SEMI_PLANAR or encoding == "nv24":
        return _from_semi_planar(message, encoding)
    raise ConversionError(not_a_picture("encoding", message.encoding))


def _from_packed(message: Any, layout: Packed, depth: BitDepth) -> ImageArray:
    pixels = _plane(message, layout)
    if layout.channels == 2 and message.width % 2:
        raise ConversionError(f"encoding {message.encoding!r} needs an even width, got {message.width}")
    if layout.bits == 16:
        depth.see(pixels, layout.used_bits)
    if message.step and (layout.bits == 8 or depth.bits == 16):  # cv_bridge assumes that all 16 bits are used
        bridged = rgb_by_cv_bridge(message, layout.channels * layout.bits // 8)
        if bridged is not None:
            return bridged
    narrow = depth.to_8_bits(pixels) if layout.bits == 16 else pixels
    return np.ascontiguousarray(narrow) if layout.code is None else _cvt_color(narrow, layout.code, message.encoding)


def _plane(message: Any, layout: Packed) -> AnyArray:
    """View of the pixels (H, W, C), skipping the padding at the end of each row."""
    dtype = np.dtype("u1") if layout.bits == 8 else np.dtype(">u2" if message.is_bigendian else "<u2")
    row = message.width * layout.channels * dtype.itemsize
    step = message.step or row_bytes(message, row)
    if step < row:
        raise ConversionError(
            f"step {message.step} is less than a row of {message.width} {message.encoding} pixels ({row} bytes)"
        )
    needed = step * (message.height - 1) + row  # some drivers omit the padding of the last row
    if len(message.data) < needed:
        raise ConversionError(
            f"data has {len(message.data)} bytes, {message.width}x{message.height} {message.encoding} with step "
            f"{step} needs {needed}: the message is truncated"
        )
    shape = (message.height, message.width, layout.channels)
    strides = (step, layout.channels * dtype.itemsize, dtype.itemsize)
    return np.ndarray(shape, dtype, buffer=message.data, strides=strides)


def row_bytes(message: Any, row: int) -> int:
    """The step of an image whose `step` is 0: the data divided by the rows, at least `row` bytes.

    Raises:
        ConversionError: the data are longer than unpadded rows, and not a multiple of the number of rows.
    """
    share, rest = divmod(len(message.data), message.height)
    if share >= row and rest:
        raise ConversionError(
            f"step is 0, and data of {len(message.data)} bytes are not {message.height} equal rows: let the driver "
            "set step"
        )
    return max(share, row)


def _from_semi_planar(message: Any, encoding: str) -> ImageArray:
    """NV12, NV21 (chroma at half size), NV24 (chroma at full size): a plane of Y, then one of interleaved U and V."""
    width, height, full = message.width, message.height, encoding == "nv24"
    if not full and (width % 2 or height % 2):
        raise ConversionError(f"encoding {message.encoding!r} needs an even size, got {width}x{height}")
    rows = height * 3 if full else height * 3 // 2
    # image_encodings counts two channels for these, so some drivers write step = 2 * width over planes without padding.
    step = message.step or width
    stride = step if len(message.data) >= step * rows else width
    if step < width or len(message.data) < stride * rows:
        raise ConversionError(
            f"data has {len(message.data)} bytes and step {message.step}, {width}x{height} {message.encoding} needs "
            f"{width * rows} bytes and a step of at least {width}: the message is truncated"
        )
    planes = np.frombuffer(message.data, np.uint8, count=stride * rows).reshape(rows, stride)
    if not full:
        return _cvt_color(np.ascontiguousarray(planes[:, :width]), SEMI_PLANAR[encoding], message.encoding)
    chroma = planes[height:].reshape(height, 2 * stride)[:, : 2 * width].reshape(height, width, 2)
    return np.asarray(cv2.transform(np.dstack([planes[:height, :width], chroma]), _YUV_TO_RGB), dtype=np.uint8)


def _cvt_color(pixels: AnyArray, code: int, encoding: str) -> ImageArray:
    try:
        return np.asarray(cv2.cvtColor(pixels, code), dtype=np.uint8)
    except cv2.error as error:
        height, width = pixels.shape[:2]
        raise ConversionError(f"OpenCV cannot read a {width}x{height} {encoding} image: {error.err}") from error
