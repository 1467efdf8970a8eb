"""People who are covered for a while: predicted, marked, and no measurement of anything."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.hidden_people import FPS, covered, hidden_walk, passing_walker
from metrichmsr_ros.data.synthesis.walking_sequence import WalkingSequence
from metrichmsr_ros.depth.sources.ground_plane import Plane
from metrichmsr_ros.pipeline.pipeline import Pipeline
from metrichmsr_ros.pipeline.scene import SceneContext

SEEN, HIDDEN = 12, 5
FLOOR = SceneContext(floor=Plane(np.array([0.0, -1.0, 0.0]), -0.95))


@pytest.fixture(scope="module")
def pipeline():
    return Pipeline.from_preset("embedded", num_threads=1, test_time_augmentation="none")


@pytest.fixture(scope="module")
def scenes(pipeline):
    """Scenes of a walk whose last images are covered; all outputs, with a floor."""
    pipeline.reset()
    frames = WalkingSequence(SEEN + HIDDEN, FPS, walkers=[passing_walker(2)])
    scenes = []
    for number, frame in enumerate(frames):
        image = frame.image if number < SEEN else covered(frame.image, frame.people[0], frame.camera)
        scenes.append(pipeline.track(image, frame.camera, frame.stamp_s, context=FLOOR))
    return scenes


@pytest.mark.parametrize("hidden_s", [0.5, 1.0, 1.5])
def test_a_walker_comes_back_where_predicted_with_the_true_velocity(pipeline, hidden_s):
    walk = hidden_walk(pipeline, 2, hidden_s)
    assert walk.keeps_id
    assert walk.is_marked
    assert walk.growth > 1.2
    assert walk.predicted_sigma < 2.0
    assert walk.return_sigma < 2.0
    assert walk.velocity_error < 0.4


def test_the_covariance_grows_and_the_confidence_falls_while_hidden(scenes):
    people = [scene.people[0] for scene in scenes[SEEN - 1 :]]
    assert [person.is_occluded for person in people] == [False] + HIDDEN * [True]
    traces = [np.trace(person.position_cov6[:3, :3]) for person in people]
    assert (np.diff(traces) > 0).all()
    assert (np.diff([person.confidence for person in people]) < 0).all()
    assert np.trace(people[-1].transl_cov) > np.trace(people[0].transl_cov)


def test_joints_and_orientation_are_less_and_less_known_while_hidden(scenes):
    people = [scene.people[0] for scene in scenes[SEEN - 1 :]]
    assert people[0].joint_confidence.max() > 0.5
    assert not any(person.joint_confidence.any() for person in people[1:])
    ankles = [np.trace(person.joint_cov[7]) for person in people]
    turns = [np.trace(person.orientation_cov) for person in people]
    assert (np.diff(ankles) > 0).all()
    assert (np.diff(turns) > 0).all()


def test_the_velocity_of_a_hidden_person_is_that_before(scenes):
    people = [scene.people[0] for scene in scenes[SEEN - 1 :]]
    for person in people[1:]:
        np.testing.assert_allclose(person.velocity_cam, people[0].velocity_cam, atol=1e-5)
    step = people[-1].transl_cam - people[1].transl_cam
    np.testing.assert_allclose(step, people[0].velocity_cam * (HIDDEN - 1) / FPS, atol=1e-4)


def test_pose_and_shape_stay_as_last_seen_and_size_is_not_measured(scenes):
    last, *hidden = (scene.people[0] for scene in scenes[SEEN - 1 :])
    assert last.scale_correction is not None
    for person in hidden:
        np.testing.assert_allclose(person.pose, last.pose, atol=1e-5)
        np.testing.assert_array_equal(person.betas, last.betas)
        assert person.scale_correction is None
        assert person.vertices_cam.shape == last.vertices_cam.shape


def test_a_hidden_person_is_not_in_the_depth_of_the_scene(scenes):
    assert np.isfinite(scenes[SEEN - 1].depth.metres).any()
    assert np.isnan(scenes[-1].depth.metres).all()  # depth here is the people's own surfaces alone


class _Behind:
    """A motion filter that predicts somebody behind the camera."""

    def predict(self, stamp_s):
        return np.array([0.1, 0.0, -0.5]), np.zeros(3), np.eye(6)


@pytest.mark.parametrize("has_filter", [True, False])
def test_whoever_is_predicted_behind_the_camera_is_left_out(pipeline, monkeypatch, has_filter):
    """Also somebody who was never estimated in front of it, and so has no filter."""
    pipeline.reset()
    frames = list(WalkingSequence(SEEN + 1, FPS, walkers=[passing_walker(2)]))
    for frame in frames[:SEEN]:
        (person,) = pipeline.track(frame.image, frame.camera, frame.stamp_s).people or (None,)
    hidden = covered(frames[-1].image, frames[-1].people[0], frames[-1].camera)
    monkeypatch.setattr(pipeline, "_filters", {person.id: _Behind()} if has_filter else {})
    assert pipeline.track(hidden, frames[-1].camera, frames[-1].stamp_s).people == []
    pipeline.reset()
