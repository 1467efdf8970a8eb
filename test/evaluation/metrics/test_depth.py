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


def published(predicted, truth, mask=None, low=1e-3, high=math.inf, clamp=False):
    """Eigen et al. 2014, section 4.2, "Error metrics", over the T pixels with a truth, as sums of exact products.

    Abs relative difference 1/T sum |y - y*| / y*; RMSE (linear) sqrt(1/T sum |y - y*|^2); threshold: share of y with
    max(y / y*, y* / y) < thr. The predictions are first cut to the range where the protocol says so.
    """
    pairs = []
    for index in np.ndindex(np.shape(truth)):
        y, true = float(predicted[index]), float(truth[index])
        is_true = math.isfinite(true) and true > 0 and not (true < low or true > high)
        if is_true and (mask is None or mask[index]) and math.isfinite(y) and y > 0:
            pairs.append((min(max(y, low), high) if clamp else y, true))
    count = len(pairs)
    return {
        "abs_rel": math.fsum(abs(y - true) / true for y, true in pairs) / count,
        "mae": math.fsum(abs(y - true) for y, true in pairs) / count,
        "rmse": math.sqrt(math.fsum((y - true) ** 2 for y, true in pairs) / count),
        **{f"delta{k}": sum(y < true * 1.25**k and true < y * 1.25**k for y, true in pairs) / count for k in (1, 2, 3)},
        "pixels": count,
    }


HOLES = (np.nan, np.inf, -np.inf, 0.0, -0.0, -2.0)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
@pytest.mark.parametrize(("low", "high", "clamp"), [(1e-3, math.inf, False), (0.5, 10.0, False), (0.5, 10.0, True)])
@pytest.mark.parametrize("share", [None, 0.9, 0.02])
def test_depth_errors_equal_the_published_definitions(dtype, low, high, clamp, share):
    random = np.random.default_rng(7)
    shape = (37, 23)
    truth = np.exp(random.uniform(math.log(0.05), math.log(80), shape)).astype(dtype)
    predicted = (truth * random.lognormal(0.0, 0.5, shape)).astype(dtype)
    for depth in (truth, predicted):
        holes = random.random(shape) < 0.3
        depth[holes] = random.choice(HOLES, holes.sum())
    mask = None if share is None else random.random(shape) < share
    errors = metrics.depth_errors(predicted, truth, mask, metrics.DepthProtocol(low, high, clamp))
    for name, value in published(predicted, truth, mask, low, high, clamp).items():
        assert getattr(errors, name) == pytest.approx(value, rel=1e-12), name


def test_millimetres_in_16_bits_do_not_wrap_around():
    truth = np.array([[60_000, 1_000]], np.uint16)
    predicted = np.array([[1_000, 60_000]], np.uint16)
    errors = metrics.depth_errors(predicted, truth)
    assert (errors.mae, errors.rmse) == (59_000.0, 59_000.0)
    assert errors.abs_rel == pytest.approx((59 / 60 + 59) / 2)


@pytest.mark.parametrize("hole", HOLES)
def test_a_truth_that_was_not_measured_never_counts(hole):
    errors = metrics.depth_errors([[2.0, 3.0]], [[2.0, hole]])
    assert (errors.pixels, errors.coverage, errors.mae) == (1, 1.0, 0.0)
    errors = metrics.depth_errors([[2.0, hole]], [[2.0, 3.0]])
    assert (errors.pixels, errors.coverage, errors.mae) == (1, 0.5, 0.0)


def test_both_ends_of_the_range_belong_to_it():
    truth = np.array([[0.5, 10.0, np.nextafter(0.5, 0), np.nextafter(10.0, 11)]])
    assert metrics.depth_errors(truth, truth, None, metrics.DepthProtocol(0.5, 10.0)).pixels == 2


@pytest.mark.parametrize("mask", [np.zeros((2, 2), bool), np.array([[True, False], [False, False]])])
def test_maps_without_a_true_pixel_are_told_apart_from_maps_without_a_prediction(mask):
    truth = np.array([[np.nan, 2.0], [2.0, 2.0]])
    with pytest.raises(metrics.NoDepthError, match="0 true depths are valid") as error:
        metrics.depth_errors(np.ones((2, 2)), truth, mask)
    assert error.value.true_pixels == 0
    with pytest.raises(metrics.NoDepthError) as error:
        metrics.depth_errors(np.zeros((2, 2)), truth)
    assert error.value.true_pixels == 3
