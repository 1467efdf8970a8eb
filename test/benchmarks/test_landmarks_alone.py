"""A network without its pixel branch gives the landmarks' estimate, and nobody asks the branch."""

from __future__ import annotations

import dataclasses

import numpy as np
from helpers.simulated_people import simulate

from benchmarks.landmarks_alone import LandmarksAlone
from metrichmsr_ros.body.load import load_body
from metrichmsr_ros.hmr.estimate import EstimateFromPixels, HMREstimate
from metrichmsr_ros.hmr.inputs import CropInputs
from metrichmsr_ros.hmr.network.checkpoint import load_torch_engine
from metrichmsr_ros.hmr.pixel_fusion import with_pixels
from metrichmsr_ros.hmr.test_time_augmentation import ViewRoles


class Whole:
    """A network whose branch puts everybody 9 m away."""

    def __init__(self) -> None:
        self._engine = load_torch_engine("embedded")
        self.config, self.weights_sha256 = self._engine.config, "a"

    def __call__(self, views: CropInputs, is_mirrored: np.ndarray) -> HMREstimate:
        return self._engine(views, is_mirrored)

    def from_pixels(self, views: CropInputs, is_mirrored: np.ndarray) -> EstimateFromPixels:
        count = len(views)
        far = np.tile(np.array([0, 0, 9], np.float32), (count, 1))
        return EstimateFromPixels(far, np.full((count, 3), -9, np.float32), np.zeros((count, 10), np.float32))


def test_nobody_asks_the_branch() -> None:
    tensors = simulate(load_body("open_light"), 2).inputs.tensors()
    names = {field.name for field in dataclasses.fields(CropInputs)}
    arrays = {name: value.numpy() for name, value in tensors.items() if name in names}
    maps = {"trunk_maps": np.zeros((2, 88, 16, 16), np.float32), "decoder_maps": np.zeros((2, 288, 8, 8), np.float32)}
    views = CropInputs(**arrays, **maps, crop_size=(256, 256))
    whole, none = Whole(), np.zeros(2, np.bool_)
    alone = LandmarksAlone(whole)
    estimate = alone(views, none)
    assert alone.weights_sha256 == "a"
    assert with_pixels(alone, estimate, views, None, ViewRoles()) is estimate
    moved = with_pixels(whole, estimate, views, None, ViewRoles())
    assert not np.allclose(moved.transl, estimate.transl)
