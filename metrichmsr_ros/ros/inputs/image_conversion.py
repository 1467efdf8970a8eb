"""Images of sensor_msgs as RGB arrays: by cv_bridge where ROS is whole and it gives the same, else by OpenCV itself.

Any NumPy, any OpenCV from 4.6 to 5.0; `bridge.py` says what cv_bridge converts. The functions read the fields of a
message and need no ROS. Compressed images are decoded without cv_bridge, which takes a JPEG that is cut off for whole,
leaves a 16-bit PNG as it is, and does not read `format`, where image_transport names Bayer patterns and RGB order.

Encodings are those of
`sensor_msgs/image_encodings.hpp` that carry a picture; depth (`16UC1`, `32FC1`) and signed formats do not and are
refused. YUV is taken as ITU-R BT.601 studio range, as OpenCV and most cameras do. 16-bit pictures are scaled by
255/65535.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from metrichmsr_ros.errors import MetricHMRError
from metrichmsr_ros.image_io import ImageDataError, decode_grey, decode_image
from metrichmsr_ros.ros.inputs.bridge import rgb_by_cv_bridge
from metrichmsr_ros.types import AnyArray, ImageArray


class ConversionError(MetricHMRError, ValueError):
    """A message that holds no picture we can read; the text names the field, its value and the remedy."""


@dataclass(frozen=True)
class _Packed:
    """One plane of interleaved pixels: bits per number, numbers per pixel, OpenCV code to RGB (None: is RGB)."""

    bits: int
    channels: int
    code: int | None


def _packed_layouts() -> dict[str, _Packed]:
    # OpenCV names a Bayer pattern by the second row's second and third pixel, ROS by the first row's first two.
    bayer = {"rggb": cv2.COLOR_BayerBG2RGB, "bggr": cv2.COLOR_BayerRG2RGB,
             "gbrg": cv2.COLOR_BayerGR2RGB, "grbg": cv2.COLOR_BayerGB2RGB}  # fmt: skip
    layouts = {}
    for bits in (8, 16):
        layouts[f"rgb{bits}"] = _Packed(bits, 3, None)
        layouts[f"rgba{bits}"] = _Packed(bits, 4, cv2.COLOR_RGBA2RGB)
        layouts[f"bgr{bits}"] = layouts[f"{bits}UC3"] = _Packed(bits, 3, cv2.COLOR_BGR2RGB)
        layouts[f"bgra{bits}"] = layouts[f"{bits}UC4"] = _Packed(bits, 4, cv2.COLOR_BGRA2RGB)
        layouts[f"mono{bits}"] = _Packed(bits, 1, cv2.COLOR_GRAY2RGB)
        layouts |= {f"bayer_{name}{bits}": _Packed(bits, 1, code) for name, code in bayer.items()}
    layouts["8UC1"] = layouts["mono8"]  # 16UC1 is no mono16: REP-118 gives it to depth in millimetres
    layouts["yuv422"] = layouts["uyvy"] = _Packed(8, 2, cv2.COLOR_YUV2RGB_UYVY)
    layouts["yuv422_yuy2"] = layouts["yuyv"] = _Packed(8, 2, cv2.COLOR_YUV2RGB_YUY2)
    return layouts


_PACKED = _packed_layouts()
_SEMI_PLANAR = {"nv12": cv2.COLOR_YUV2RGB_NV12, "nv21": cv2.COLOR_YUV2RGB_NV21}
# Y, U, V in [0, 255] and 1 -> R, G, B (BT.601, studio range), for NV24, which OpenCV does not read.
_YUV_TO_RGB = np.array([[1.164, 0.0, 1.596], [1.164, -0.391, -0.813], [1.164, 2.018, 0.0]])
_YUV_TO_RGB = np.hstack([_YUV_TO_RGB, -_YUV_TO_RGB @ np.array([[16.0], [128.0], [128.0]])])

SUPPORTED_ENCODINGS = (*sorted(_PACKED), *sorted(_SEMI_PLANAR), "nv24")


def image_from_message(message: Any) -> ImageArray:
    """`sensor_msgs/Image` -> HWC uint8 RGB (H, W, 3).

    Rows padded by `step`, and big-endian 16-bit numbers, are honoured. An unpadded `rgb8` image is returned as a view
    of the message's own buffer; treat it as read-only.

    Raises:
        ConversionError: no size, a `step` or `data` too short for it, or an encoding that is no picture.
    """
    encoding = message.encoding
    if message.width == 0 or message.height == 0:
        raise ConversionError(f"image is {message.width}x{message.height}: the driver publishes empty images")
    if encoding in _PACKED:
        return _from_packed(message, _PACKED[encoding])
    if encoding in _SEMI_PLANAR or encoding == "nv24":
        return _from_semi_planar(message)
    hint = " (a depth encoding: remap `image` to the colour stream)" if encoding in ("16UC1", "32FC1") else ""
    raise ConversionError(
        f"encoding {encoding!r} is not a picture we can read{hint}; supported: " + ", ".join(SUPPORTED_ENCODINGS)
    )


def _from_packed(message: Any, layout: _Packed) -> ImageArray:
    pixels = _plane(message, layout)
    if layout.channels == 2 and message.width % 2:
        raise ConversionError(f"encoding {message.encoding!r} needs an even width, got {message.width}")
    bridged = rgb_by_cv_bridge(message, layout.channels * layout.bits // 8)
    if bridged is not None:
        return bridged
    if layout.bits == 16:
        pixels = cv2.convertScaleAbs(np.ascontiguousarray(pixels, dtype=np.uint16), alpha=255.0 / 65535.0)
        pixels = pixels.reshape(message.height, message.width, layout.channels)
    if layout.code is None:
        return np.ascontiguousarray(pixels)
    return _cvt_color(pixels, layout.code, message.encoding)


def _plane(message: Any, layout: _Packed) -> AnyArray:
    """View of the pixels (H, W, C), skipping the padding at the end of each row."""
    dtype = np.dtype("u1") if layout.bits == 8 else np.dtype(">u2" if message.is_bigendian else "<u2")
    row = message.width * layout.channels * dtype.itemsize
    if message.step < row:
        raise ConversionError(
            f"step {message.step} is less than a row of {message.width} {message.encoding} pixels ({row} bytes)"
        )
    needed = message.step * (message.height - 1) + row  # some drivers leave the padding of the last row out
    if len(message.data) < needed:
        raise ConversionError(
            f"data has {len(message.data)} bytes, {message.width}x{message.height} {message.encoding} with step "
            f"{message.step} needs {needed}: the message is truncated"
        )
    shape = (message.height, message.width, layout.channels)
    strides = (message.step, layout.channels * dtype.itemsize, dtype.itemsize)
    return np.ndarray(shape, dtype, buffer=message.data, strides=strides)


def _from_semi_planar(message: Any) -> ImageArray:
    """NV12, NV21 (chroma at half size), NV24 (chroma at full size): a plane of Y, then one of interleaved U and V."""
    width, height, full = message.width, message.height, message.encoding == "nv24"
    if not full and (width % 2 or height % 2):
        raise ConversionError(f"encoding {message.encoding!r} needs an even size, got {width}x{height}")
    rows = height * 3 if full else height * 3 // 2
    # image_encodings counts two channels for these, so some drivers write step = 2 * width over planes without padding.
    stride = message.step if len(message.data) >= message.step * rows else width
    if message.step < width or len(message.data) < stride * rows:
        raise ConversionError(
            f"data has {len(message.data)} bytes and step {message.step}, {width}x{height} {message.encoding} needs "
            f"{width * rows} bytes and a step of at least {width}: the message is truncated"
        )
    planes = np.frombuffer(message.data, np.uint8, count=stride * rows).reshape(rows, stride)
    if not full:
        return _cvt_color(np.ascontiguousarray(planes[:, :width]), _SEMI_PLANAR[message.encoding], message.encoding)
    chroma = planes[height:].reshape(height, 2 * stride)[:, : 2 * width].reshape(height, width, 2)
    return np.asarray(cv2.transform(np.dstack([planes[:height, :width], chroma]), _YUV_TO_RGB), dtype=np.uint8)


def _cvt_color(pixels: AnyArray, code: int, encoding: str) -> ImageArray:
    try:
        return np.asarray(cv2.cvtColor(pixels, code), dtype=np.uint8)
    except cv2.error as error:
        height, width = pixels.shape[:2]
        raise ConversionError(f"OpenCV cannot read a {width}x{height} {encoding} image: {error.err}") from error


def image_from_compressed(message: Any) -> ImageArray:
    """`sensor_msgs/CompressedImage` (JPEG, PNG and what else OpenCV decodes) -> HWC uint8 RGB (H, W, 3).

    `format` is read as image_transport writes it: `rgb8; jpeg compressed bgr8` names the encoding of the raw image and
    that of the compressed one. EXIF orientation is ignored, because CameraInfo speaks of the sensor's pixels.

    Raises:
        ConversionError: empty, cut off or undecodable data, or the compressed form of a depth image.
    """
    raw, _, compressed = message.format.partition(";")
    if "compressedDepth" in message.format:
        raise ConversionError(f"format {message.format!r} is a depth image: remap `image` to the colour stream")
    if len(message.data) == 0:
        raise ConversionError("compressed image without data")
    bayer = raw.strip() if raw.startswith("bayer_") and "compressed bayer_" in compressed else None
    try:
        pixels = decode_grey(message.data) if bayer else decode_image(message.data, upright=False)
    except ImageDataError as error:
        size = len(message.data)
        raise ConversionError(
            f"compressed image ({message.format!r}, {size} bytes) cannot be decoded: {error}"
        ) from None
    if bayer:
        return _cvt_color(pixels, _PACKED[bayer.replace("16", "8")].code or 0, bayer)
    if "compressed rgb" in compressed:  # encoded in RGB order on purpose: what was taken for BGR was RGB already
        return np.ascontiguousarray(pixels[..., ::-1])
    return pixels
