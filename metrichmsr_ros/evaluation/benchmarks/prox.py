"""PROX's recordings as a depth benchmark: color images, and the sensor's depth projected into them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from metrichmsr_ros.data.formats.labels import LabelError
from metrichmsr_ros.data.formats.scenes import prox_points, read_prox_depth
from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.io.images import ImageDataError, decode_image, image_bytes
from metrichmsr_ros.io.texts import read_json

_TIME = re.compile(r"__(\d+)\.(\d+)\.(\d+)\.(\d+)$")  # hours, minutes, seconds, milliseconds


@dataclass(frozen=True)
class ProxFrame:
    """One image with depth: `name` is like `s001_frame_00001__00.00.00.029`, `stamp_s` the time in the name, s."""

    recording: str
    name: str
    stamp_s: float


def find_frames(data: Path) -> list[ProxFrame]:
    """Images of all recordings that have depth, in order.

    Raises:
        LabelError: no images with depth in `data`, or a name without a time.
    """
    depths = sorted((data / "recordings").glob("*/Depth/*.png"))
    if not depths:
        raise LabelError(f"{data}: no recordings/<recording>/Depth/<frame>.png found; name the root folder of PROX")
    return [ProxFrame(path.parent.parent.name, path.stem, _stamp(path)) for path in depths]


def read_color(data: Path, frame: ProxFrame) -> tuple[NDArray[np.uint8], Camera]:
    """An image (H, W, 3) RGB uint8, flipped to match the calibration, and its camera with lens distortion.

    Raises:
        LabelError: image or calibration is missing or unreadable.
    """
    path = data / "recordings" / frame.recording / "Color" / f"{frame.name}.jpg"
    try:
        image = decode_image(image_bytes(path), upright=False)
    except (OSError, ImageDataError) as error:
        raise LabelError(f"{path} is missing or unreadable: {error}") from None
    file = data / "calibration" / "Color.json"
    try:
        calibration = read_json(file)
        intrinsics = np.array(calibration["camera_mtx"], np.float64)
        lens = np.array(calibration["k"], np.float64).reshape(-1)[:5]
    except (ValueError, KeyError, TypeError) as error:
        raise LabelError(f"{file} cannot be read: {error}") from error
    height, width = image.shape[:2]
    camera = Camera(width, height, intrinsics, "plumb_bob", lens) if lens.any() else Camera(width, height, intrinsics)
    return np.ascontiguousarray(image[:, ::-1]), camera


def sensor_depth(data: Path, frame: ProxFrame, camera: Camera) -> NDArray[np.float32]:
    """The sensor's points projected into a camera without distortion: depth (H, W) in metres, NaN without a point.

    A pixel takes its nearest point. The sensor has 512 x 424 pixels and is 5 cm beside the color camera: the map is
    sparse, and next to edges some pixels hold background that the color camera does not see.
    """
    depth = read_prox_depth(data / "recordings" / frame.recording / "Depth" / f"{frame.name}.png")
    points = prox_points(depth, data / "calibration")
    points = points[points[:, 2] > 0]
    columns, rows = np.rint(camera.project(points)).astype(np.int64).T
    inside = (columns >= 0) & (columns < camera.width) & (rows >= 0) & (rows < camera.height)
    nearest = np.full((camera.height, camera.width), np.inf, np.float32)
    np.minimum.at(nearest, (rows[inside], columns[inside]), points[inside, 2].astype(np.float32))
    return np.where(np.isfinite(nearest), nearest, np.float32(np.nan))


def _stamp(path: Path) -> float:
    found = _TIME.search(path.stem)
    if found is None:
        raise LabelError(f"{path}: no time in the name; PROX names frames like s001_frame_00001__00.00.00.029.png")
    hours, minutes, seconds, milliseconds = map(int, found.groups())
    return 3600.0 * hours + 60.0 * minutes + seconds + milliseconds / 1000.0
