"""Covariance intersection: against closed forms, a second implementation, and correlated errors."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

from metrichmsr_ros.fusion.covariance_intersection import intersect


def random_covariances(rng, count):
    roots = rng.normal(size=(count, 3, 3)) * rng.uniform(0.05, 1.0, (count, 1, 3))
    return roots @ roots.transpose(0, 2, 1) + 1e-3 * np.eye(3)


def test_one_estimate_stays_as_it_is():
    covariance = random_covariances(np.random.default_rng(0), 1)
    found = intersect(np.array([[1.0, 2.0, 3.0]]), covariance)
    np.testing.assert_allclose(found.position, [1.0, 2.0, 3.0])
    np.testing.assert_allclose(found.covariance, covariance[0])


def test_equal_estimates_gain_nothing():
    covariance = random_covariances(np.random.default_rng(1), 1)[0]
    found = intersect(np.zeros((4, 3)), np.stack([covariance] * 4))
    np.testing.assert_allclose(found.covariance, covariance)


def test_two_rays_that_cross_have_the_covariance_of_the_closed_form():
    """By symmetry both weights are one half: P^-1 = (P1^-1 + P2^-1) / 2."""
    first, second = np.diag([0.09, 0.0004, 0.0004]), np.diag([0.0004, 0.09, 0.0004])
    found = intersect(np.array([[0.3, 0.0, 0.0], [0.0, 0.3, 0.0]]), np.stack([first, second]))
    both = 2.0 / (1 / 0.09 + 1 / 0.0004)
    np.testing.assert_allclose(found.covariance, np.diag([both, both, 0.0004]), rtol=1e-9)
    shrunk = 0.3 * 0.0004 / (0.09 + 0.0004)
    np.testing.assert_allclose(found.position, [shrunk, shrunk, 0.0], atol=1e-12)


@pytest.mark.parametrize("count", [2, 3, 5, 8])
def test_the_determinant_is_that_of_a_general_minimiser(count):
    covariances = random_covariances(np.random.default_rng(count), count)
    information = np.linalg.inv(covariances)

    def log_det(raw):
        weights = np.exp(raw - raw.max())
        return -np.linalg.slogdet(np.einsum("n,nij->ij", weights / weights.sum(), information))[1]

    least = minimize(log_det, np.zeros(count), method="BFGS").fun
    found = intersect(np.zeros((count, 3)), covariances)
    assert np.linalg.slogdet(found.covariance)[1] == pytest.approx(least, abs=0.03)
    assert found.weights.sum() == pytest.approx(1.0)
    assert (found.weights >= 0).all()


@pytest.mark.parametrize("seed", range(20))
def test_the_true_covariance_is_never_larger_than_the_stated_one(seed):
    """For any correlation of the errors; as if they were independent, it would be larger."""
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(9, 4))  # few common causes: strongly correlated
    joint = root @ root.T + 0.01 * np.eye(9)
    blocks = joint.reshape(3, 3, 3, 3)
    covariances = np.stack([blocks[n, :, n] for n in range(3)])
    found = intersect(np.zeros((3, 3)), covariances)
    gains = np.einsum("ij,n,njk->ink", found.covariance, found.weights, np.linalg.inv(covariances)).reshape(3, 9)
    true = gains @ joint @ gains.T
    assert np.linalg.eigvalsh(found.covariance - true)[0] > -1e-9
