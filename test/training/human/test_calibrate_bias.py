"""Calibrated weights: adults are right in the median, and nothing else changes."""

from __future__ import annotations

import copy
import dataclasses

import numpy as np
import pytest
import torch
from helpers.simulated_people import simulate

from metrichmsr_ros.config import build
from metrichmsr_ros.hmr.checkpoint import load_model
from metrichmsr_ros.hmr.config import ModelConfig
from metrichmsr_ros.hmr.model import MetricHMR
from metrichmsr_ros.training.human.calibrate_bias import Bias, adult_bias, correct, deviation_factor, widen
from metrichmsr_ros.training.human.trainer import TrainingError
from metrichmsr_ros.training.human.validation import validate


@pytest.fixture(scope="module")
def model():
    return load_model("embedded")


def test_corrected_estimates_of_adults_are_right_in_the_median(model, body):
    people = simulate(body, 60)
    network = copy.deepcopy(model)
    for _ in range(3):
        correct(network, adult_bias(network, people, body), body)
    after = adult_bias(network, people, body)
    assert after.height == pytest.approx(1.0, abs=0.004)
    assert after.distance == pytest.approx(1.0, abs=0.01)


def test_distances_are_multiplied_and_poses_stay(model, body):
    people = simulate(body, 8)
    network = copy.deepcopy(model)
    correct(network, Bias(height=1.03, distance=1.02), body)
    with torch.inference_mode():
        before, after = model(people.inputs), network(people.inputs)
    np.testing.assert_allclose(after.transl.numpy(), 1.02 * before.transl.numpy(), rtol=1e-4)
    torch.testing.assert_close(after.rotmats, before.rotmats)
    growth = body.height(after.betas) / body.height(before.betas)
    assert (growth - 1.03).abs().max() < 0.01


def test_widened_ellipsoids_hold_68_percent(model, body):
    people = simulate(body, 200)
    network = copy.deepcopy(model)
    widen(network, 0.2)
    assert validate(network, people, body)["coverage"] < 0.5
    widen(network, deviation_factor(network, people, body))
    assert validate(network, people, body)["coverage"] == pytest.approx(0.683, abs=0.03)


def test_people_who_do_not_stand_are_left_out(model, body):
    """A lying crowd at a third of the distance changes nothing."""
    people = simulate(body, 24)
    far = dataclasses.replace(people.truth, joints_cam=3 * people.truth.joints_cam)
    lying = dataclasses.replace(far, joints_cam=far.joints_cam[..., [1, 0, 2]])
    both = dataclasses.replace(
        people,
        inputs=people.inputs.joined(people.inputs),
        truth=type(far)(**{k: torch.cat([v, lying.tensors()[k]]) for k, v in people.truth.tensors().items()}),
        keys=people.keys * 2,
    )
    assert adult_bias(model, both, body) == adult_bias(model, people, body)


def test_sets_without_adults_and_direct_translation_are_refused(model, body):
    people = simulate(body, 4)
    small = dataclasses.replace(people.truth, betas=people.truth.betas - 5.0)
    with pytest.raises(TrainingError, match=r"stands and is taller than 1.5"):
        adult_bias(model, dataclasses.replace(people, truth=small), body)
    direct = MetricHMR(build(ModelConfig, {"head": {"translation": "direct"}}))
    with pytest.raises(TrainingError, match="crop_ray"):
        correct(direct, Bias(1.0, 1.0), body)
