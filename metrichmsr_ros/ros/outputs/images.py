"""Images and their calibration as ROS messages."""

from __future__ import annotations

import array

import numpy as np
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.ros.messages import flat
from metrichmsr_ros.types import AnyArray


def image_message(image: AnyArray, header: Header, into: Image | None = None) -> Image:
    """(H, W, 3) uint8 -> rgb8, (H, W) float32 -> 32FC1.

    Args:
        image: colour image or depth.
        header: of the message.
        into: an already published message to reuse if it has the same size. Full HD depth takes 0.3 ms with reuse,
            0.9 ms in a new message, and 1.1 ms with cv_bridge, which cannot reuse one; the bytes are the same.
    """
    height, width = image.shape[:2]
    encoding, step = ("rgb8", 3 * width) if image.ndim == 3 else ("32FC1", 4 * width)
    if into is not None and (into.encoding, into.step, into.height) == (encoding, step, height):
        into.header = header
        np.frombuffer(into.data, np.uint8)[:] = np.ascontiguousarray(image).reshape(-1).view(np.uint8)
        return into
    message = Image(header=header, height=height, width=width, encoding=encoding, step=step)
    message.data = _bytes(image)
    return message


def camera_info_message(camera: Camera, header: Header) -> CameraInfo:
    """CameraInfo of an image without distortion: D = 0, R = 1, P = K."""
    message = CameraInfo(header=header, height=camera.height, width=camera.width, distortion_model="plumb_bob")
    message.d = array.array("d", [0.0] * 5)
    message.k = np.asarray(camera.intrinsics, np.float64).reshape(9)
    message.r = np.eye(3).reshape(9)
    message.p = np.hstack([camera.intrinsics, np.zeros((3, 1))]).reshape(12)
    return message


def _bytes(values: AnyArray) -> array.array[int]:
    return flat(np.ascontiguousarray(values).reshape(-1).view(np.uint8))
