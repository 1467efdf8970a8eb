"""Why an image message is refused, in the same words for raw and compressed images."""

from __future__ import annotations

import re

from metrichmsr_ros.errors import MetricHMRError
from metrichmsr_ros.ros.inputs.encodings import DEPTH, SUPPORTED_ENCODINGS, canonical

_COMPRESSED = ("jpeg", "jpg", "mjpeg", "mjpg", "png")
_VIDEO = (
    "h264", "x264", "h265", "x265", "hevc", "avc", "av1", "libaom", "svtav1", "vp8", "vp9", "mpeg", "mp4", "theora",
    "ffmpeg", "libx264", "libx265", "libvpx", "webm",
)  # fmt: skip


class ConversionError(MetricHMRError, ValueError):
    """A message without a supported image; the text names the field, its value and the remedy."""


def not_a_picture(field: str, value: str) -> str:
    """Why images of an encoding are refused.

    Args:
        field: name of the message field with the encoding. value: its value.
    """
    hint = _hint(value) or f"supported: {', '.join(SUPPORTED_ENCODINGS)}"
    return f"{field} {value!r} is not a supported image encoding; {hint}"


def _hint(value: str) -> str:
    if not value.strip():
        return f"the driver did not set it; let it write one of {', '.join(SUPPORTED_ENCODINGS)}"
    if is_depth(value):
        return "it is a depth encoding: remap `image` from the depth image to the colour image"
    if is_video(value):
        return VIDEO_REMEDY
    if value.strip().lower() in _COMPRESSED:
        return "it is compressed: publish it as sensor_msgs/CompressedImage"
    if _is_tightly_packed(value):
        return "its pixels are packed across bytes: set the camera to 8 bits or to unpacked 16 bits"
    return ""


VIDEO_REMEDY = (
    "it is video, and a packet cannot be decoded alone: decode it first, e.g. by `ros2 run image_transport republish` "
    "with its transport as in_transport and raw as out_transport, or let the driver publish JPEG"
)


def is_depth(words: str) -> bool:
    """Whether an encoding or a format string names depth or another image of measurements."""
    return any(canonical(word) in DEPTH or word.lower() in ("compresseddepth", "rvl") for word in _split(words))


def is_video(words: str) -> bool:
    """Whether an encoding or a format string names a video codec."""
    return any(word.lower().startswith(_VIDEO) for word in _split(words.replace("_", " ")))


def _is_tightly_packed(value: str) -> bool:
    """Whether it is a packed format such as GenICam's Mono12p and Mono12Packed, and libcamera's SRGGB10_CSI2P."""
    return re.fullmatch(r".*(10|12|14)(p|g?packed|_?csi2p)", value.strip().lower()) is not None


def _split(words: str) -> list[str]:
    return [word for word in words.replace(";", " ").replace("/", " ").replace(",", " ").split() if word]
