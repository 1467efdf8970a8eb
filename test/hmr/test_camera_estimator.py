"""Estimated cameras name their method; implausible estimates fall back to the long-side rule."""

from __future__ import annotations

import logging
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from metrichmsr_ros.cli.predict import photo_camera
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
    np.testing.assert_allclose(camera.intrinsics, [[512, 0, 299.5], [0, 512, 249.5], [0, 0, 1]])
    assert (camera.width, camera.height) == (640, 480)


@pytest.mark.parametrize("numbers", [[float("nan"), 320.0, 240.0], [-5.0, 320.0, 240.0]])
def test_implausible_estimates_fall_back_to_the_long_side(numbers):
    assert CameraEstimator(FakeAnyCalib(numbers)).estimate(IMAGE).source == "long_side"


def test_local_weights_need_no_network(tmp_path, monkeypatch):
    """The fake loads its weights as AnyCalib does: from torch's hub folder, else from the network."""
    torch.save({"focal": torch.tensor([432.0])}, tmp_path / "mine.pt")

    class FromHub(torch.nn.Module):
        def __init__(self, model_id):
            super().__init__()
            self.focal = torch.nn.Parameter(torch.zeros(1))
            self.load_state_dict(
                torch.hub.load_state_dict_from_url(
                    f"https://nowhere.invalid/{model_id}.pt", f"{torch.hub.get_dir()}/anycalib", map_location="cpu"
                )
            )

        def predict(self, image, cam_id):
            return {"intrinsics": torch.cat([self.focal, torch.tensor([320.5, 240.5])])}

    monkeypatch.setitem(sys.modules, "anycalib", SimpleNamespace(AnyCalib=FromHub))
    before = torch.hub.get_dir()
    camera = CameraEstimator.load(str(tmp_path / "mine.pt")).estimate(IMAGE)
    assert torch.hub.get_dir() == before
    np.testing.assert_allclose(camera.intrinsics, [[432, 0, 320], [0, 432, 240], [0, 0, 1]])
    assert camera.source == "anycalib"


def test_photographs_without_a_camera_get_an_estimated_one(monkeypatch):
    monkeypatch.setattr(CameraEstimator, "load", lambda: CameraEstimator(FakeAnyCalib([512.0, 320.0, 240.0])))
    assert photo_camera(IMAGE, None, None).source == "anycalib"
    assert photo_camera(IMAGE, 60.0, None).source != "anycalib"
