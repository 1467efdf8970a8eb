"""Predicted people and the probability that they cover a place, against sampling and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from scipy.stats import ncx2

from metrichmsr_ros.people.tracking.fixed_frame import PeopleInFrame, PeopleMotion
from metrichmsr_ros.people.tracking.occupancy import (
    BODY_RADIUS_M,
    OFFSETS_S,
    covered,
    floor_ellipses,
    occupancy,
    predict,
)

DENSITY = 0.25


def moving(rng, count):
    roots = rng.normal(0, 0.3, (count, 6, 6))
    covariances = roots @ roots.transpose(0, 2, 1) + 0.01 * np.eye(6)
    positions = rng.normal(0, 3, (count, 3))
    found = PeopleInFrame(
        tuple(f"p{n}" for n in range(count)),
        positions,
        covariances[:, :3, :3],
        np.tile([0.0, 0, 0, 1], (count, 1)),
        np.tile(0.04 * np.eye(3), (count, 1, 1)),
        np.ones(count),
        np.zeros(count, bool),
    )
    return PeopleMotion(found, rng.normal(0, 1, (count, 3)), covariances)


def test_predictions_are_those_of_drawn_walks():
    """Walks in small steps of random acceleration, from states drawn of the covariance."""
    rng = np.random.default_rng(1)
    motion = moving(rng, 2)
    prediction = predict(motion, DENSITY)
    assert prediction.offsets_s.tolist() == [0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5]
    step, draws = 0.025, 40_000
    for person in range(2):
        mean = np.concatenate([motion.people.positions[person], motion.velocities[person]])
        walk = rng.multivariate_normal(mean, motion.covariances[person], draws)
        for number in range(61):
            if number % 10 == 0:
                at = number // 10
                np.testing.assert_allclose(prediction.positions[at, person], walk[:, :3].mean(axis=0), atol=0.03)
                np.testing.assert_allclose(prediction.covariances[at, person], np.cov(walk[:, :3].T), atol=0.06)
            kick = rng.normal(0, np.sqrt(DENSITY * step), (draws, 3))
            walk[:, :3] += walk[:, 3:] * step + kick * step / 2
            walk[:, 3:] += kick


def test_covariances_grow():
    spread = predict(moving(np.random.default_rng(2), 3), DENSITY).covariances
    later = np.linalg.eigvalsh(spread[-1] - spread[0])
    assert (np.trace(spread, axis1=-2, axis2=-1)[-1] > np.trace(spread, axis1=-2, axis2=-1)[0]).all()
    assert later.max() > 0.5


@pytest.mark.parametrize("std", [0.02, 0.1, 0.3, 1.0, 2.5])
def test_round_uncertainty_is_the_noncentral_chi_squared(std):
    places = np.array([[0.0, 0.0], [0.2, 0.1], [0.0, 0.45], [-1.0, 0.4]])
    exact = ncx2.cdf((BODY_RADIUS_M / std) ** 2, 2, (np.linalg.norm(places, axis=1) / std) ** 2)
    np.testing.assert_allclose(covered(places, np.full(2, std), BODY_RADIUS_M), exact, atol=2e-3)


def test_long_ellipses_are_those_of_sampling():
    stds, places = np.array([0.08, 0.6]), np.array([[0.0, 0.0], [0.2, 0.0], [0.1, 0.8], [0.5, 0.0]])
    drawn = np.random.default_rng(3).normal(0, 1, (400_000, 2)) * stds
    sampled = [(np.linalg.norm(drawn - place, axis=1) < BODY_RADIUS_M).mean() for place in places]
    np.testing.assert_allclose(covered(places, stds, BODY_RADIUS_M), sampled, atol=4e-3)


def test_points_follow_the_ellipse_at_the_height_of_the_hips():
    motion = moving(np.random.default_rng(4), 2)
    prediction = predict(motion, DENSITY)
    points, shares = occupancy(prediction)
    assert points.shape == (len(OFFSETS_S), 2, 37, 3)
    np.testing.assert_array_equal(points[..., 0, :], prediction.positions)  # the first is the person's own place
    np.testing.assert_array_equal(points[..., 2], np.broadcast_to(prediction.positions[..., None, 2], shares.shape))
    assert (shares[..., 0] >= shares.max(axis=-1) - 1e-6).all()
    rng, at, person = np.random.default_rng(5), 4, 1
    drawn = rng.multivariate_normal(
        prediction.positions[at, person, :2], prediction.covariances[at, person, :2, :2], 300_000
    )
    sampled = [(np.linalg.norm(drawn - place, axis=1) < BODY_RADIUS_M).mean() for place in points[at, person, ::6, :2]]
    np.testing.assert_allclose(shares[at, person, ::6], sampled, atol=4e-3)


def test_ellipses_have_the_covariances_axes():
    turn = Rotation.from_euler("z", 0.7).as_matrix()
    stds, axes = floor_ellipses(turn @ np.diag([0.5, 0.1, 0.3]) ** 2 @ turn.T)
    np.testing.assert_allclose(stds, [0.1, 0.5])
    np.testing.assert_allclose(np.abs(axes[:, 1]), [np.cos(0.7), np.sin(0.7)])
    assert np.linalg.det(axes) == pytest.approx(1)


def test_nobody_covers_nothing():
    points, shares = occupancy(predict(moving(np.random.default_rng(0), 0), DENSITY))
    assert points.shape == (7, 0, 37, 3)
    assert shares.shape == (7, 0, 37)
