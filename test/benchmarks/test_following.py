"""What the comparison of followed people counts, on steps made from truth."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.fake_pipeline import make_person

from benchmarks.robot.costmap_scores import Step
from benchmarks.robot.following import Counts, follow
from metrichmsr_ros.data.synthesis.walking_sequence import SequenceFrame, SequencePerson, level_camera
from metrichmsr_ros.depth.engine import SceneDepth
from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.pipeline.scene import Scene

CAMERA = Camera.from_fov(640, 480, 1.2)
POSE = level_camera((0.0, 0.0, 1.0), 0.0)
NONE = np.zeros(0, np.float32)


def joints_at(place):
    in_camera = (np.array([*place, 0.9]) - POSE[:3, 3]) @ POSE[:3, :3]
    return np.tile(in_camera, (24, 1)).astype(np.float32)


def step_at(stamp, truth, found):
    """People at their true places (x, y), and estimates at theirs by id."""
    people = tuple(
        SequencePerson(name, NONE, NONE, joints_at(place)[0], joints_at(place), 1.7, 1.0)
        for name, place in truth.items()
    )
    frame = SequenceFrame(np.zeros((0, 0, 3), np.uint8), CAMERA, stamp, POSE, np.zeros((0, 0), np.float32), people)
    estimates = [
        make_person(id, joints_cam=joints_at(place), betas=np.zeros(10, np.float32), transl_cov=np.eye(3) * 0.02)
        for id, place in found.items()
    ]
    scene = Scene(stamp, CAMERA, frame.image, estimates, SceneDepth.not_requested(CAMERA))
    return Step(frame, scene, {name: np.array([*place, 0.9]) for name, place in truth.items()})


@pytest.mark.parametrize("shift", [0.0, 5.0])
def test_only_images_at_the_persons_place_are_right(shift):
    steps = [step_at(n / 10, {"anna": (4.0, 0.0), "ben": (4.0, 3.0)}, {"p1": (4.0, 0.0)}) for n in range(10)]
    steps += [step_at(n / 10, {"anna": (4.0, shift), "ben": (4.0, 3.0)}, {"p1": (4.0, 0.0)}) for n in range(10, 15)]
    counts = Counts()
    follow(steps, "anna", counts)
    if shift:  # the estimate stays where nobody is any more
        assert (counts.seen, counts.right, counts.wrong) == (10, 10, 5)
    else:
        assert (counts.seen, counts.right, counts.wrong) == (15, 15, 0)


def test_a_loss_and_a_new_id_are_counted():
    truth = {"anna": (4.0, 0.0)}
    steps = [step_at(n / 10, truth, {"p1": (4.0, 0.0)}) for n in range(10)]
    steps += [step_at(n / 10, truth, {}) for n in range(10, 20)]
    steps += [step_at(n / 10, truth, {"p2": (4.0, 0.0)}) for n in range(20, 30)]
    counts = Counts()
    follow(steps, "anna", counts)
    assert (counts.seen, counts.right, counts.losses, counts.found_again) == (20, 20, 1, 1)


def test_who_is_never_estimated_is_not_followed():
    counts = Counts()
    follow([step_at(0.0, {"anna": (4.0, 0.0)}, {"p1": (4.0, 3.0)})], "anna", counts)
    assert counts == Counts()
