"""Covariances of joints and the probability that they are seen."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from helpers.evidence import CAMERA, evidence, joints_of, standing
from scipy.spatial.transform import Rotation
from scipy.stats import norm

from metrichmsr_ros.body.joints import JOINT_NAMES, MIRROR_JOINTS, PARENTS
from metrichmsr_ros.geometry.quarter_turns import TurnedCamera
from metrichmsr_ros.pipeline.uncertainty.evidence import USUAL_DOUBT
from metrichmsr_ros.pipeline.uncertainty.fitted import FITTED, JOINT_INFLUENCES, JOINT_KINDS
from metrichmsr_ros.pipeline.uncertainty.joints import (
    KIND,
    joint_confidences,
    joint_covariances,
    joint_influences,
)
from metrichmsr_ros.pipeline.uncertainty.orientation import orientation_covariances
from metrichmsr_ros.pipeline.uncertainty.pose import uncertainty_from

WRIST = JOINT_NAMES.index("left_wrist")


def test_a_joint_has_its_kind_s_deviations_along_and_across_and_those_of_size():
    numbers = replace(FITTED, joint_growth=((0.0, 0.0),) * len(JOINT_INFLUENCES), size=1.5)
    known = evidence()
    covariances = joint_covariances(known, numbers)[0].astype(float)
    along, across = np.exp(numbers.joint_base[JOINT_KINDS.index("wrist")])
    sight, arm = known.sight[0].astype(float), known.relative[0, WRIST].astype(float)
    share = 1.5 * 0.2 / np.linalg.norm([0.0, -0.2, 4.0])
    outer = np.outer(sight, sight)
    expected = along**2 * outer + across**2 * (np.eye(3) - outer) + share**2 * np.outer(arm, arm)
    np.testing.assert_allclose(covariances[WRIST], expected, rtol=1e-4, atol=1e-8)


def test_both_sides_are_known_equally_well():
    assert all(KIND[joint] == KIND[mirrored] for joint, mirrored in enumerate(MIRROR_JOINTS))


def test_no_influence_makes_a_joint_better_known():
    for numbers in (FITTED.joint_growth, FITTED.orientation_growth, FITTED.swing, FITTED.turned):
        assert np.min(numbers) >= 0
    assert min(FITTED.size, FITTED.doubt, FITTED.seen_by_landmarks) >= 0
    assert np.max(FITTED.joint_growth, axis=1).min() >= 0
    assert (joint_influences(evidence(standing(place=(3.0, 0.0, 2.0)), visibility=0.3)) >= 0).all()


@pytest.mark.parametrize(("seen", "hidden"), [(0.9, 0.5), (0.5, 0.05)])
def test_hidden_joints_are_less_well_known_and_less_likely_visible(seen, hidden):
    better, worse = (uncertainty_from(evidence(visibility=value)) for value in (seen, hidden))
    assert (volume(worse.joint_cov) > volume(better.joint_cov)).all()
    assert (worse.joint_confidence < better.joint_confidence).all()


def test_joints_outside_the_image_and_small_people_are_less_well_known():
    inside = joint_covariances(evidence())
    cut = joint_covariances(evidence(standing(place=(0.0, 1.6, 4.0))))
    far = joint_covariances(evidence(standing(place=(0.0, -0.8, 16.0), transl_deviation=np.array([[0.8, 0.2]], "f"))))
    foot = JOINT_NAMES.index("left_foot")
    assert volume(cut)[0, foot] > volume(inside)[0, foot]
    assert (volume(far) > volume(inside)).all()


def test_views_that_differ_move_joints_by_their_distance_from_the_joints_that_differ():
    spread = np.zeros((1, 24), np.float32)
    spread[0, [16, 18]] = 0.1, 0.2  # left shoulder and elbow
    known = evidence(standing(spread=spread))
    joints = joints_of(standing())[0]
    upper, lower = (np.linalg.norm(joints[20] - joints[joint]) for joint in (16, 18))
    assert known.swing[0, 20] == pytest.approx(np.hypot(0.1 * upper, 0.2 * lower), rel=1e-4)
    assert known.swing[0, 21] == 0
    assert PARENTS[20] == 18
    more = joint_covariances(known) - joint_covariances(evidence())
    assert np.trace(more[0, 20]) > 0
    np.testing.assert_allclose(more[0, 21], 0, atol=1e-9)


def test_one_view_says_nothing_of_spread():
    known = evidence(standing(spread=np.full((1, 24), np.nan, np.float32)))
    assert not known.swing.any()
    assert not known.turned.any()


def test_a_doubtful_facing_adds_the_other_reading_by_its_probability():
    numbers = replace(FITTED, doubt=1.0)
    sure, doubtful = (joint_covariances(evidence(standing(doubt=np.array([p], "f"))), numbers) for p in (0, 0.25))
    joints = joints_of(standing())[0]
    relative = joints - joints[[1, 2]].mean(axis=0)
    sight = np.array([0.0, -0.2, 4.0]) / np.linalg.norm([0.0, -0.2, 4.0])
    swapped = relative[MIRROR_JOINTS[WRIST]]
    gap = swapped - 2 * sight * (sight @ swapped) - relative[WRIST]
    np.testing.assert_allclose(
        (doubtful - sure)[0, WRIST], (0.25 - USUAL_DOUBT) * np.outer(gap, gap), rtol=1e-3, atol=1e-6
    )


def test_covariances_turn_with_the_camera():
    """A camera that is rolled sees the same people rolled; nothing but the influence of the tilt may differ."""
    numbers = replace(FITTED, joint_growth=((0.0, 0.0),) * len(JOINT_INFLUENCES))
    turn = Rotation.from_euler("z", 0.4).as_matrix().astype(np.float32)
    straight = standing()
    rotmats = straight.rotmats.copy()
    rotmats[:, 0] = turn @ rotmats[:, 0]
    rest = joints_of(replace(straight, transl=straight.transl * 0))[0, 0]  # the root's joint does not turn
    moved = replace(straight, rotmats=rotmats, transl=(straight.transl + rest) @ turn.T - rest)
    size = float(np.linalg.norm(straight.transl) / np.linalg.norm(moved.transl))
    moved = replace(moved, transl_deviation=moved.transl_deviation / np.float32(size))
    first, second = joint_covariances(evidence(straight), numbers), joint_covariances(evidence(moved), numbers)
    np.testing.assert_allclose(second, turn @ first @ turn.T, rtol=2e-2, atol=2e-5)


@pytest.mark.parametrize("turns", range(4))
def test_people_in_images_of_a_camera_on_its_side_are_known_as_well_as_in_upright_ones(turns):
    """Where the top of people is known: the tilt is no longer that of people who lie."""
    turned = TurnedCamera(CAMERA, turns)
    upright = standing(place=(0.3, -0.2, 4.0))
    mounted, back = upright.rotated(turned.rotation.T, np.zeros((1, 3), np.float32)), turned.rotation.T
    first = evidence(upright, camera=turned.upright)
    second = evidence(mounted, camera=CAMERA, top=turned.top)
    for name in ("tilt", "margin", "cut", "small", "px_per_m", "visibility"):
        np.testing.assert_allclose(getattr(second, name), getattr(first, name), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(
        joint_covariances(second), back @ joint_covariances(first) @ back.T, rtol=1e-2, atol=1e-7
    )
    expected = back @ orientation_covariances(first) @ back.T
    np.testing.assert_allclose(orientation_covariances(second), expected, rtol=1e-2, atol=1e-7)


def test_the_border_halves_the_probability_that_a_joint_is_seen():
    """Against the normal distribution of the joint's pixel."""
    known = evidence()
    deviation_px = 20.0
    covariances = (
        np.tile(np.eye(3, dtype=np.float32), (1, 24, 1, 1))
        * (np.square((deviation_px - 1) / known.px_per_m)[..., None, None])
    )
    middle = joint_confidences(replace(known, margin=np.full((1, 24), 1e4, np.float32)), covariances)
    for margin in (-30.0, -10.0, 0.0, 10.0, 30.0):
        found = joint_confidences(replace(known, margin=np.full((1, 24), margin, np.float32)), covariances)
        np.testing.assert_allclose(found / middle, norm.cdf(margin / deviation_px), atol=0.02)


def test_the_margin_is_the_distance_to_the_nearest_border():
    known = evidence()
    joints = joints_of(standing())[0]
    pixels = CAMERA.project(joints) + 0.5
    expected = np.minimum(pixels, np.array(CAMERA.size) - pixels).min(axis=1)
    np.testing.assert_allclose(known.margin[0], expected, atol=1e-2)
    behind = evidence(standing(place=(0.0, 0.0, -1.0)))
    assert (behind.margin < -1e3).all()


def test_evidence_has_one_row_for_each_person():
    known = evidence(standing(3))
    assert {getattr(known, field.name).shape[0] for field in fields(known)} == {3}
    found = uncertainty_from(known)
    assert (found.joint_confidence.shape, found.joint_cov.shape) == ((3, 24), (3, 24, 3, 3))
    assert found.orientation_cov.shape == (3, 3, 3)
    for covariances in (found.joint_cov, found.orientation_cov):
        assert covariances.dtype == np.float32
        np.testing.assert_array_equal(covariances, covariances.swapaxes(-1, -2))
        assert (np.linalg.eigvalsh(covariances.astype(float)) > 0).all()
    assert ((found.joint_confidence >= 0) & (found.joint_confidence <= 1)).all()


def volume(covariances):
    """(B, 24), determinants."""
    return np.linalg.det(covariances.astype(float))
