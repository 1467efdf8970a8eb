"""A network without its pixel branch, to measure in the same run what pixels change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from metrichmsr_ros.body.engine import BodyEngine
from metrichmsr_ros.hmr.config import ModelConfig
from metrichmsr_ros.hmr.engine import HMREngine
from metrichmsr_ros.hmr.estimate import EstimateFromPixels, HMREstimate
from metrichmsr_ros.hmr.inputs import CropInputs
from metrichmsr_ros.people.blazepose.networks import BlazePose
from metrichmsr_ros.pipeline.pipeline import Pipeline
from metrichmsr_ros.pipeline.views import Augmentation, heavier
from metrichmsr_ros.runtime.workers import Workers


class LandmarksAlone:
    """An `HMREngine` that says that it reads no maps, so that nobody asks its pixel branch.

    Args:
        engine: the whole network.
    """

    def __init__(self, engine: HMREngine) -> None:
        self._engine = engine

    @property
    def config(self) -> ModelConfig:
        """The network's configuration without the branch."""
        config = self._engine.config
        return replace(config, image_encoder=replace(config.image_encoder, kind="blazepose"))

    @property
    def weights_sha256(self) -> str:
        """Of the whole network."""
        return self._engine.weights_sha256

    @property
    def cuts_crops(self) -> bool:
        """As the whole network."""
        return self._engine.cuts_crops

    @property
    def about(self) -> Mapping[str, str]:
        """What runs the whole network."""
        return self._engine.about

    def __call__(self, views: CropInputs, is_mirrored: NDArray[np.bool_]) -> HMREstimate:
        """The landmarks' estimate."""
        return self._engine(views, is_mirrored)

    def from_pixels(self, views: CropInputs, is_mirrored: NDArray[np.bool_]) -> EstimateFromPixels:
        """Nothing: a network over landmarks has no pixel branch."""
        raise NotImplementedError("a network over landmarks has no pixel branch")


def without_pixels(
    engine: HMREngine, body: BodyEngine, test_time_augmentation: Augmentation, num_threads: int | None = None
) -> Pipeline:
    """The same networks but the pixel branch, on a CPU and without the scene's depth.

    Args:
        engine: the whole network. body: the body model of its estimates.
        test_time_augmentation: as for `Pipeline`.
        num_threads: calls of networks at the same time; None: one after another.
    """
    blazepose = BlazePose()
    return Pipeline(
        LandmarksAlone(engine),
        body,
        blazepose,
        test_time_augmentation=test_time_augmentation,
        load_heavy=lambda: heavier(blazepose),
        workers=None if num_threads is None else Workers(num_threads),
    )
