"""Synthetic scenes: truth agrees with the body model, and detections are matched to the right people."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from helpers.true_landmarks import TrueLandmarks, observed

from metrichmsr_ros.body.load import load_body
from metrichmsr_ros.data.rendering.background import (
    Backgrounds,
)
from metrichmsr_ros.data.synthesis.observe import observe
from metrichmsr_ros.data.synthesis.samples import sample_arrays
from metrichmsr_ros.data.synthesis.scene import SceneMaker


def test_a_scene_repeats_from_its_seed(maker, scenes):
    again = maker.make(np.random.default_rng([3, 2]))
    np.testing.assert_array_equal(again.image, scenes[2].image)
    np.testing.assert_array_equal(again.people[0].pose, scenes[2].people[0].pose)


def test_truth_is_the_body_posed_in_the_camera(scenes):
    body = load_body("open")
    for scene in scenes:
        assert scene.image.shape == (scene.camera.height, scene.camera.width, 3)
        for person in scene.people:
            rows = (
                torch.from_numpy(np.asarray(a, np.float32))[None] for a in (person.betas, person.pose, person.transl)
            )
            out = body(*rows)
            np.testing.assert_allclose(out.joints[0].numpy(), person.joints, atol=6e-3)
            landmarks = body.landmarks(out.vertices)[0].numpy()
            np.testing.assert_allclose(landmarks, person.landmarks, atol=0.03)
            assert person.joints[0] == pytest.approx(person.transl, abs=1e-5)
            assert 0 <= person.visible_fraction <= 1


def test_held_out_shapes_are_never_trained_on(maker):
    other = SceneMaker(Backgrounds(), held_out=False)
    held = {tuple(b) for b in maker._betas.round(5)}
    assert not held & {tuple(b) for b in other._betas.round(5)}


def test_detections_are_matched_to_people_and_missed_people_are_named(scenes):
    for scene, seen, missed in observed(scenes, np.random.default_rng(0)):
        shown = [i for i, p in enumerate(scene.people) if p.visible_fraction >= 0.1]
        assert sorted({o.person for o in seen} | set(missed)) == shown
        for observation in seen:
            pixels = scene.camera.project(scene.people[observation.person].landmarks)
            np.testing.assert_allclose(observation.landmarks.pixels[:33], pixels, rtol=1e-3, atol=0.5)


def test_people_found_get_the_augmented_views_of_single_images(scenes):
    networks, heavy = TrueLandmarks(), TrueLandmarks(heavy=True)
    for scene in scenes:
        networks.scene = heavy.scene = scene
        plain, _ = observe(scene, networks, np.random.default_rng(2))
        seen, missed = observe(scene, networks, np.random.default_rng(2), heavy=heavy)
        assert [(o.person, o.way) for o in seen[: len(plain)]] == [(o.person, o.way) for o in plain]
        again = seen[len(plain) :]
        assert {o.way for o in again} <= {"again"}
        assert not {o.person for o in again} & set(missed)
        arrays = sample_arrays(scene, seen, missed, 0)
        np.testing.assert_array_equal(arrays["heavy"], [o.landmarks.heavy for o in seen])
        for person in {o.person for o in plain if not _hidden_by_another(scene, o.person)}:
            assert [o.landmarks.heavy for o in again if o.person == person] == [False, True, True]


def _hidden_by_another(scene, person):
    """Whether these networks, which answer with whoever's hips are nearest to the ROI, may take one for another."""
    hips = np.stack([scene.camera.project(p.landmarks)[[23, 24]].mean(0) for p in scene.people])
    gaps = np.linalg.norm(hips - hips[person], axis=1)
    return bool((np.delete(gaps, person) < 30).any())
