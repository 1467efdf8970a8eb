"""World and temporal metrics against loops, hand-computed cases and their invariances."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from metrichmsr_ros.evaluation import metrics

SEEDS = st.integers(0, 2**31 - 1)


def walk(seed: int, frames: int = 230) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    path = np.cumsum(random.normal(0.01, 0.02, size=(frames, 1, 3)), axis=0)
    truth = path + random.normal(size=(1, 24, 3)) * 0.4 + random.normal(size=(frames, 24, 3)) * 0.02
    drift = np.cumsum(random.normal(0, 0.004, size=(frames, 1, 3)), axis=0)
    return truth + drift + random.normal(size=truth.shape) * 0.01, truth


def similarity(source: np.ndarray, target: np.ndarray, with_scale: bool = True):
    """Least-squares similarity by SciPy's Kabsch and Horn's scale, independent of our Umeyama."""
    a, b = source - source.mean(0), target - target.mean(0)
    turn, _ = Rotation.align_vectors(b, a)
    scale = (turn.apply(a) * b).sum() / (a * a).sum() if with_scale else 1.0
    return lambda x: scale * turn.apply(x - source.mean(0)) + target.mean(0)


@pytest.mark.parametrize(
    ("frames", "tail", "expected"),
    [
        (250, "short", [(0, 100), (100, 200), (200, 250)]),
        (200, "short", [(0, 100), (100, 200)]),
        (40, "short", [(0, 40)]),
        (201, "short", [(0, 100), (100, 200), (200, 201)]),
        (250, "merge", [(0, 100), (100, 249)]),
        (301, "merge", [(0, 100), (100, 200), (200, 300)]),
        (300, "merge", [(0, 100), (100, 200)]),  # the reference loop never reaches frames 200 to 299
        (101, "merge", [(0, 100)]),
    ],
)
def test_chunks_of_both_tail_rules_by_hand(frames, tail, expected):
    assert metrics.chunk_bounds(frames, 100, tail) == expected


def test_sequences_that_are_too_short_for_a_chunk_are_refused():
    with pytest.raises(metrics.MetricInputError, match="needs more than 100 frames, got 100"):
        metrics.chunk_bounds(100, 100, "merge")
    with pytest.raises(metrics.MetricInputError, match="0 frames"):
        metrics.chunk_bounds(0)


@pytest.mark.parametrize("tail", ["short", "merge"])
@pytest.mark.parametrize(("metric", "anchor"), [(metrics.w_mpjpe, 2), (metrics.wa_mpjpe, None)])
def test_world_mpjpe_equals_the_loop(metric, anchor, tail):
    predicted, truth = walk(5)
    expected = []
    for start, end in metrics.chunk_bounds(len(truth), 100, tail):
        p, q = predicted[start:end], truth[start:end]
        fit = similarity(p[:anchor].reshape(-1, 3), q[:anchor].reshape(-1, 3))
        expected += [1000 * np.linalg.norm(fit(a) - b, axis=-1).mean() for a, b in zip(p, q, strict=True)]
    np.testing.assert_allclose(metric(predicted, truth, tail=tail), expected, rtol=1e-8)


@settings(max_examples=15, deadline=None)
@given(SEEDS, st.floats(0.2, 5.0))
def test_world_mpjpe_ignores_one_similarity_of_the_whole_prediction(seed, scale):
    predicted, truth = walk(seed, frames=130)
    moved = scale * predicted @ Rotation.random(random_state=seed).as_matrix().T + [1.0, 2.0, 3.0]
    for metric in (metrics.w_mpjpe, metrics.wa_mpjpe):
        np.testing.assert_allclose(metric(moved, truth), metric(predicted, truth), rtol=1e-5)


def test_each_chunk_is_aligned_by_itself():
    predicted, truth = walk(6, frames=200)
    predicted[100:] += [50.0, 0.0, 0.0]  # a jump exactly between two chunks has no effect
    assert metrics.mean_error(metrics.wa_mpjpe(predicted, truth)) < 100
    assert metrics.mean_error(metrics.wa_mpjpe(predicted, truth, length=200)) > 500


def test_world_mpjpe_drops_missing_frames_before_cutting():
    predicted, truth = walk(7, frames=120)
    gone = [0, 50]
    holed = predicted.copy()
    holed[gone] = np.nan
    kept = np.setdiff1d(np.arange(120), gone)
    np.testing.assert_allclose(metrics.w_mpjpe(holed, truth), metrics.w_mpjpe(predicted[kept], truth[kept]))
    with pytest.raises(metrics.MetricInputError, match="none of the 120 frames"):
        metrics.w_mpjpe(np.full_like(truth, np.nan), truth)


def test_rte_equals_the_loop():
    predicted, truth = walk(8)
    p, q = predicted[:, 0], truth[:, 0]
    fit = similarity(p, q, with_scale=False)
    walked = sum(np.linalg.norm(b - a) for a, b in itertools.pairwise(q))
    expected = [100 * np.linalg.norm(fit(a[None])[0] - b) / walked for a, b in zip(p, q, strict=True)]
    np.testing.assert_allclose(metrics.rte(p, q), expected, rtol=1e-7)


def test_rte_by_hand():
    truth = np.array([[0.0, 0, 0], [1, 0, 0], [2, 0, 0]])
    np.testing.assert_allclose(metrics.rte(truth * 2, truth), [50.0, 0.0, 50.0], atol=1e-9)  # scale is not fitted
    assert np.isnan(metrics.rte(truth, np.zeros((3, 3)))).all()
    with pytest.raises(metrics.MetricInputError, match="2 finite frames, got 1 of 1"):
        metrics.rte([[0.0, 0, 0]], [[0.0, 0, 0]])


@settings(max_examples=20, deadline=None)
@given(SEEDS)
def test_rte_ignores_rigid_motions_but_not_scale(seed):
    predicted, truth = walk(seed, frames=60)
    p, q = predicted[:, 0], truth[:, 0]
    moved = p @ Rotation.random(random_state=seed).as_matrix().T - [4.0, 0.0, 9.0]
    np.testing.assert_allclose(metrics.rte(moved, q), metrics.rte(p, q), rtol=1e-5, atol=1e-7)
    assert metrics.rte(q * 1.5, q).mean() > 1.0


def test_erve_equals_the_loop_and_ignores_heading():
    random = np.random.default_rng(9)
    p, q = np.cumsum(random.normal(size=(2, 40, 3)), axis=1)
    rp, rq = Rotation.random(40, random_state=1).as_matrix(), Rotation.random(40, random_state=2).as_matrix()
    expected = [1000 * np.linalg.norm(rq[t] @ rp[t].T @ (p[t + 1] - p[t]) - (q[t + 1] - q[t])) for t in range(39)]
    np.testing.assert_allclose(metrics.erve(rp, p, rq, q), expected, rtol=1e-10)
    heading = Rotation.from_euler("y", 70, degrees=True).as_matrix()
    np.testing.assert_allclose(metrics.erve(heading @ rq, q @ heading.T, rq, q), 0.0, atol=1e-9)


def test_jitter_by_hand():
    steps = np.arange(6.0)
    joints = np.zeros((6, 24, 3))
    joints[..., 0] = steps[:, None] ** 3  # the third difference of t^3 is 6 everywhere
    np.testing.assert_allclose(metrics.jitter(joints, fps=10.0), 6 * 10.0**3 / 10)
    joints[..., 0] = steps[:, None] ** 2
    np.testing.assert_allclose(metrics.jitter(joints), 0.0, atol=1e-6)
    with pytest.raises(metrics.MetricInputError, match="4 frames"):
        metrics.jitter(joints[:3])


def test_acceleration_error_equals_the_loop_and_trims():
    predicted, truth = walk(10, frames=12)
    expected = []
    for t in range(1, 11):
        a = predicted[t - 1] - 2 * predicted[t] + predicted[t + 1]
        b = truth[t - 1] - 2 * truth[t] + truth[t + 1]
        expected.append(np.mean([np.linalg.norm(x - y) for x, y in zip(a, b, strict=True)]) * 900)
    np.testing.assert_allclose(metrics.acceleration_error(predicted, truth), expected, rtol=1e-10)
    np.testing.assert_allclose(metrics.acceleration_error(predicted, truth, trim=1), expected[1:-1], rtol=1e-10)
    with pytest.raises(metrics.MetricInputError, match="5 frames, got 4"):
        metrics.acceleration_error(predicted[:4], truth[:4], trim=1)


def test_a_missing_frame_leaves_out_the_differences_that_need_it():
    predicted, truth = walk(11, frames=10)
    predicted[5] = np.nan
    assert np.isnan(metrics.acceleration_error(predicted, truth)).tolist() == [i in (3, 4, 5) for i in range(8)]
