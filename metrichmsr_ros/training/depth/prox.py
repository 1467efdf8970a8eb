"""PROX frames as training places of the depth refiner: measured depth, and people from the sensor's body index.

The true depth is the depth camera's image. People are the pixels that the sensor's body index labels; their depth is
the measured one times a random error per person, like that of an estimate. No SMPL-X model is needed. Holes stay NaN.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from metrichmsr_ros.data.formats.labels import LabelError
from metrichmsr_ros.data.formats.scenes import read_prox_depth
from metrichmsr_ros.data.rendering.depth_rooms import Place
from metrichmsr_ros.depth.anchor import Anchor
from metrichmsr_ros.depth.sources.base import stretched
from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.io.images import ImageDataError, decode_as_stored, image_bytes
from metrichmsr_ros.io.texts import read_json

NOBODY = 255  # value of BodyIndex at pixels without a person
PERSON_STD = 0.04  # relative error of a person's distance
EROSION = 5  # kernel side, sensor pixels: measured depth mixes person and background at silhouettes


def prox_places(root: Path, count: int, size: tuple[int, int], rng: np.random.Generator) -> list[Place]:
    """Up to `count` frames with people in view, spread evenly over all recordings and stretched to `size`.

    Args:
        root: folder with `recordings/<recording>/{Depth,BodyIndex}/<frame>.png` and `calibration/IR.json`.
        count: number of frames. size: width, height. rng: draws the depth error of each person.

    Raises:
        LabelError: no such frames, or files that do not follow this layout.
    """
    camera = _infrared(root / "calibration" / "IR.json")
    files = sorted((root / "recordings").glob("*/Depth/*.png"))
    if not files:
        raise LabelError(f"{root}: no recordings/<recording>/Depth/<frame>.png found; name the root folder of PROX")
    chosen = files[:: max(1, len(files) // count)][:count]
    places = [_place(path, camera, size, rng) for path in chosen]
    return [place for place in places if place.people]


def _place(path: Path, camera: Camera, size: tuple[int, int], rng: np.random.Generator) -> Place:
    depth = read_prox_depth(path)
    index_path = path.parents[1] / "BodyIndex" / path.name
    try:
        stored = decode_as_stored(image_bytes(index_path))
    except (OSError, ImageDataError) as error:
        raise LabelError(f"{index_path}: missing or unreadable: {error}") from None
    if stored.shape != depth.shape:
        raise LabelError(f"{index_path}: {stored.shape} pixels, but its depth image has {depth.shape}")
    body = np.ascontiguousarray(stored[:, ::-1])  # PROX stores it mirrored, like the depth
    inside = cv2.erode((body != NOBODY).astype(np.uint8), np.ones((EROSION, EROSION), np.uint8)) > 0
    depth, body, inside = (_nearest(image, size) for image in (depth, body, inside.astype(np.uint8)))
    person = np.where(body == NOBODY, -1, body.astype(np.int32)).astype(np.int32)
    trusted = (inside > 0) & np.isfinite(depth) & (person >= 0)
    factor = np.exp(rng.normal(0, PERSON_STD, NOBODY + 1))
    human = np.where(person >= 0, depth * factor[person], np.nan).astype(np.float32)
    part = np.where(person >= 0, -2 - person, 0).astype(np.int32)
    anchor = Anchor(human, trusted.astype(np.float32), person)
    return Place(stretched(camera, *size), depth, part, anchor, len(np.unique(person[trusted])))


def _nearest(image: NDArray, size: tuple[int, int]) -> NDArray:
    return cv2.resize(image, size, interpolation=cv2.INTER_NEAREST)


def _infrared(path: Path) -> Camera:
    try:
        intrinsics = np.array(read_json(path)["camera_mtx"], np.float64)
    except (ValueError, KeyError, TypeError) as error:
        raise LabelError(f"{path} cannot be read: {error}") from error
    return Camera(512, 424, intrinsics)  # distortion of a pixel or two is ignored: the field is smooth
