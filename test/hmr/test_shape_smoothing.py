"""Shapes over time: the mean of a track's estimates, and positions that keep the image of the body."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.simulated_people import simulate
from scipy.spatial.transform import Rotation

from metrichmsr_ros.body.torch_engine import TorchBody
from metrichmsr_ros.hmr.estimate import HMREstimate
from metrichmsr_ros.hmr.shape_smoothing import MEMORY, ShapeSmoother, with_shapes


@pytest.fixture(scope="module")
def engine(body):
    return TorchBody(body)


def estimate_of(truth, betas):
    turns = Rotation.from_rotvec(truth.pose.reshape(-1, 3).numpy()).as_matrix().astype(np.float32)
    return HMREstimate(
        rotmats=turns.reshape(-1, 24, 3, 3),
        betas=betas,
        transl=truth.transl.numpy(),
        transl_deviation=np.full((len(truth), 2), 0.1, np.float32),
    )


def test_the_shape_is_the_mean_of_a_persons_estimates(body, engine):
    truth = simulate(body, 2).truth
    guesses = np.random.default_rng(0).normal(size=(5, 2, 10)).astype(np.float32)
    steady = ShapeSmoother(engine)
    for count, betas in enumerate(guesses, start=1):
        found = steady(estimate_of(truth, betas), ["a", "b"], 0.1 * count)
        np.testing.assert_allclose(found.betas, guesses[:count].mean(0), atol=1e-5, rtol=0)
    steady.forget_all_but({"b"})
    found = steady(estimate_of(truth, guesses[0]), ["a", "b"], 0.6)
    np.testing.assert_allclose(found.betas[0], guesses[0, 0], rtol=1e-6)
    assert not np.allclose(found.betas[1], guesses[0, 1])


def test_people_of_a_new_size_move_so_that_their_image_stays(body, engine):
    truth = simulate(body, 20).truth
    before = estimate_of(truth, truth.betas.numpy())
    betas = before.betas.copy()
    betas[:, 0] += 0.5  # stature
    scale = engine.height(betas) / engine.height(before.betas)
    after = with_shapes(before, betas, scale, engine)
    np.testing.assert_allclose(after.transl, scale[:, None] * before.transl, rtol=1e-5)  # same ray
    np.testing.assert_allclose(after.transl_cov, scale[:, None, None] ** 2 * before.transl_cov, rtol=1e-4)
    spans = []
    for output in (before, after):
        joints = engine.joints(output.betas, output.rotmats, output.transl)
        seen = joints[..., :2] / joints[..., 2:]
        spans.append(np.linalg.norm(seen - seen[:, :1], axis=-1).mean(1))
    ratio = spans[1] / spans[0]
    assert np.abs(ratio - 1).max() < 0.03, "the size in the image stays; only proportions differ"


def test_a_mean_of_many_estimates_still_follows_new_ones(body, engine):
    truth = simulate(body, 1).truth
    steady = ShapeSmoother(engine)
    zero, one = np.zeros((1, 10), np.float32), np.ones((1, 10), np.float32)
    for number in range(3 * MEMORY):
        steady(estimate_of(truth, zero), ["a"], 0.1 * number)
    for number in range(3 * MEMORY, 6 * MEMORY):
        found = steady(estimate_of(truth, one), ["a"], 0.1 * number)
    assert found.betas.min() > 0.9


@pytest.mark.parametrize("rate", [10, 30, 60])
def test_a_mean_lasts_as_long_at_any_rate_of_images(body, engine, rate):
    """Five seconds with a known shape, then one second with another: a sixth of all time."""
    truth = simulate(body, 1).truth
    steady = ShapeSmoother(engine)
    for number in range(6 * rate):
        betas = np.full((1, 10), float(number >= 5 * rate), np.float32)
        found = steady(estimate_of(truth, betas), ["a"], number / rate)
    np.testing.assert_allclose(found.betas, 1 / 6, atol=0.01)


def test_a_second_image_of_the_same_time_says_nothing_new(body, engine):
    truth = simulate(body, 1).truth
    steady = ShapeSmoother(engine)
    for value in (1.0, 3.0):
        found = steady(estimate_of(truth, np.full((1, 10), value, np.float32)), ["a"], 2.0)
    np.testing.assert_allclose(found.betas, 1.0)
