"""Depth metrics against a per-pixel loop and hand-computed cases."""

from __future__ import annotations

import math

import numpy as np
import pytest

from metrichmsr_ros.evaluation import metrics


def test_depth_errors_equal_the_loop():
    random = np.random.default_rng(0)
    truth = random.uniform(0.5, 12, size=(20, 30))
    predicted = truth * random.uniform(0.5, 2.2, size=truth.shape)
    truth[random.random(truth.shape) < 0.1] = 0.0
    truth[0, 0] = np.nan
    predicted[random.random(truth.shape) < 0.1] = np.nan
    mask = random.random(truth.shape) < 0.8
    relative, absolute, square, close = [], [], [], [0, 0, 0]
    counted = 0
    for p, t, m in zip(predicted.ravel(), truth.ravel(), mask.ravel(), strict=True):
        if not (m and 0 < t <= 10.0):
            continue
        counted += 1
        if math.isnan(p):
            continue
        relative.append(abs(p - t) / t)
        absolute.append(abs(p - t))
        square.append((p - t) ** 2)
        for k in range(3):
            close[k] += max(p / t, t / p) < 1.25 ** (k + 1)
    errors = metrics.depth_errors(predicted, truth, mask, metrics.DepthProtocol(max_depth=10.0))
    n = len(relative)
    assert errors.pixels == n
    assert errors.coverage == pytest.approx(n / counted)
    assert errors.abs_rel == pytest.approx(sum(relative) / n)
    assert errors.mae == pytest.approx(sum(absolute) / n)
    assert errors.rmse == pytest.approx(math.sqrt(sum(square) / n))
    assert [errors.delta1, errors.delta2, errors.delta3] == pytest.approx([c / n for c in close])


def test_depth_errors_by_hand():
    errors = metrics.depth_errors([[2.0, 5.0]], [[2.0, 4.0]])
    assert (errors.abs_rel, errors.mae) == pytest.approx((0.125, 0.5))
    assert errors.rmse == pytest.approx(math.sqrt(0.5))
    assert errors.delta1 == 0.5  # 5/4 is exactly 1.25, and the bound is strict
    assert errors.delta2 == 1.0


def test_clamping_is_part_of_the_protocol():
    protocol = metrics.DepthProtocol(max_depth=10.0, clamp_prediction=True)
    assert metrics.depth_errors([[50.0]], [[10.0]], protocol=protocol).mae == 0.0
    assert metrics.depth_errors([[50.0]], [[10.0]], protocol=metrics.DepthProtocol(max_depth=10.0)).mae == 40.0


def test_depth_errors_raise_for_maps_that_cannot_be_compared():
    with pytest.raises(metrics.MetricInputError, match="differ in shape"):
        metrics.depth_errors(np.ones((2, 2)), np.ones((2, 3)))
    with pytest.raises(metrics.MetricInputError, match="4 true depths are valid, none is predicted"):
        metrics.depth_errors(np.full((2, 2), np.nan), np.ones((2, 2)))
    with pytest.raises(metrics.MetricInputError, match="mask"):
        metrics.depth_errors(np.ones((2, 2)), np.ones((2, 2)), mask=np.ones(4))
    with pytest.raises(metrics.MetricInputError, match="no depth maps"):
        metrics.mean_depth_errors([])


def test_every_image_has_the_same_weight():
    small = metrics.depth_errors(np.full((1, 1), 2.0), np.full((1, 1), 1.0))
    large = metrics.depth_errors(np.full((9, 9), 1.0), np.full((9, 9), 1.0))
    mean = metrics.mean_depth_errors([small, large])
    assert (mean.mae, mean.abs_rel, mean.delta1, mean.pixels) == (0.5, 0.5, 0.5, 82)
