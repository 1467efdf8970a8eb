"""Pose metrics against float64 loops, hand-computed cases and their invariances."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from metrichmsr_ros.evaluation import metrics

SEEDS = st.integers(0, 2**32 - 1)


def motion(seed: int, frames: int = 5, points: int = 24) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    truth = random.normal(size=(frames, points, 3)) * 0.4 + random.normal(size=(frames, 1, 3)) * 3
    return truth + random.normal(size=truth.shape) * 0.05, truth


def naive_mpjpe(predicted, truth, joints, root):
    errors = []
    for p, q in zip(predicted, truth, strict=True):
        p0 = sum(p[i] for i in root) / len(root)
        q0 = sum(q[i] for i in root) / len(root)
        total = 0.0
        for j in joints:
            d = (p[j] - p0) - (q[j] - q0)
            total += (d[0] ** 2 + d[1] ** 2 + d[2] ** 2) ** 0.5
        errors.append(1000 * total / len(joints))
    return np.array(errors)


def naive_pa(predicted, truth):
    """Procrustes through SciPy's Kabsch and the closed-form optimal scale of Horn."""
    errors = []
    for p, q in zip(predicted, truth, strict=True):
        a, b = p - p.mean(0), q - q.mean(0)
        turn, _ = Rotation.align_vectors(b, a)
        a = turn.apply(a)
        scale = (a * b).sum() / (a * a).sum()
        errors.append(1000 * np.sqrt(((scale * a - b) ** 2).sum(-1)).mean())
    return np.array(errors)


@pytest.mark.parametrize(
    "protocol", [metrics.SMPL24_HIPS, metrics.SMPL24_ROOT, metrics.H36M14_HIPS, metrics.H36M14_ROOT]
)
def test_mpjpe_equals_the_loop(protocol):
    points = 17 if protocol.source == "h36m17" else 24
    predicted, truth = motion(1, points=points)
    expected = naive_mpjpe(predicted, truth, protocol.joints, protocol.root)
    np.testing.assert_allclose(metrics.mpjpe(predicted, truth, protocol), expected, rtol=1e-12)


def test_mpjpe_by_hand():
    truth = np.zeros((1, 24, 3))
    predicted = truth + np.array([5.0, -3.0, 2.0])  # subtracting the pelvis removes a translation
    assert metrics.mpjpe(predicted, truth)[0] == pytest.approx(0.0, abs=1e-9)
    predicted[0, 10] += [0.03, 0.0, 0.04]  # one joint 50 mm off, 24 joints
    assert metrics.mpjpe(predicted, truth)[0] == pytest.approx(50 / 24)


def test_the_pelvis_conventions_differ():
    truth = np.zeros((1, 24, 3))
    predicted = truth.copy()
    predicted[0, 0] = [0.0, 0.1, 0.0]  # only SMPL joint 0 is wrong, by 100 mm
    assert metrics.mpjpe(predicted, truth, metrics.SMPL24_HIPS)[0] == pytest.approx(100 / 24)
    assert metrics.mpjpe(predicted, truth, metrics.SMPL24_ROOT)[0] == pytest.approx(100 * 23 / 24)


def test_the_14_joints_are_lsp_order_with_hips_at_2_and_3():
    joints = metrics.H36M14_HIPS.joints
    assert len(joints) == len(set(joints)) == 14
    assert set(metrics.H36M14_HIPS.root) == {joints[2], joints[3]}


def test_pa_mpjpe_equals_scipy():
    predicted, truth = motion(2)
    np.testing.assert_allclose(metrics.pa_mpjpe(predicted, truth), naive_pa(predicted, truth), rtol=1e-9)


@settings(max_examples=30, deadline=None)
@given(SEEDS, st.floats(0.1, 10.0))
def test_pa_mpjpe_ignores_similarities_of_the_prediction(seed, scale):
    predicted, truth = motion(seed, frames=3)
    turn = Rotation.random(random_state=seed % 2**31).as_matrix()
    moved = scale * predicted @ turn.T + np.array([3.0, -1.0, 7.0])
    np.testing.assert_allclose(metrics.pa_mpjpe(moved, truth), metrics.pa_mpjpe(predicted, truth), rtol=1e-6)


@settings(max_examples=30, deadline=None)
@given(SEEDS)
def test_pa_mpjpe_ignores_scale_but_not_a_reflection(seed):
    _, truth = motion(seed, frames=2)
    assert (metrics.pa_mpjpe(truth * 2.0, truth) < 1e-6).all()
    mirrored = truth * [-1.0, 1.0, 1.0]
    assert (metrics.pa_mpjpe(mirrored, truth) > 10).all()  # a reflection is not a similarity


def test_pve_subtracts_the_joint_pelvis():
    random = np.random.default_rng(3)
    truth = random.normal(size=(2, 50, 3))
    predicted = truth + np.array([0.0, 0.0, 0.2])
    root = random.normal(size=(2, 3))
    assert metrics.pve(predicted, truth, root, root) == pytest.approx([200.0, 200.0])
    assert metrics.pve(predicted, truth, root + np.array([0, 0, 0.2]), root) == pytest.approx([0.0, 0.0], abs=1e-9)


def test_a_regressor_is_a_weighted_mean_of_vertices():
    vertices = np.arange(18.0).reshape(2, 3, 3)
    joints = metrics.regress_joints([[0.5, 0.5, 0.0], [0.0, 0.0, 1.0]], vertices)
    np.testing.assert_allclose(joints[1], [(vertices[1, 0] + vertices[1, 1]) / 2, vertices[1, 2]])
    with pytest.raises(metrics.MetricInputError, match="does not fit 3 vertices"):
        metrics.regress_joints(np.ones((17, 6890)), vertices)


def test_height_and_depth_by_hand():
    assert metrics.height_error([1.80, 1.60], [1.75, 1.70]) == pytest.approx([50.0, 100.0])
    errors = metrics.relative_depth_error([5.5, 3.0, 1.0], [5.0, 4.0, 0.0])
    assert errors[:2] == pytest.approx([0.1, 0.25])
    assert np.isnan(errors[2])  # a truth at the camera centre


def test_missing_frames_are_nan_and_left_out_of_the_mean():
    predicted, truth = motion(4, frames=4)
    predicted[2] = np.nan
    for values in (metrics.mpjpe(predicted, truth), metrics.pa_mpjpe(predicted, truth)):
        assert np.isnan(values).tolist() == [False, False, True, False]
        assert metrics.mean_error(values) == pytest.approx(values[[0, 1, 3]].mean())
    predicted[:] = np.nan
    with pytest.raises(metrics.MetricInputError, match="none of the 4 values is finite"):
        metrics.mean_error(metrics.pa_mpjpe(predicted, truth), "PA-MPJPE")


def test_wrong_shapes_and_empty_input_are_errors_that_name_them():
    with pytest.raises(metrics.MetricInputError, match="empty"):
        metrics.mpjpe(np.zeros((0, 24, 3)), np.zeros((0, 24, 3)))
    with pytest.raises(metrics.MetricInputError, match=r"must be \(N, 24, 3\)"):
        metrics.mpjpe(np.zeros((2, 17, 3)), np.zeros((2, 17, 3)))
    with pytest.raises(metrics.MetricInputError, match="differ in shape"):
        metrics.pa_mpjpe(np.zeros((2, 24, 3)), np.zeros((3, 24, 3)))
    with pytest.raises(metrics.MetricInputError, match="1 roots were given for 2 frames"):
        metrics.pve(np.zeros((2, 9, 3)), np.zeros((2, 9, 3)), np.zeros((1, 3)), np.zeros((1, 3)))
