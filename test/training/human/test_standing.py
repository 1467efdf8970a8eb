"""Standing people: recognised in bodies posed by hand and several cameras, and drawn more often."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch
from helpers.simulated_people import SMALL_MOE, simulate

from metrichmsr_ros.body.joints import JOINT_NAMES
from metrichmsr_ros.config import build
from metrichmsr_ros.hmr.config import ModelConfig
from metrichmsr_ros.training.human.batches import LandmarkBatches
from metrichmsr_ros.training.human.config import TrainConfig
from metrichmsr_ros.training.human.standing import standing


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
