"""Features of arms against closed forms, and what they do not depend on."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.random_landmarks import landmark_set

from metrichmsr_ros.body.joints import LANDMARK_NAMES, MIRROR_ALL_LANDMARKS
from metrichmsr_ros.people.gestures.arm_features import NUM_FEATURES, arm_features

USUAL = np.zeros(1, bool)


def of(found, is_heavy=USUAL):
    """(2, F) features of the arms of one random person."""
    return arm_features(found.crop_landmarks[None], found.world[None], found.visibility[None], is_heavy)[0]


def standing(wrist=(0.7, -0.5, 0.0)):
    """(39, 3) m, y down, z away: shoulders 0.4 m apart and 0.5 m over the hips, the left arm straight to `wrist`."""
    points = np.zeros((39, 3))
    places = {
        "left_shoulder": (0.2, -0.5, 0), "right_shoulder": (-0.2, -0.5, 0), "left_hip": (0.1, 0, 0),
        "right_hip": (-0.1, 0, 0), "left_wrist": wrist, "nose": (0.0, -0.7, -0.1),
    }  # fmt: skip
    places["left_elbow"] = (np.array(places["left_shoulder"]) + places["left_wrist"]) / 2
    for name, place in places.items():
        points[LANDMARK_NAMES.index(name)] = place
    return points


def features_of(points, scale=100.0):
    return arm_features(points[None] * scale, points[None], np.ones((1, 39)), USUAL)[0]


def test_the_mirrored_person_has_the_features_of_the_other_arm():
    found, order = landmark_set(3), list(MIRROR_ALL_LANDMARKS)
    flip = np.array([-1.0, 1.0, 1.0])
    mirrored = arm_features(
        (found.crop_landmarks[order] * flip)[None],
        (found.world[order] * flip)[None],
        found.visibility[order][None],
        USUAL,
    )[0]
    np.testing.assert_allclose(mirrored, of(found)[::-1], atol=1e-4)


def test_place_and_size_do_not_matter():
    found = landmark_set(5)
    moved = arm_features(
        (found.crop_landmarks * 1.7 + (30, -20, 5))[None],
        (found.world * 0.6 + (1, 2, 3))[None],
        found.visibility[None],
        USUAL,
    )[0]
    np.testing.assert_allclose(moved, of(found), atol=2e-4, rtol=1e-4)


def test_features_of_a_person_who_stands_straight_are_those_of_a_drawing():
    left = features_of(standing())[0]
    assert left.shape == (NUM_FEATURES,)
    values = left[-(2 + 5 * 3 + 1) :]  # how straight in image and space; elbow, wrist, index; left; up; heavy
    np.testing.assert_allclose(values[:2], 1.0, atol=1e-5)  # straight
    np.testing.assert_allclose(values[2:8], [0.5, 0, 0, 1.0, 0, 0], atol=1e-6)  # elbow and wrist outwards, in trunks
    np.testing.assert_allclose(values[11:17], [1, 0, 0, 0, -1, 0], atol=1e-6)  # left and up in the crop's axes
    assert values[17] == 0.0
    bent = features_of(standing((0.3, -0.7, 0.0)))[0]
    assert not np.allclose(left, bent)


def test_who_saw_it_is_a_feature():
    found = landmark_set(1)
    usual, heavy = of(found), of(found, np.ones(1, bool))
    assert (usual[:, -1], heavy[:, -1]) == (pytest.approx(0.0), pytest.approx(1.0))
    np.testing.assert_array_equal(usual[:, :-1], heavy[:, :-1])


def test_a_body_without_extent_has_finite_features():
    assert np.isfinite(features_of(np.zeros((39, 3)))).all()


def test_every_person_of_a_batch_has_the_features_that_they_have_alone():
    people = [landmark_set(seed) for seed in range(4)]
    heavy = np.array([True, False, True, False])
    together = arm_features(
        np.stack([one.crop_landmarks for one in people]),
        np.stack([one.world for one in people]),
        np.stack([one.visibility for one in people]),
        heavy,
    )
    for row, one in enumerate(people):
        np.testing.assert_array_equal(together[row], of(one, heavy[[row]]))
