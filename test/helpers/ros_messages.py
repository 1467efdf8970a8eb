"""Messages of a camera, and what a test reads out of the node's."""

from __future__ import annotations

from typing import Any

import numpy as np
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

WIDTH, HEIGHT = 64, 48
FRAME = "cam_optical"


def stamp(seconds: float) -> Time:
    """A time in a message."""
    nanoseconds = round(seconds * 1e9)
    return Time(sec=nanoseconds // 10**9, nanosec=nanoseconds % 10**9)


def make_header(seconds: float, frame: str = FRAME) -> Header:
    """A header of this time and frame."""
    return Header(stamp=stamp(seconds), frame_id=frame)


def make_image(
    seconds: float,
    value: int = 0,
    width: int = WIDTH,
    height: int = HEIGHT,
    frame: str = FRAME,
    encoding: str = "rgb8",
) -> Image:
    """An image of three bytes a pixel, all `value`."""
    message = Image(header=make_header(seconds, frame), width=width, height=height, encoding=encoding, step=3 * width)
    message.data.frombytes(np.full(width * height * 3, value, np.uint8).tobytes())
    return message


def make_info(
    seconds: float, width: int = WIDTH, height: int = HEIGHT, frame: str = FRAME, focal: float = 50.0
) -> CameraInfo:
    """The calibration of a pinhole camera; `focal` in px."""
    message = CameraInfo(header=make_header(seconds, frame), width=width, height=height, distortion_model="plumb_bob")
    k = np.array([focal, 0, (width - 1) / 2, 0, focal, (height - 1) / 2, 0, 0, 1.0])
    message.k = k
    message.p = np.insert(k.reshape(3, 3), 3, 0.0, axis=1).reshape(12)
    message.r = np.eye(3).reshape(9)
    return message


def seconds_of(message: Any) -> float:
    """The stamp in a message's header."""
    return float(message.header.stamp.sec + message.header.stamp.nanosec * 1e-9)


def report_text(report: DiagnosticArray) -> str:
    """All values of a report on /diagnostics."""
    return " ".join(pair.value for status in report.status for pair in status.values)
