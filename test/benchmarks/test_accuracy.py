"""Errors of the accuracy benchmark, on bodies whose errors are known."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.accuracy import HIPS, errors
from benchmarks.baseline import JOINTS

INTRINSICS = np.array([[[500.0, 0.0, 320.0], [0.0, 500.0, 240.0], [0.0, 0.0, 1.0]]])
TRUE_HEIGHT = np.array([1.80])


@pytest.fixture
def true():
    """(1, 12, 3) m: a person 4 m away, a little to the right of the axis."""
    joints = np.random.default_rng(0).normal(scale=0.3, size=(1, len(JOINTS), 3))
    return joints + np.array([0.4, 0.1, 4.0])


def test_scaled_about_camera_is_all_height(true):
    """A body that is 10 % too small and too near looks the same: its root error is that of its height."""
    found = errors(0.9 * true, 0.9 * TRUE_HEIGHT, true, TRUE_HEIGHT, INTRINSICS)
    assert found["root_percent"] == pytest.approx([10.0])
    assert found["height_percent"] == pytest.approx([10.0])
    assert found["root_percent_at_true_height"] == pytest.approx([0.0], abs=1e-9)
    assert found["reprojection"] == pytest.approx([0.0], abs=1e-9)


def test_true_height_leaves_place(true):
    """A body of the true height that is 5 % too far keeps all of its root error."""
    moved = true + 0.05 * true[:, HIPS].mean(1)[:, None]
    found = errors(moved, TRUE_HEIGHT, true, TRUE_HEIGHT, INTRINSICS)
    assert found["root_percent"] == pytest.approx([5.0])
    assert found["root_percent_at_true_height"] == pytest.approx([5.0])
    assert found["height_percent"] == pytest.approx([0.0])
    assert found["mpjpe"] == pytest.approx([0.0], abs=1e-9)
