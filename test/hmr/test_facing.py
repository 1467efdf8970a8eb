"""The vote of views on where people face: closed forms, and properties over random votes."""

from __future__ import annotations

import math

import numpy as np
import pytest
import roma
import torch

from metrichmsr_ros.body.joints import MIRROR_JOINTS
from metrichmsr_ros.hmr.facing import front_of, majority, reflected
from metrichmsr_ros.hmr.network.model import HMROutput

AHEAD = torch.tensor([0.0, 0.0, 1.0])


def fronts(*degrees):
    """Unit vectors at these angles about the vertical; 0 faces the camera."""
    angle = torch.deg2rad(torch.tensor(degrees, dtype=torch.float32))
    return torch.stack([angle.sin(), torch.zeros_like(angle), -angle.cos()], dim=-1)


def vote(degrees, weights, person=None):
    who = torch.zeros(len(degrees), dtype=torch.long) if person is None else torch.tensor(person)
    return majority(fronts(*degrees), AHEAD.expand(len(degrees), 3), torch.tensor(weights), who).tolist()


def test_the_front_of_a_body_that_faces_the_camera_points_at_the_camera():
    rotmats = torch.diag(torch.tensor([1.0, -1.0, -1.0])).expand(2, 24, 3, 3)
    torch.testing.assert_close(front_of(rotmats), torch.tensor([[0.0, 0.0, -1.0]] * 2))


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
    turn = torch.tensor([[math.cos(1.0), -math.sin(1.0), 0.0], [math.sin(1.0), math.cos(1.0), 0.0], [0.0, 0.0, 1.0]])
    front, weight = fronts(170, 10, 200, 30), torch.tensor([1.0, 1.0, 2.0, 2.0])
    sight, person = AHEAD.expand(4, 3), torch.zeros(4, dtype=torch.long)
    turned = majority(front @ turn.mT, sight @ turn.mT, weight, person)
    assert turned.tolist() == majority(front, sight, weight, person).tolist()


@torch.inference_mode()
def test_a_reflected_body_has_the_same_outlines_far_away(body):
    """Joints of the reflection, left and right swapped, project onto the same pixels at a long distance; and it is its
    own inverse."""
    torch.manual_seed(0)
    rotmats = roma.rotvec_to_rotmat(0.4 * torch.randn(3, 24, 3))
    transl = torch.tensor([[0.0, 0.0, 400.0], [120.0, 30.0, 400.0], [-60.0, 0.0, 300.0]])
    empty = torch.zeros(3, 0, 0)
    seen = HMROutput(rotmats, torch.zeros(3, 10), transl, torch.zeros(3, 3, 3), torch.zeros(3, 2), empty, empty)
    other = reflected(seen)
    torch.testing.assert_close(reflected(other).rotmats, rotmats, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(torch.linalg.det(other.rotmats), torch.ones(3, 24), atol=1e-5, rtol=1e-5)
    joints, turned = (body.joints(one.betas, one.rotmats, one.transl) for one in (seen, other))
    turned = turned[:, list(MIRROR_JOINTS)]
    sight = torch.nn.functional.normalize(joints[:, :1], dim=-1)
    depth, turned_depth = ((points - joints[:, :1]) @ sight.mT for points in (joints, turned))
    torch.testing.assert_close(turned_depth, -depth, atol=0.02, rtol=0.0)
    across, turned_across = joints - joints[:, :1] - depth * sight, turned - joints[:, :1] - turned_depth * sight
    torch.testing.assert_close(turned_across, across, atol=0.02, rtol=0.0)
