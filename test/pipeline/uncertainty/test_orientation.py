"""Covariance of the orientation of bodies, and how uncertainty grows while somebody is hidden."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from helpers.evidence import UPRIGHT, evidence, standing

from metrichmsr_ros.pipeline.uncertainty.evidence import USUAL_DOUBT
from metrichmsr_ros.pipeline.uncertainty.fitted import FITTED, ORIENTATION_INFLUENCES
from metrichmsr_ros.pipeline.uncertainty.hidden import UNKNOWN_YAW, grown
from metrichmsr_ros.pipeline.uncertainty.orientation import body_axes, orientation_covariances
from metrichmsr_ros.pipeline.uncertainty.pose import PoseUncertainty, uncertainty_from

AHEAD = (0.0, 0.0, 4.0)
PLAIN = replace(FITTED, orientation_growth=((0.0, 0.0, 0.0),) * len(ORIENTATION_INFLUENCES), doubt=1.0)


def test_yaw_roll_and_lean_of_somebody_ahead_are_about_the_axes_of_the_camera():
    found = orientation_covariances(evidence(standing(place=AHEAD)), PLAIN)[0]
    yaw, roll, lean = np.exp(np.array(PLAIN.orientation_base)) ** 2
    np.testing.assert_allclose(found, np.diag([lean, yaw, roll]), rtol=1e-3, atol=1e-6)


def test_the_axes_are_orthonormal_also_of_somebody_who_points_at_the_camera():
    lying = standing(place=AHEAD)
    rotmats = lying.rotmats.copy()
    rotmats[:, 0] = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]])  # the head towards the feet's depth: y is along sight
    for people in (standing(place=(1.0, 0.5, 3.0)), replace(lying, rotmats=rotmats)):
        axes = body_axes(evidence(people))[0].astype(float)
        np.testing.assert_allclose(axes.T @ axes, np.eye(3), atol=1e-5)


@pytest.mark.parametrize("doubt", [0.15, 0.4])
def test_a_doubtful_facing_widens_yaw(doubt):
    """Somebody who faces the camera, or away from it: half a turn about the vertical."""
    sure = orientation_covariances(evidence(standing(place=AHEAD)), PLAIN)[0]
    doubtful = orientation_covariances(evidence(standing(place=AHEAD, doubt=np.array([doubt], "f"))), PLAIN)[0]
    np.testing.assert_allclose(doubtful - sure, np.diag([0, (doubt - USUAL_DOUBT) * np.pi**2, 0]), atol=1e-3)


def test_the_usual_doubt_is_not_stated():
    usual = orientation_covariances(evidence(standing(doubt=np.array([USUAL_DOUBT], "f"))))
    np.testing.assert_allclose(usual, orientation_covariances(evidence(standing())), atol=1e-8)


def test_a_doubt_costs_nothing_from_the_side():
    """Seen from the side, the other reading faces the same way."""
    people = standing(place=AHEAD, doubt=np.array([0.4], "f"))
    rotmats = people.rotmats.copy()
    rotmats[:, 0] = np.array([[0, 0, 1], [0, -1, 0], [1, 0, 0]])  # the chest along x
    more = orientation_covariances(evidence(replace(people, rotmats=rotmats)), PLAIN)
    sure = orientation_covariances(evidence(replace(people, rotmats=rotmats, doubt=None)), PLAIN)
    np.testing.assert_allclose(more, sure, atol=1e-5)


def test_hidden_shoulders_and_hips_widen_the_orientation():
    seen, hidden = (orientation_covariances(evidence(visibility=value)) for value in (0.95, 0.2))
    assert np.trace(hidden[0]) > np.trace(seen[0])


class TestWhileHidden:
    known = evidence(standing(place=AHEAD))
    last = PoseUncertainty(*(part[0] for part in vars(uncertainty_from(known)).values()))

    def after(self, seconds):
        return grown(self.last, self.known.relative[0], UPRIGHT, seconds)

    def test_nothing_has_grown_at_once(self):
        found = self.after(0.0)
        np.testing.assert_allclose(found.joint_cov, self.last.joint_cov, atol=1e-8)
        np.testing.assert_allclose(found.orientation_cov, self.last.orientation_cov, atol=1e-8)
        assert not found.joint_confidence.any()

    @pytest.mark.parametrize(("earlier", "later"), [(0.0, 0.1), (0.1, 0.5), (0.5, 1.5)])
    def test_every_direction_grows(self, earlier, later):
        before, after = self.after(earlier), self.after(later)
        more = np.linalg.eigvalsh((after.joint_cov - before.joint_cov).astype(float))
        assert more.min() > -1e-6
        assert (more.max(axis=1)[[4, 5, 7, 8, 20, 21]] > 1e-4).all()  # knees, ankles, wrists
        turn = (after.orientation_cov - before.orientation_cov).astype(float)
        np.testing.assert_allclose(turn, np.diag([0, turn[1, 1], 0]), atol=1e-6)
        assert turn[1, 1] > 0

    def test_yaw_ends_at_that_of_which_nothing_is_known(self):
        assert self.after(60.0).orientation_cov[1, 1] == pytest.approx(UNKNOWN_YAW, rel=1e-4)

    def test_limbs_end_where_they_are_in_another_moment_of_a_walk(self):
        late, later = self.after(30.0), self.after(60.0)
        np.testing.assert_allclose(late.joint_cov, later.joint_cov, rtol=1e-4)
