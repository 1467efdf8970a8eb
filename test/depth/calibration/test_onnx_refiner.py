"""The shipped refiner's graph gives what torch gives on places outside its training set."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import torch

from metrichmsr_ros.assets import asset_path
from metrichmsr_ros.body.load import load_body
from metrichmsr_ros.data.rendering.depth_rooms import make_place
from metrichmsr_ros.data.synthesis.depth_corruptions import initial_depth
from metrichmsr_ros.depth.calibration.onnx_refiner import OnnxRefiner
from metrichmsr_ros.depth.calibration.refiner import refiner_inputs
from metrichmsr_ros.depth.calibration.weights import load_refiner
from metrichmsr_ros.depth.factory import SHIPPED_REFINER
from metrichmsr_ros.runtime.graph_file import GraphFileError
from metrichmsr_ros.runtime.weights_file import WeightsFileError

SEED = 992_500


@pytest.fixture(scope="module")
def channels():
    """(N, 14, h, w) of places with people."""
    body, config, found = load_body("open_light"), OnnxRefiner(asset_path(SHIPPED_REFINER)).config, []
    for number in range(6):
        place = make_place(np.random.default_rng(SEED + number), body, 160, 120, 1 + number % 3)
        depth = initial_depth(np.random.default_rng(number), place)
        inputs = refiner_inputs(depth, place.anchor, place.camera, config)
        assert inputs is not None
        found.append(inputs.channels)
    return np.stack(found)


@torch.inference_mode()
def test_fields_equal_torch(channels):
    refiner, truth = OnnxRefiner(asset_path(SHIPPED_REFINER)), load_refiner(asset_path(SHIPPED_REFINER))
    expected = truth(torch.from_numpy(channels)).numpy()
    assert refiner.config == truth.config
    np.testing.assert_allclose(refiner(channels), expected, rtol=0, atol=1e-5)
    np.testing.assert_allclose(refiner(channels[2:3]), expected[2:3], rtol=0, atol=1e-5)
    assert np.abs(expected).max() > 0.01


def test_a_missing_graph_names_the_command(tmp_path):
    path = shutil.copyfile(asset_path(SHIPPED_REFINER), tmp_path / "own.safetensors")
    with pytest.raises(GraphFileError, match=r"no graph own\.onnx.*metrichmsr export"):
        OnnxRefiner(path)


def test_weights_of_another_network_are_named():
    with pytest.raises(WeightsFileError, match=r"embedded\.safetensors is not a depth refiner"):
        OnnxRefiner(asset_path("embedded.safetensors"))
