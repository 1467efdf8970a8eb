"""A network without its pixel branch, to measure in the same run what pixels change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from metrichmsr_ros.hmr.config import ModelConfig
from metrichmsr_ros.hmr.engine import HMREngine
from metrichmsr_ros.hmr.estimate import EstimateFromPixels, HMREstimate
from metrichmsr_ros.hmr.inputs import CropInputs


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
