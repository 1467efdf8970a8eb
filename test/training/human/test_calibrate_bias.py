"""Calibrated weights: adults are right in the median, nothing else changes; standing people are recognised."""

from __future__ import annotations

import copy
import dataclasses
import math

import numpy as np
import pytest
import torch
from helpers.simulated_people import SMALL_MOE, simulate

from metrichmsr_ros.body.joints import JOINT_NAMES
from metrichmsr_ros.config import build
from metrichmsr_ros.hmr.config import ModelConfig
from metrichmsr_ros.hmr.network.checkpoint import load_model
from metrichmsr_ros.hmr.network.model import MetricHMR
from metrichmsr_ros.training.human.batches import LandmarkBatches
from metrichmsr_ros.training.human.calibrate_bias import Bias, adult_bias, correct, deviation_factor, standing, widen
from metrichmsr_ros.training.human.config import TrainConfig, TrainingError
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


def joints_of(body, heading=0.0, pitch=0.0, **turns):
    """Joints (1, 24, 3) of a body that faces `heading`, seen by a camera pitched down; turns in radians about x."""
    pose = torch.zeros(24, 3)
    for name, angle in turns.items():
        pose[JOINT_NAMES.index(name), 0] = angle
    upright = torch.diag(torch.tensor([1.0, -1.0, -1.0]))
    turn = torch.tensor(
        [[math.cos(heading), 0, math.sin(heading)], [0, 1, 0], [-math.sin(heading), 0, math.cos(heading)]]
    )
    tilt = torch.tensor([[1, 0, 0], [0, math.cos(pitch), -math.sin(pitch)], [0, math.sin(pitch), math.cos(pitch)]])
    joints = body.joints(torch.zeros(1, 10), pose.reshape(1, 72), torch.zeros(1, 3))
    return joints @ (tilt @ upright @ turn).mT + torch.tensor([0.0, 0.0, 4.0])


@pytest.mark.parametrize(
    ("expected", "how"),
    [
        (True, {}),
        (True, {"heading": 2.0}),
        (True, {"pitch": 0.4}),
        (True, {"left_hip": -0.4, "right_hip": 0.3, "left_knee": 0.3}),  # a stride
        (True, {"left_shoulder": 1.0, "right_elbow": -1.5, "head": 0.6}),
        (False, {"left_hip": -1.5, "right_hip": -1.5, "left_knee": 1.5, "right_knee": 1.5}),  # sits
        (False, {"right_knee": 1.2}),
        (False, {"spine1": 0.7, "spine2": 0.5}),  # bends down
        (False, {"pitch": 1.2}),  # lies, or is seen from above
    ],
)
def test_standing_poses(body, expected, how):
    assert standing(joints_of(body, **how)).tolist() == [expected]


def test_people_who_stand_are_drawn_more_often(body, tmp_path):
    people = simulate(body, 12)
    up, down = joints_of(body), joints_of(body, left_knee=1.2)
    joints = torch.cat([up, down.expand(11, -1, -1)])
    people = dataclasses.replace(people, truth=dataclasses.replace(people.truth, joints_cam=joints))
    model = build(ModelConfig, {"moe": SMALL_MOE, "head": {"hidden": 32}})
    config = TrainConfig(model=model, train=("x",), batch_size=5, standing_repeats=3)
    batches = LandmarkBatches(config, people)
    assert len(batches) == 15
    drawn = torch.cat([batches.index(step) for step in range(3)])
    assert torch.bincount(drawn).tolist() == [4] + [1] * 11
    assert len(LandmarkBatches(dataclasses.replace(config, standing_repeats=0), people)) == 12
