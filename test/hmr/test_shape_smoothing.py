"""Shapes over time: the mean of a track's estimates, and positions that keep the image of the body."""

from __future__ import annotations

import numpy as np
import roma
import torch
from helpers.simulated_people import simulate

from metrichmsr_ros.hmr.network.heads import covariance
from metrichmsr_ros.hmr.network.model import HMROutput
from metrichmsr_ros.hmr.shape_smoothing import MEMORY, ShapeSmoother, with_shapes


def estimate_of(truth, betas):
    deviation = torch.full((len(truth), 2), 0.1)
    return HMROutput(
        rotmats=roma.rotvec_to_rotmat(truth.pose.reshape(-1, 24, 3)),
        betas=betas,
        transl=truth.transl,
        transl_cov=covariance(truth.transl, deviation),
        transl_deviation=deviation,
        expert_share=torch.zeros(len(truth), 0, 0),
        load_balance=torch.tensor(1.0),
    )


def test_the_shape_is_the_mean_of_a_persons_estimates(body):
    truth = simulate(body, 2).truth
    guesses = torch.randn(5, 2, 10, generator=torch.Generator().manual_seed(0))
    steady = ShapeSmoother(body)
    for count, betas in enumerate(guesses, start=1):
        found = steady(estimate_of(truth, betas), ["a", "b"])
        torch.testing.assert_close(found.betas, guesses[:count].mean(0), atol=1e-5, rtol=0)
    steady.forget_all_but({"b"})
    found = steady(estimate_of(truth, guesses[0]), ["a", "b"])
    torch.testing.assert_close(found.betas[0], guesses[0, 0])
    assert not torch.allclose(found.betas[1], guesses[0, 1])


def test_people_of_a_new_size_move_so_that_their_image_stays(body):
    truth = simulate(body, 20).truth
    before = estimate_of(truth, truth.betas)
    betas = truth.betas.clone()
    betas[:, 0] += 0.5  # stature
    growth = body.height(betas) / body.height(truth.betas)
    after = with_shapes(before, betas, growth, body)
    scale = growth.numpy()
    np.testing.assert_allclose(after.transl.numpy(), scale[:, None] * truth.transl.numpy(), rtol=1e-5)  # same ray
    np.testing.assert_allclose(
        after.transl_cov.numpy(), scale[:, None, None] ** 2 * before.transl_cov.numpy(), rtol=1e-4
    )
    spans = []
    for output in (before, after):
        joints = body.joints(output.betas, output.rotmats, output.transl)
        seen = joints[..., :2] / joints[..., 2:]
        spans.append((seen - seen[:, :1]).norm(dim=-1).mean(1))
    ratio = (spans[1] / spans[0]).numpy()
    assert np.abs(ratio - 1).max() < 0.03, "the size in the image stays; only proportions differ"


def test_a_mean_of_many_estimates_still_follows_new_ones(body):
    truth = simulate(body, 1).truth
    steady = ShapeSmoother(body)
    zero, one = torch.zeros(1, 10), torch.ones(1, 10)
    for _ in range(3 * MEMORY):
        steady(estimate_of(truth, zero), ["a"])
    for _ in range(3 * MEMORY):
        found = steady(estimate_of(truth, one), ["a"])
    assert found.betas.min() > 0.9
