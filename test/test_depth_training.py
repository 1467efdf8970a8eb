"""Training of the refiner: batches are right and repeatable, and a few steps move it the right way."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from metrichmsr_ros.body.model import load_body
from metrichmsr_ros.depth.refiner import Refiner, RefinerConfig
from metrichmsr_ros.depth.rooms import make_place
from metrichmsr_ros.training.depth import DepthTrainConfig, draw_batch, draw_places, mirrored, refined_depth, train

TINY = RefinerConfig(width=64, height=48, channels=(4, 8, 8), dim=16, layers=1, heads=2)
CONFIG = DepthTrainConfig(model=TINY, places=3, steps=3, batch_size=2)


@pytest.fixture(scope="module")
def places():
    return draw_places(CONFIG, lambda words: None)


def test_a_step_is_the_same_for_the_same_seed(places):
    first, second = draw_batch(CONFIG, places, 5), draw_batch(CONFIG, places, 5)
    other = draw_batch(CONFIG, places, 6)
    assert torch.equal(first.channels, second.channels)
    assert not torch.equal(first.channels, other.channels)
    assert first.channels.shape == (2, 7, 48, 64)
    for tensor in vars(first).values():
        assert torch.isfinite(tensor).all()


def test_an_untrained_network_gives_the_global_scale(places):
    batch = draw_batch(CONFIG, places, 0)
    depth, fields = refined_depth(Refiner(TINY), batch)
    assert torch.equal(fields, torch.zeros_like(fields))
    torch.testing.assert_close(depth, batch.scale * batch.initial)


def test_a_mirrored_place_is_the_same_place():
    place = make_place(np.random.default_rng(3), load_body("open_light"), 64, 48)
    twice = mirrored(mirrored(place))
    np.testing.assert_array_equal(twice.depth, place.depth)
    assert twice.camera.intrinsics == pytest.approx(place.camera.intrinsics)
    once = mirrored(place)
    assert (once.camera.intrinsics[[0, 1], [0, 1]] > 0).all()
    point = place.camera.back_project([10.0, 20.0], place.depth[20, 10] if np.isfinite(place.depth[20, 10]) else 1.0)
    np.testing.assert_allclose(once.camera.project(point * [-1, 1, 1]), [63 - 10.0, 20], atol=1e-9)


def test_a_few_steps_train_and_are_reported():
    lines: list[str] = []
    model = train(CONFIG, lines.append)
    assert lines[-1].startswith("step 3/3: depth")
    assert not model.training
    assert model.head.weight.abs().sum() > 0
