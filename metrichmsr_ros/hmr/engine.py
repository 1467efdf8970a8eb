"""What runs the network: arrays in, arrays out. The pipeline knows networks by this interface alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from metrichmsr_ros.hmr.config import ModelConfig
from metrichmsr_ros.hmr.estimate import EstimateFromPixels, HMREstimate
from metrichmsr_ros.hmr.inputs import CropInputs


class HMREngine(Protocol):
    """One network, ready to run.

    Views are of the original image. Those marked are shown to the network mirrored, and its answer is mirrored back, so
    that all answers are in coordinates of the original image.
    """

    @property
    def config(self) -> ModelConfig:
        """The network's configuration."""

    @property
    def weights_sha256(self) -> str:
        """Hex sha256 of the weights file; empty for a network that is in no file."""

    @property
    def cuts_crops(self) -> bool:
        """Whether crops of pixels may be left uncut, for the engine's device to cut: see `CropInputs.uncut`."""

    @property
    def about(self) -> Mapping[str, str]:
        """What runs the network, for diagnostics: device, precision, compilation."""

    def __call__(self, views: CropInputs, is_mirrored: NDArray[np.bool_]) -> HMREstimate:
        """One estimate a view.

        Args:
            views: N views. is_mirrored: (N,), views that are shown mirrored.
        """

    def from_pixels(self, views: CropInputs, is_mirrored: NDArray[np.bool_]) -> EstimateFromPixels:
        """What the pixel branch reads in each view; only networks whose `config.image_encoder.reads_maps`.

        Args:
            views: N views with maps. is_mirrored: as for the call.
        """
