"""The network's inputs from pictures, by the real landmark network: rendered crops, and the package's photograph."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, reduce

import cv2
import numpy as np

from metrichmsr_ros.assets import asset_path
from metrichmsr_ros.data.rendering.background import Backgrounds
from metrichmsr_ros.data.rendering.crops.generator import CropMaker
from metrichmsr_ros.data.rendering.crops.picture import CropSources
from metrichmsr_ros.data.synthesis.crops.look import looks_at
from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.hmr.inputs import CropInputs, inputs_from_landmarks
from metrichmsr_ros.io.images import read_photograph
from metrichmsr_ros.people.blazepose.networks import BlazePose


@cache
def rendered_views(count: int = 100, seed: int = 0) -> CropInputs:
    """Views, with maps, of people whom the crop generator drew."""
    return reduce(CropInputs.joined, (view for _, view in zip(range(count), _rendered(seed), strict=False)))


@cache
def photographed_views() -> CropInputs:
    """Views, with maps, of the astronaut: of the photograph, smaller, larger, turned a little and mirrored."""
    photo = read_photograph(asset_path("astronaut.jpg")).image
    blazepose = BlazePose(with_maps=True)
    height, width = photo.shape[:2]
    views = []
    for scale, turn in ((1, 0), (0.7, 0), (1.3, 0), (1, 8), (1, -8)):
        matrix = np.vstack([cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), turn, scale), [0, 0, 1]])
        image = cv2.warpAffine(photo, matrix[:2], (width, height))
        camera = Camera.from_fov(width, height, 0.9)
        roi = blazepose.detect(image)[0].roi()
        for mirrored in (False, True):
            found = blazepose.landmarks(image, roi, mirrored=mirrored)
            assert found is not None
            views.append(inputs_from_landmarks([found], camera))
    return reduce(CropInputs.joined, views)


def _rendered(seed: int) -> Iterator[CropInputs]:
    rng = np.random.default_rng(seed)
    photographs = tuple(rng.integers(0, 256, (96, 128, 3), dtype=np.uint8) for _ in range(3))
    maker = CropMaker(CropSources(Backgrounds(photographs), rng.integers(0, 256, (2, 256, 256, 3), dtype=np.uint8)))
    blazepose, step = BlazePose(with_maps=True), 0
    while True:
        for crop in maker.make(seed, step):
            side = crop.picture.shape[1], crop.picture.shape[0]
            for look in looks_at(crop, blazepose, rng):
                yield inputs_from_landmarks([look.landmarks], crop.camera.transformed(crop.to_picture, side))
        step += 1
