"""Human depth and anchor weights on boards with known silhouettes."""

from __future__ import annotations

import numpy as np
import pytest

from metrichmsr_ros.depth.anchor import (
    THIN_PERSON_WEIGHT,
    USUAL_STD,
    distance_std,
    human_depth,
    make_anchor,
    person_weight,
)
from metrichmsr_ros.geometry.camera import Camera

CAMERA = Camera(160, 120, np.array([[100.0, 0, 79.5], [0, 100, 59.5], [0, 0, 1]]))
BOARD = np.array([[-0.5, -0.5, 0], [0.5, -0.5, 0], [0.5, 0.5, 0], [-0.5, 0.5, 0]])
FACES = np.array([[0, 1, 2], [0, 2, 3]])


def board(x: float, y: float, z: float, size: float = 1.0) -> np.ndarray:
    return BOARD * size + np.array([x, y, z])


def test_human_depth_is_the_nearest_surface_and_nan_elsewhere():
    depth = human_depth([board(0, 0, 4), board(0.25, 0, 2)], FACES, CAMERA)
    assert (depth.shape, depth.dtype) == ((120, 160), np.float32)
    assert depth[60, 110] == pytest.approx(2)  # only the nearer board
    assert depth[60, 80] == pytest.approx(2)  # both: the nearer
    assert depth[60, 68] == pytest.approx(2 if 68 >= 79.5 - 12.5 else 4)
    assert np.isnan(depth[60, 20])
    assert np.isnan(human_depth([], FACES, CAMERA)).all()


def test_silhouettes_are_left_out():
    anchor = make_anchor([board(0, 0, 2)], FACES, CAMERA, erosion=3)  # 50 x 50 pixels
    assert np.isfinite(anchor.depth).sum() == 50 * 50
    assert anchor.mask.sum() == 44 * 44
    assert (anchor.weight[anchor.mask] == 1).all()
    assert not anchor.mask[np.isnan(anchor.depth)].any()


def test_where_people_overlap_the_border_between_them_is_left_out():
    anchor = make_anchor([board(-0.3, 0, 2.0), board(0.3, 0, 1.99)], FACES, CAMERA, erosion=1)
    row = anchor.person[60]
    border = int(np.flatnonzero(np.diff(row) == 1)[-1])
    assert {row[border], row[border + 1]} == {0, 1}
    np.testing.assert_array_equal(anchor.mask[60, border - 1 : border + 3], [True, False, False, True])


def test_a_step_within_one_body_is_left_out():
    vertices = np.concatenate([board(-0.25, 0, 2.0, 0.5), board(0.25, 0, 2.6, 0.5)])
    anchor = make_anchor([vertices], np.concatenate([FACES, FACES + 4]), CAMERA, erosion=1)
    step = int(np.flatnonzero(np.abs(np.diff(anchor.depth[60])) > 0.3)[0])
    assert not anchor.mask[60, step]
    assert not anchor.mask[60, step + 1]
    assert anchor.mask[60, step - 2]


def test_anchors_have_the_given_weights_and_tiny_people_a_small_one():
    anchor = make_anchor([board(-0.5, 0, 2), board(0.6, 0, 2), board(0, 0.5, 40)], FACES, CAMERA, [1.0, 0.25, 1.0])
    assert anchor.weight[60, 55] == 1
    assert anchor.weight[60, 110] == 0.25
    far = anchor.person == 2
    assert far.any()
    assert (anchor.weight[far] == np.float32(THIN_PERSON_WEIGHT)).all()


def test_weight_falls_with_truncation_and_low_confidence():
    whole = board(0, 0, 2)
    assert person_weight(whole, CAMERA) == 1
    half = board(0.8, 0, 2) + np.array([0.0, 0, 0])  # image ends at x = 1.6 m, at 2 m: right vertices are outside
    right = half + np.array([0.5, 0, 0])
    assert person_weight(right, CAMERA) == pytest.approx(0.5)
    assert person_weight(board(0, 0, -2), CAMERA) == 0
    assert person_weight(whole, CAMERA, confidence=0.6) == pytest.approx(0.6)


def test_the_deviation_of_a_distance_is_that_along_its_ray():
    along_z = np.diag([0.5**2, 0.5**2, 0.2**2])
    assert distance_std([0, 0, 2], along_z) == pytest.approx(0.1)
    assert distance_std([4, 0, 0], along_z) == pytest.approx(0.125)
    ray = np.array([1.0, 2, 2]) / 3
    assert distance_std(3 * ray, 0.3**2 * np.outer(ray, ray)) == pytest.approx(0.1)
    assert distance_std([0, 0, 2], np.zeros((3, 3))) == 0
    assert distance_std([0, 0, 2], np.full((3, 3), np.nan)) == USUAL_STD


def test_anchors_keep_the_deviations_of_their_people():
    anchor = make_anchor([board(-0.5, 0, 2), board(0.6, 0, 2)], FACES, CAMERA, distance_std=[0.02, 0.2])
    assert [anchor.distance_std_of(person) for person in (0, 1)] == [0.02, 0.2]
    assert make_anchor([board(0, 0, 2)], FACES, CAMERA).distance_std_of(0) == USUAL_STD
