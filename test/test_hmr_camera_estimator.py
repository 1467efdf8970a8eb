"""Which rule gave the intrinsics is always said, and a broken estimate falls back."""

from __future__ import annotations

import logging

import numpy as np
import pytest
import torch

from metrichmsr_ros.hmr.camera_estimator import CameraEstimator

IMAGE = np.zeros((480, 640, 3), np.uint8)


class FakeAnyCalib:
    def __init__(self, numbers):
        self.numbers = numbers

    def predict(self, image, cam_id):
        assert image.shape == (3, 480, 640)
        assert image.max() <= 1
        assert cam_id == "simple_pinhole"
        return {"intrinsics": torch.tensor(self.numbers)}


def test_long_side_without_anycalib(caplog):
    with caplog.at_level(logging.INFO):
        camera = CameraEstimator.load().estimate(IMAGE)
    assert camera.source == "long_side"
    assert camera.intrinsics[0, 0] == 640
    assert "long_side" in caplog.text


def test_anycalib_is_used_and_named():
    camera = CameraEstimator(FakeAnyCalib([512.0, 300.0, 250.0])).estimate(IMAGE)
    assert camera.source == "anycalib"
    np.testing.assert_allclose(camera.intrinsics, [[512, 0, 300], [0, 512, 250], [0, 0, 1]])
    assert (camera.width, camera.height) == (640, 480)


@pytest.mark.parametrize("numbers", [[float("nan"), 320.0, 240.0], [-5.0, 320.0, 240.0]])
def test_nonsense_falls_back(numbers):
    assert CameraEstimator(FakeAnyCalib(numbers)).estimate(IMAGE).source == "long_side"
