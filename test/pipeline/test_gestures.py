"""Gestures over the whole path on real networks: a rendered person raises a hand, then points; and a single image."""

from __future__ import annotations

import math

import numpy as np
import pytest
from helpers.fetched_networks import skip_without_blazepose

from metrichmsr_ros.data.mocap.acts.arm_poses import arm, pointing
from metrichmsr_ros.data.mocap.acts.scripts import Act, ArmScript
from metrichmsr_ros.data.synthesis.walkers import WALKERS, Walker
from metrichmsr_ros.data.synthesis.walking_sequence import WalkingSequence, level_camera
from metrichmsr_ros.pipeline.pipeline import Pipeline
from metrichmsr_ros.pipeline.scene import OutputRequest

LEAN = OutputRequest(vertices=False, depth=False)
AHEAD = np.array([0.8, 0.0, 0.6])
SCRIPT = ArmScript(
    (
        Act("raised", ("left",), 1.0, 2.2, 0.4, (arm((0.5, 0.7, 0.2), (0.0, 1.0, 0.1)),)),
        Act("pointing", ("left",), 3.2, 4.6, 0.4, (pointing(AHEAD),), direction=AHEAD),
    ),
    is_standing=True,
)
PERSON = Walker("anna", WALKERS[0].betas, WALKERS[0].outfit, (3.5, 0.0), math.pi, 0.0, pace=0.0, arms=SCRIPT)

skip_without_blazepose()


@pytest.fixture(scope="module")
def pipeline():
    return Pipeline.from_preset("embedded", test_time_augmentation="none")


@pytest.fixture(scope="module")
def frames():
    pose = level_camera((0.0, 0.0, 1.2), 0.0)
    return list(WalkingSequence(24, 5.0, walkers=(PERSON,), camera_path=lambda progress: pose))


def test_gestures_come_with_the_people_of_a_video(pipeline, frames):
    pipeline.reset()
    said = {}
    for frame in frames:
        scene = pipeline.track(frame.image, frame.camera, frame.stamp_s, request=LEAN)
        said |= {round(frame.stamp_s, 1): person for person in scene.people}
    assert said[0.6].gestures == said[2.8].gestures == ()
    assert said[2.0].gestures == ("hand_raised_left",)
    assert said[4.4].gestures == ("pointing_left",)
    in_camera = AHEAD * (1, -1, -1)  # the person faces the camera: their left is the image's right, ahead is nearer
    assert said[4.4].pointing_cam @ in_camera > math.cos(math.radians(40))
    assert not said[2.0].pointing_cam.any()


def test_a_single_image_shows_poses(pipeline, frames):
    (person,) = pipeline.estimate(frames[8].image, frames[8].camera, request=LEAN).people
    assert person.gestures == ("hand_raised_left",)
