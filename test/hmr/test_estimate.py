"""Estimates of people in the frames of two cameras at the same place."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.evidence import joints_of, standing
from scipy.spatial.transform import Rotation


@pytest.mark.parametrize("pelvis", [(0.0, 0.0, 0.0), (-0.002, -0.24, 0.03)], ids=["open body", "like SMPL"])
@pytest.mark.parametrize("degrees", [90, 180, 270, 20])
def test_people_seen_by_a_rolled_camera_are_the_same_people(pelvis, degrees):
    """A body model whose pelvis is not its origin is the open body, shifted by the pelvis."""
    turn = Rotation.from_euler("z", degrees, degrees=True).as_matrix().astype(np.float32)
    people, offset = standing(2, spread=np.ones((2, 24), np.float32)), np.array(pelvis, np.float32)
    found = people.rotated(turn, np.tile(offset, (2, 1)))
    np.testing.assert_allclose(joints_of(found) + offset, (joints_of(people) + offset) @ turn.T, atol=1e-5)
    np.testing.assert_array_equal(found.rotmats[:, 1:], people.rotmats[:, 1:])
    assert found.spread is people.spread
    assert {found.rotmats.dtype, found.transl.dtype} == {np.dtype(np.float32)}
