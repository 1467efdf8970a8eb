"""Pictures of people, rendered and real, without distortion, each with its camera."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import cv2
import numpy as np

from benchmarks.real.pictures import read_pictures
from metrichmsr_ros.assets import asset_path
from metrichmsr_ros.data.rendering.crops.generator import CropMaker
from metrichmsr_ros.data.rendering.crops.picture import CropSources
from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.io.images import read_photograph
from metrichmsr_ros.types import ImageArray

Picture = tuple[ImageArray, Camera]
PHOTOGRAPH = "astronaut.jpg"
_FIELD_OF_VIEW = 0.9
_SCALES, _TURNS = (1.0, 0.85, 0.7, 1.15, 1.3), (0.0, 6.0)


def rendered_pictures(seed: int = 0) -> Iterator[Picture]:
    """Endless: crops of people whom the generator of training data draws, held-out shapes and poses."""
    maker = CropMaker(CropSources.load(None, held_out=True), held_out=True)
    for step in count():
        for crop in maker.make(seed, step):
            side = crop.picture.shape[1], crop.picture.shape[0]
            yield crop.picture, crop.camera.transformed(crop.to_picture, side)


def real_pictures(data: Path | None) -> Iterator[Picture]:
    """Those of a folder of `benchmarks.real`; None: the package's photograph ten times, scaled and turned.

    Raises:
        PictureError: the folder has no pictures, or one that cannot be used.
    """
    if data is not None:
        yield from ((picture.image, picture.camera) for picture in read_pictures(data))
        return
    photo = read_photograph(asset_path(PHOTOGRAPH)).image
    height, width = photo.shape[:2]
    camera = Camera.from_fov(width, height, _FIELD_OF_VIEW)
    for scale in _SCALES:
        for turn in _TURNS:
            matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), turn, scale)
            yield np.asarray(cv2.warpAffine(photo, matrix, (width, height)), np.uint8), camera
