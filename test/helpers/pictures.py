"""Pictures and the messages that carry them, without ROS."""

from __future__ import annotations

import array
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np

from metrichmsr_ros.types import AnyArray, ImageArray

WIDTH, HEIGHT = 16, 12


def make_message(
    data: AnyArray,
    encoding: str,
    width: int = WIDTH,
    height: int = HEIGHT,
    step: int | None = None,
    is_bigendian: int = 0,
) -> Any:
    """A sensor_msgs/Image; None: the step follows from the data."""
    raw = np.ascontiguousarray(data).tobytes()
    return SimpleNamespace(
        encoding=encoding, width=width, height=height, is_bigendian=is_bigendian,
        step=step if step is not None else len(raw) // height, data=array.array("B", raw),
    )  # fmt: skip


def picture(seed: int = 0) -> ImageArray:
    """Noise, RGB."""
    return np.random.default_rng(seed).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)


def smooth_picture() -> ImageArray:
    """Colour changes slowly, so that chroma subsampling and demosaicing lose little."""
    v, u = np.mgrid[0:HEIGHT, 0:WIDTH]
    return np.stack([60 + 4 * u, 200 - 5 * v, 90 + 3 * u + 2 * v], axis=-1).astype(np.uint8)


def encode(image: AnyArray, extension: str, format_text: str, flags: tuple[int, ...] = ()) -> Any:
    """A sensor_msgs/CompressedImage of `image` in OpenCV's order, BGR."""
    data = cv2.imencode(extension, image, list(flags))[1]
    return SimpleNamespace(format=format_text, data=array.array("B", data.tobytes()))
