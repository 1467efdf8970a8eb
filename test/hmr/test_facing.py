"""The vote of views on where people face: closed forms, and properties over random votes."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from metrichmsr_ros.body.joints import MIRROR_JOINTS
from metrichmsr_ros.body.torch_engine import TorchBody
from metrichmsr_ros.hmr.estimate import HMREstimate, unit
from metrichmsr_ros.hmr.facing import front_of, majority, reflected

AHEAD = np.array([0, 0, 1], np.float32)


def fronts(*degrees):
    """Unit vectors at these angles about the vertical; 0 faces the camera."""
    angle = np.deg2rad(np.array(degrees, np.float32))
    return np.stack([np.sin(angle), np.zeros_like(angle), -np.cos(angle)], axis=-1)


def vote(degrees, weights, person=None):
    who, sight = np.zeros(len(degrees), int) if person is None else np.array(person), np.tile(AHEAD, (len(degrees), 1))
    return majority(fronts(*degrees), sight, np.array(weights, np.float32), who).tolist()


def test_the_front_of_a_body_that_faces_the_camera_points_at_the_camera():
    rotmats = np.tile(np.diag([1.0, -1.0, -1.0]), (2, 24, 1, 1))
    np.testing.assert_array_equal(front_of(rotmats), [[0, 0, -1]] * 2)


VOTES = {
    "all agree": ([0, 10, -15, 5], [1.0, 1.0, 2.0, 2.0], [True] * 4),
    "the first view is wrong": ([180, 5, 0, -5], [1.0, 1.0, 2.0, 2.0], [False, True, True, True]),
    "heavy views win over full ones": ([180, 170, 0, 5], [1.0, 1.0, 2.0, 2.0], [False, False, True, True]),
    "one heavy view is wrong": ([0, 5, 180, -5], [1.0, 1.0, 2.0, 2.0], [True, True, False, True]),
    "a tie goes to the heavier view": ([180, 175, 0], [1.0, 1.0, 2.0], [False, False, True]),
    "a tie of equal views goes to the first": ([0, 180], [1.0, 1.0], [True, False]),
    "obliquely reflected": ([125, 60, 62], [1.0, 1.0, 2.0], [False, True, True]),
    "noise about the side": ([80, 95, 100], [1.0, 1.0, 2.0], [True, True, True]),
    "one view": ([180], [1.0], [True]),
}


@pytest.mark.parametrize(("degrees", "weights", "kept"), VOTES.values(), ids=VOTES)
def test_the_heaviest_cluster_of_agreeing_views_wins(degrees, weights, kept):
    assert vote(degrees, weights) == kept


def test_people_vote_for_themselves_alone():
    """Two people whose views are interleaved get what each gets alone."""
    rng = np.random.default_rng(0)
    for _ in range(50):
        degrees, weights = rng.uniform(-180, 180, 8), rng.choice([1.0, 2.0], 8)
        person = np.array([0, 1, *rng.integers(0, 2, 6)])
        together = np.array(vote(degrees.tolist(), weights.tolist(), person.tolist()))
        for one in (0, 1):
            rows = person == one
            assert vote(degrees[rows].tolist(), weights[rows].tolist()) == together[rows].tolist()


def test_a_majority_on_one_side_wins_whatever_the_order():
    """Views with more than half the weight are kept, their reflections are not."""
    rng = np.random.default_rng(1)
    for _ in range(100):
        true = rng.uniform(-50, 50) + rng.choice([0.0, 180.0])
        degrees = np.concatenate([true + rng.uniform(-10, 10, 3), 180 - true + rng.uniform(-10, 10, 2)])
        order = rng.permutation(5)
        assert vote(degrees[order].tolist(), [1.0] * 5) == (order < 3).tolist()


def test_turning_the_camera_changes_no_vote():
    turn = np.array([[math.cos(1.0), -math.sin(1.0), 0.0], [math.sin(1.0), math.cos(1.0), 0.0], [0.0, 0.0, 1.0]])
    front, weight = fronts(170, 10, 200, 30), np.array([1, 1, 2, 2], np.float32)
    sight, person = np.tile(AHEAD, (4, 1)), np.zeros(4, int)
    turned = majority(front @ turn.T, sight @ turn.T, weight, person)
    assert turned.tolist() == majority(front, sight, weight, person).tolist()


def test_a_reflected_body_has_the_same_outlines_far_away(body):
    """Joints of the reflection, left and right swapped, project onto the same pixels at a long distance; and it is its
    own inverse."""
    engine, rng = TorchBody(body), np.random.default_rng(0)
    rotmats = Rotation.from_rotvec(0.4 * rng.normal(size=(72, 3))).as_matrix().reshape(3, 24, 3, 3).astype(np.float32)
    transl = np.array([[0, 0, 400], [120, 30, 400], [-60, 0, 300]], np.float32)
    seen = HMREstimate(rotmats, np.zeros((3, 10), np.float32), transl, np.zeros((3, 2), np.float32))
    other = reflected(seen)
    np.testing.assert_allclose(reflected(other).rotmats, rotmats, atol=1e-5, rtol=1e-5)
    np.testing.assert_allclose(np.linalg.det(other.rotmats), np.ones((3, 24)), atol=1e-5, rtol=1e-5)
    joints, turned = (engine.joints(one.betas, one.rotmats, one.transl) for one in (seen, other))
    turned = turned[:, list(MIRROR_JOINTS)]
    sight = unit(joints[:, :1])
    depth, turned_depth = ((points - joints[:, :1]) @ sight.swapaxes(1, 2) for points in (joints, turned))
    np.testing.assert_allclose(turned_depth, -depth, atol=0.02)
    across, turned_across = joints - joints[:, :1] - depth * sight, turned - joints[:, :1] - turned_depth * sight
    np.testing.assert_allclose(turned_across, across, atol=0.02)
