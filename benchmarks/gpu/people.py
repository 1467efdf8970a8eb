"""Rendered people as the input of any preset's network."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from itertools import islice

import numpy as np

from benchmarks.graphs.pictures import rendered_pictures
from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.hmr.config import ModelConfig
from metrichmsr_ros.hmr.inputs import CropInputs, crop_inputs
from metrichmsr_ros.people.blazepose.landmarks import LandmarkSet
from metrichmsr_ros.pipeline.pipeline import Pipeline
from metrichmsr_ros.types import ImageArray

Found = tuple[ImageArray, LandmarkSet, Camera]
_MOST_PICTURES = 40


def rendered_people(count: int, seed: int = 0) -> list[Found]:
    """People whom the default preset finds in rendered pictures, each with picture and camera.

    Raises:
        AssetError: BlazePose was not fetched; names the command that does.
        RuntimeError: too few are found.
    """
    pipeline = Pipeline.from_preset("embedded", test_time_augmentation="none")
    people: list[Found] = []
    for image, camera in islice(rendered_pictures(seed), _MOST_PICTURES + 10 * count):
        people += [(image, person.landmarks, camera) for person in pipeline.estimate(image, camera).people]
        if len(people) >= count:
            return people[:count]
    raise RuntimeError(f"{len(people)} of {count} people were found in rendered pictures")


def inputs_of(config: ModelConfig, people: Sequence[Found], count: int | None = None) -> CropInputs:
    """The input of `config`'s network, `count` rows: everybody in turn, again from the first where that is more."""
    parts = [crop_inputs(config, image, [landmarks], camera) for image, landmarks, camera in people]
    rows = np.arange(count if count is not None else len(people)) % len(people)
    return reduce(CropInputs.joined, parts).select(rows)
