"""Crops that a device cuts equal those of OpenCV."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from helpers.one_device import META
from helpers.pixel_views import VIT
from hypothesis import given, settings
from hypothesis import strategies as st

from metrichmsr_ros.config import build
from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.geometry.crop import crop_matrix, warp_crop
from metrichmsr_ros.hmr.config import ModelConfig
from metrichmsr_ros.hmr.inputs import UncutCrops, inputs_from_boxes
from metrichmsr_ros.hmr.network.batch import CropBatch
from metrichmsr_ros.hmr.network.cutting import cut, cut_on
from metrichmsr_ros.hmr.network.engine import TorchEngine
from metrichmsr_ros.hmr.network.execution.compiled import CompiledNetwork
from metrichmsr_ros.hmr.network.execution.packing import estimate_of
from metrichmsr_ros.hmr.network.model import MetricHMR
from metrichmsr_ros.pipeline.poses import PoseEstimator

CPU = torch.device("cpu")
SIZE = (48, 64)


def smooth_image(width=160, height=120):
    """Colours that change by less than three grey levels a pixel, because OpenCV rounds positions to 1/32 pixel."""
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    channels = [128 + 100 * np.sin(x / 40 + k) * np.cos(y / 50 - k) for k in range(3)]
    return np.stack(channels, axis=-1).round().astype(np.uint8)


@settings(deadline=None, max_examples=40)
@given(
    centre=st.tuples(st.floats(-30, 190), st.floats(-30, 150)),
    side=st.floats(15, 300),
    rotation=st.floats(-3.2, 3.2),
)
def test_crops_equal_those_of_opencv(centre, side, rotation):
    image = smooth_image()
    matrix = crop_matrix(centre, (side * SIZE[0] / SIZE[1], side), SIZE, rotation)
    ours = 255 * cut_on(CPU, UncutCrops(image, matrix[None]), SIZE)[0].permute(1, 2, 0).numpy()
    theirs = warp_crop(image, matrix, SIZE).astype(np.float64)
    x, y = np.meshgrid(np.arange(SIZE[0]), np.arange(SIZE[1]))
    source = np.stack([x, y, np.ones_like(x)], axis=-1) @ np.linalg.inv(matrix)[:2].T
    outside = np.abs(source - np.clip(source, 0, (159, 119))).max(-1)
    edge = (outside > 0) & (outside < 1.1)  # the colour falls to black within a pixel: 1/32 pixel are 7 grey levels
    assert np.abs(ours - theirs)[~edge].max(initial=0) <= 1.5
    assert np.abs(ours - theirs).max() <= 10


def test_the_corners_of_the_image_land_on_the_corners_of_a_crop_of_its_size():
    image = np.random.default_rng(0).integers(0, 256, (64, 48, 3), np.uint8)
    crop = cut_on(CPU, UncutCrops(image, np.eye(3)[None]), SIZE)[0]
    np.testing.assert_allclose(255 * crop.permute(1, 2, 0).numpy(), image, atol=1e-2)


def test_nothing_is_made_on_the_host():
    crops = cut(torch.zeros(3, 20, 30, device=META), torch.zeros(5, 2, 3, device=META), SIZE)
    assert crops.device == META
    assert crops.shape == (5, 3, 64, 48)


@pytest.mark.parametrize("count", [0, 1, 3])
def test_any_number_of_people(count):
    assert cut_on(CPU, UncutCrops(smooth_image(), np.tile(np.eye(3), (count, 1, 1))), SIZE).shape == (count, 3, 64, 48)


def two_people(leaves_uncut):
    boxes = np.array([[20.0, 10, 60, 100], [90, 30, 150, 118]])
    camera = Camera(160, 120, np.array([[150.0, 0, 79.5], [0, 150, 59.5], [0, 0, 1]]))
    return inputs_from_boxes(smooth_image(), boxes, camera, SIZE, leaves_uncut=leaves_uncut)


def test_a_batch_of_uncut_crops_is_that_of_cut_ones():
    cut_here, uncut = two_people(False), two_people(True)
    assert uncut.image is None
    ours, theirs = CropBatch.of(uncut), CropBatch.of(cut_here)
    assert (ours.image - theirs.image).abs().max() <= 1.5 / 255
    assert torch.equal(ours.crop_intrinsics, theirs.crop_intrinsics)


def test_people_are_chosen_and_joined_with_their_crops():
    cut_here, uncut = two_people(False), two_people(True)
    second = CropBatch.of(uncut.select(np.array([1])))
    assert (second.image - CropBatch.of(cut_here).image[1:]).abs().max() <= 1.5 / 255
    joined = uncut.joined(cut_here)
    np.testing.assert_array_equal(joined.image, np.concatenate([cut_here.image, cut_here.image]))
    np.testing.assert_array_equal(uncut.cut().image, cut_here.image)
    assert CropBatch.of(joined).image.shape == (4, 3, 64, 48)


@pytest.mark.parametrize("compiles", [False, True])
def test_a_network_estimates_the_same_from_uncut_crops(compiles):
    pytest.importorskip("transformers")
    torch.manual_seed(0)
    model = MetricHMR(build(ModelConfig, VIT["paper"])).eval()
    straight = np.zeros(2, np.bool_)
    expected = TorchEngine(model)(two_people(False), straight)
    if compiles:
        found = estimate_of(CompiledNetwork(model, CPU, backend="eager").plain(two_people(True)))
    else:
        found = TorchEngine(model)(two_people(True), straight)
    np.testing.assert_allclose(found.transl, expected.transl, atol=5e-3)
    np.testing.assert_allclose(found.rotmats, expected.rotmats, atol=5e-3)
    assert not np.array_equal(found.transl, expected.transl)  # they were cut in another way


class Noting:
    """An engine that notes whether crops of pixels are left to it."""

    def __init__(self, cuts_crops):
        self.cuts_crops, self.config = cuts_crops, build(ModelConfig, VIT["paper"])


@pytest.mark.parametrize("cuts_crops", [False, True])
def test_the_pipeline_leaves_crops_to_engines_that_cut_them(cuts_crops):
    person = SimpleNamespace(bbox=lambda: np.array([20.0, 10, 60, 100]))
    camera = Camera(160, 120, np.array([[150.0, 0, 79.5], [0, 150, 59.5], [0, 0, 1]]))
    inputs = PoseEstimator(Noting(cuts_crops)).batch(smooth_image(), [person], camera)
    assert (inputs.uncut is not None) == cuts_crops
    assert (inputs.image is None) == cuts_crops


def test_only_other_devices_than_the_cpu_cut():
    pytest.importorskip("transformers")
    assert not TorchEngine(MetricHMR(build(ModelConfig, VIT["paper"]))).cuts_crops
    assert TorchEngine(MetricHMR(build(ModelConfig, VIT["paper"])).to(META), META).cuts_crops
