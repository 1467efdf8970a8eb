"""Training of the refiner: batches are correct and reproducible, and a few steps reduce the loss."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from helpers.layouts.scenes import write_prox

from metrichmsr_ros.assets import AssetError, config_path, model_path
from metrichmsr_ros.config import ConfigError
from metrichmsr_ros.data.formats.labels import LabelError
from metrichmsr_ros.depth.calibration.network import Refiner
from metrichmsr_ros.depth.calibration.refiner import INPUT_CHANNELS, REFINERS, RefinerConfig
from metrichmsr_ros.depth.calibration.weights import load_refiner, save_refiner
from metrichmsr_ros.training.depth.batches import (
    draw_batch,
    draw_painted,
    draw_places,
    draw_samples,
    mirrored,
    painted_sample,
)
from metrichmsr_ros.training.depth.config import DepthTrainConfig, load_depth_config
from metrichmsr_ros.training.depth.train import DepthRun, refined_depth, train

TINY = RefinerConfig(width=64, height=48, channels=(4, 8, 8), dim=16, layers=1, heads=2)
CONFIG = DepthTrainConfig(
    model=TINY, places=3, samples=6, place_size=(96, 72), steps=4, batch_size=2, checkpoint_every=2
)


@pytest.fixture(scope="module")
def samples():
    return draw_samples(CONFIG, draw_places(CONFIG, lambda words: None), lambda words: None)


def test_a_step_is_the_same_for_the_same_seed(samples):
    first, second = draw_batch(CONFIG, samples, 5), draw_batch(CONFIG, samples, 5)
    other = draw_batch(CONFIG, samples, 6)
    assert torch.equal(first.channels, second.channels)
    assert not torch.equal(first.channels, other.channels)
    assert first.channels.shape == (2, INPUT_CHANNELS, 48, 64)
    assert first.base.shape == first.truth.shape == first.valid.shape == (2, 1, 72, 96)
    for tensor in vars(first).values():
        assert torch.isfinite(tensor).all()


def test_painted_places_teach_the_shape_of_the_scene_alone():
    """Depth of the right shape at half the scale is its own target; people's surfaces replace theirs."""
    place = draw_places(dataclasses.replace(CONFIG, places=1, place_size=(192, 144)), lambda words: None)[0]
    _, base, truth, valid, *_ = painted_sample(TINY, place, (place.depth / 2).astype(np.float32))
    scene = valid[0] > 0
    assert scene.any()
    assert not scene[place.part <= -2].any()
    np.testing.assert_allclose(truth[0][scene].astype(float), base[0][scene].astype(float), rtol=0.01)


def test_painted_places_are_seen_by_the_real_fastdepth():
    try:
        model_path("fastdepth.onnx")
    except AssetError as error:
        pytest.skip(f"FastDepth is not fetched: {error}")
    config = dataclasses.replace(CONFIG, painted=2)
    drawn, again = (draw_painted(config, lambda words: None) for _ in range(2))
    assert 1 <= len(drawn) <= 2
    assert drawn[0][1].shape == (1, 72, 96)
    np.testing.assert_array_equal(drawn[0][0], again[0][0])
    assert draw_painted(CONFIG, lambda words: None) == []


def test_training_starts_from_given_weights_of_the_same_size(samples, tmp_path):
    path = tmp_path / "start.safetensors"
    first = Refiner(TINY)
    save_refiner(path, first)
    run = DepthRun(dataclasses.replace(CONFIG, start=str(path), seed=5), samples)
    for name, value in run.model.state_dict().items():
        torch.testing.assert_close(value, first.state_dict()[name])
    other = dataclasses.replace(CONFIG, start=str(path), model=dataclasses.replace(TINY, dim=32))
    with pytest.raises(ConfigError, match="another size"):
        DepthRun(other, samples)
    with pytest.raises(ConfigError, match=r"start: /nowhere\.safetensors is not a file; .*`metrichmsr train depth`"):
        DepthRun(dataclasses.replace(CONFIG, start="/nowhere.safetensors"), samples)


def test_an_untrained_network_gives_the_closed_form(samples):
    batch = draw_batch(CONFIG, samples, 0)
    depth, fields = refined_depth(Refiner(TINY), batch)
    assert torch.equal(fields, torch.zeros_like(fields))
    torch.testing.assert_close(depth, batch.base)


def test_a_mirrored_sample_equals_that_of_a_mirrored_camera(samples):
    """Mirroring twice gives the sample. Once, points (ray times depth) and normals change the sign of x."""
    sample = samples[0]
    for twice, once in zip(mirrored(mirrored(sample)), sample, strict=True):
        np.testing.assert_array_equal(twice, once)
    channels, flipped = sample[0].astype(np.float64), mirrored(sample)[0].astype(np.float64)
    np.testing.assert_allclose(flipped[10, :, ::-1], -channels[10])
    np.testing.assert_allclose(flipped[7, :, ::-1], -channels[7])
    np.testing.assert_allclose(flipped[[8, 9, 11]][..., ::-1], channels[[8, 9, 11]])
    assert np.diff(flipped[10], axis=1).min() > 0  # x of the rays still grows to the right


def test_a_few_steps_train_are_reported_and_write_weights(tmp_path):
    lines: list[str] = []
    weights = train(dataclasses.replace(CONFIG, output=str(tmp_path)), report=lines.append)
    assert lines[-1].startswith("step 4/4: depth")
    assert load_refiner(weights).head.weight.abs().sum() > 0


def test_a_resumed_run_repeats_the_uninterrupted_one(tmp_path, samples):
    whole, first, second = (DepthRun(CONFIG, samples) for _ in range(3))
    for _ in range(4):
        whole.step()
    for _ in range(2):
        first.step()
    first.save(tmp_path / "checkpoint.pt")
    second.resume(tmp_path / "checkpoint.pt")
    for _ in range(2):
        second.step()
    for mine, theirs in zip(whole.average.parameters(), second.average.parameters(), strict=True):
        assert torch.equal(mine, theirs)
    with pytest.raises(ConfigError, match="steps"):
        DepthRun(dataclasses.replace(CONFIG, steps=9), samples).resume(tmp_path / "checkpoint.pt")


def test_the_shipped_configuration_is_read_and_errors_name_the_key(tmp_path):
    assert load_depth_config(config_path("train/depth.yaml")).model == REFINERS["small"]
    assert load_depth_config(config_path("train/depth_painted.yaml")).painted > 0
    for text, words in (("step: 3", "did you mean 'steps'"), ("model: huge", "small, paper"), ("a: [", "a.yaml")):
        path = tmp_path / "a.yaml"
        path.write_text(text)
        with pytest.raises(ConfigError, match=words):
            load_depth_config(path)


def test_prox_frames_become_places(tmp_path):
    """The sensor's depth and body index, unmirrored and stretched; people's depth has a small error, like estimates."""
    _, _, sensor = write_prox(tmp_path)
    body = np.full((424, 512), 255, np.uint8)
    body[100:400, 200:300] = 2
    index = Path(str(sensor["path"]).replace("Depth", "BodyIndex"))
    index.parent.mkdir()
    cv2.imwrite(str(index), np.fliplr(body))
    config = dataclasses.replace(CONFIG, places=0, prox=str(tmp_path), prox_frames=5, place_size=(256, 212))
    (place,) = draw_places(config, lambda words: None)
    seen = body[::2, ::2] == 2
    np.testing.assert_array_equal(place.anchor.person == 2, seen)
    expected = np.where(sensor["depth"] > 0, sensor["depth"], np.nan)[::2, ::2]
    np.testing.assert_allclose(place.depth, expected, rtol=1e-3)
    ratio = (place.anchor.depth / place.depth)[place.anchor.mask]
    assert ratio == pytest.approx(ratio[0], rel=1e-5)
    assert abs(np.log(ratio[0])) < 0.2
    assert 0.8 * seen.sum() < place.anchor.mask.sum() < seen.sum()
    samples = draw_samples(config, [place], lambda words: None)
    assert torch.isfinite(draw_batch(config, samples, 0).base).all()
    index.unlink()
    with pytest.raises(LabelError, match="BodyIndex"):
        draw_places(config, lambda words: None)
