"""Rotations against SciPy and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from metrichmsr_ros.geometry.rotations import axis_angles, nearest_rotations, rotation_matrices


def random_rotations(count: int, dtype: type = np.float64) -> np.ndarray:
    return Rotation.random(count, random_state=0).as_matrix().astype(dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_nearest_rotation_is_the_chordal_mean_of_scipy(dtype):
    turns = random_rotations(12, dtype).reshape(4, 3, 3, 3)
    nearest = nearest_rotations(turns.sum(1))
    assert nearest.dtype == dtype
    for of_three, found in zip(turns, nearest, strict=True):
        np.testing.assert_allclose(found, Rotation.from_matrix(of_three).mean().as_matrix(), atol=1e-5)


def test_the_nearest_rotation_to_a_reflection_is_a_rotation_and_the_best_one():
    reflection = np.diag([1.0, 0.8, -0.2])
    nearest = nearest_rotations(reflection)
    np.testing.assert_allclose(nearest, np.eye(3), atol=1e-12)
    others = random_rotations(500)
    errors = np.square(others - reflection).sum((1, 2))
    assert np.square(nearest - reflection).sum() < errors.min()


def test_a_rotation_is_nearest_to_itself():
    turns = random_rotations(20).reshape(4, 5, 3, 3)
    np.testing.assert_allclose(nearest_rotations(1.7 * turns), turns, atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_axis_angles_and_matrices_are_inverse(dtype):
    vectors = np.random.default_rng(0).normal(0, 0.7, (4, 15)).astype(dtype)
    matrices = rotation_matrices(vectors)
    assert (matrices.dtype, matrices.shape) == (dtype, (4, 5, 3, 3))
    np.testing.assert_allclose(axis_angles(matrices).reshape(4, 15), vectors, atol=1e-5)


def test_half_a_turn_and_none():
    turns = np.stack([np.eye(3), np.diag([-1.0, 1.0, -1.0])])
    np.testing.assert_allclose(np.abs(axis_angles(turns)), [[0, 0, 0], [0, np.pi, 0]], atol=1e-12)
