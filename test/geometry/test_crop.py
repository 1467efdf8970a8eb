"""Crops: the crop's camera projects points onto the pixels that show them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from helpers.random_crops import CAMERA, crops
from hypothesis import given, settings
from hypothesis import strategies as st

from metrichmsr_ros.geometry.crop import apply_matrix, crop_intrinsics, crop_matrix, warp_crop


@given(matrix=crops, point=st.tuples(st.floats(-2, 2), st.floats(-2, 2), st.floats(0.5, 20)))
@settings(max_examples=80, deadline=None)
def test_crop_camera_projects_points_to_their_crop_pixels(matrix, point):
    crop_camera = CAMERA.transformed(matrix, (256, 256))
    np.testing.assert_allclose(crop_camera.project(point), apply_matrix(matrix, CAMERA.project(point)), atol=1e-6)


def test_paper_formula_is_the_unrotated_case():
    """K' = [[fx/s, 0, (cx-u)/s], ...] in the paper; ours differs only by the pixel-centre convention."""
    size, out, corner = 300.0, 224, np.array([120.0, 60.0])
    scale = size / out
    k = crop_intrinsics(crop_matrix(corner + size / 2 - 0.5, size, out), CAMERA.intrinsics)
    edge_centred = CAMERA.intrinsics[:2, 2] + 0.5  # principal point with pixel edges at integers
    np.testing.assert_allclose(k[[0, 1], [0, 1]], CAMERA.intrinsics[[0, 1], [0, 1]] / scale)
    np.testing.assert_allclose(k[:2, 2] + 0.5, (edge_centred - corner) / scale)


def test_rotation_turns_the_up_axis():
    centre = np.array([300.0, 200.0])
    angle = np.deg2rad(30)
    matrix = crop_matrix(centre, 100, 101, angle)
    above = centre + 20 * np.array([np.sin(angle), -np.cos(angle)])
    np.testing.assert_allclose(apply_matrix(matrix, centre), [50, 50])
    np.testing.assert_allclose(apply_matrix(matrix, above), [50, 50 - 20 * 1.01])


def test_warped_crop_shows_the_source():
    image = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 255, (480, 640, 3), dtype=np.uint8), (0, 0), 4)
    matrix = crop_matrix((320.3, 240.8), 150, 200, 0.4)
    crop = warp_crop(image, matrix, (200, 200))
    source = apply_matrix(np.linalg.inv(matrix), [100, 60])
    expected = cv2.getRectSubPix(image, (1, 1), tuple(source))[0, 0]
    assert np.abs(crop[60, 100].astype(int) - expected).max() <= 1


def test_padding_takes_the_border_value():
    image = np.full((480, 640, 3), 9, np.uint8)
    crop = warp_crop(image, crop_matrix((0, 0), 100, 100), (100, 100), border=77)
    assert (crop[:45, :45] == 77).all()
    assert (crop[55:, 55:] == 9).all()


def test_empty_crops_are_refused():
    with pytest.raises(ValueError, match="must be positive"):
        crop_matrix((0, 0), 0, 256)
