"""Umeyama against known transforms of random points."""

from __future__ import annotations

import numpy as np
import pytest
import roma
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from metrichmsr_ros.geometry.procrustes import align, umeyama


def rotations(seed: int, shape: tuple[int, ...] = ()) -> np.ndarray:
    torch.manual_seed(seed)
    return roma.random_rotmat(shape, dtype=torch.float64).numpy()


@given(seed=st.integers(0, 10**6), scale=st.floats(0.01, 100), count=st.integers(3, 40))
@settings(max_examples=80, deadline=None)
def test_known_similarity_is_found(seed, scale, count):
    rng = np.random.default_rng(seed)
    points, shift, rotation = rng.normal(size=(count, 3)), rng.normal(size=3) * 10, rotations(seed)
    target = scale * points @ rotation.T + shift
    found = umeyama(points, target)
    np.testing.assert_allclose(found[0], scale, rtol=1e-8)
    np.testing.assert_allclose(found[1], rotation, atol=1e-6)
    np.testing.assert_allclose(align(points, *found), target, atol=1e-7 * (1 + scale))


def test_batches_agree_with_single_fits():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 4, 5, 24, 3))
    for with_scale in (True, False):
        scale, rotation, shift = umeyama(a, b, with_scale)
        assert (scale.shape, rotation.shape, shift.shape) == ((4, 5), (4, 5, 3, 3), (4, 5, 3))
        one = umeyama(a[2, 3], b[2, 3], with_scale)
        for batched, single in zip((scale, rotation, shift), one, strict=True):
            np.testing.assert_allclose(batched[2, 3], single)


def test_mirrored_points_get_a_proper_rotation():
    points = np.random.default_rng(1).normal(size=(20, 3))
    scale, rotation, _ = umeyama(points, points * [-1, 1, 1])
    assert np.linalg.det(rotation) == pytest.approx(1)
    assert 0 < scale < 1


def test_no_small_change_improves_the_fit():
    """The answer to noisy points is the least-squares minimum: every nearby similarity is worse."""
    rng = np.random.default_rng(2)
    a = rng.normal(size=(30, 3))
    b = 1.7 * a @ rotations(2).T + [1, 2, 3] + 0.3 * rng.normal(size=(30, 3))
    scale, rotation, shift = umeyama(a, b)
    best = ((align(a, scale, rotation, shift) - b) ** 2).sum()
    for _ in range(50):
        turn = roma.rotvec_to_rotmat(torch.from_numpy(1e-3 * rng.normal(size=3))).numpy()
        other = align(a, scale * (1 + 1e-3 * rng.normal()), turn @ rotation, shift + 1e-3 * rng.normal(size=3))
        assert ((other - b) ** 2).sum() > best


def test_rigid_fit_keeps_the_scale():
    points = np.random.default_rng(3).normal(size=(10, 3))
    scale, rotation, shift = umeyama(points, 2 * points + 1, with_scale=False)
    assert scale == 1
    np.testing.assert_allclose(rotation, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(shift, points.mean(0) + 1, atol=1e-12)


def test_coinciding_points_are_only_translated():
    scale, rotation, shift = umeyama(np.ones((5, 3)), np.full((5, 3), 4.0))
    assert scale == 1
    np.testing.assert_allclose(align(np.ones((5, 3)), scale, rotation, shift), 4.0)


def test_wrong_shapes_are_named():
    with pytest.raises(ValueError, match=r"\(4, 3\) and \(5, 3\)"):
        umeyama(np.zeros((4, 3)), np.zeros((5, 3)))
