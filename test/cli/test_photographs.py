"""Photographs from files: turned ones turn their intrinsics, and names may be any bytes."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from helpers.exif import jpeg_with_orientation

from metrichmsr_ros.cli.predict import load_photo, photo_camera
from metrichmsr_ros.errors import CalibrationWarning
from metrichmsr_ros.io.images import write_image

SPOT = (85, 70)  # x, y in the stored image of 192 x 128


def spotted(path: Path, orientation: int) -> Path:
    stored = np.zeros((128, 192, 3), np.uint8)
    cv2.circle(stored, SPOT, 3, (255, 255, 255), -1)
    content = cv2.imencode(".jpg", stored, [cv2.IMWRITE_JPEG_QUALITY, 98])[1].tobytes()
    path.write_bytes(jpeg_with_orientation(content, orientation))
    return path


@pytest.mark.parametrize("orientation", range(1, 9))
def test_turned_photographs_turn_their_intrinsics(orientation, tmp_path):
    photo = load_photo(spotted(tmp_path / "a.jpg", orientation))
    camera = photo_camera(photo.image, None, (200.0, 250.0, *map(float, SPOT)), None, photo.orientation)
    v, u = np.nonzero(photo.image[..., 0] > 127)
    np.testing.assert_allclose(camera.intrinsics[:2, 2], [u.mean(), v.mean()], atol=0.1)  # where the spot now is
    is_lying = orientation >= 5
    assert camera.size == ((128, 192) if is_lying else (192, 128))
    assert (camera.intrinsics[0, 0], camera.intrinsics[1, 1]) == ((250.0, 200.0) if is_lying else (200.0, 250.0))


def test_the_field_of_view_is_that_of_the_upright_image(tmp_path):
    photo = load_photo(spotted(tmp_path / "a.jpg", 6))
    camera = photo_camera(photo.image, 90.0, None, None, photo.orientation)
    assert (camera.width, camera.intrinsics[0, 0]) == (128, pytest.approx(64.0))


def test_intrinsics_of_the_upright_image_are_doubted(tmp_path):
    photo = load_photo(spotted(tmp_path / "a.jpg", 6))
    with pytest.warns(CalibrationWarning, match="stored one of 192x128"):
        photo_camera(photo.image, None, (200.0, 200.0, 63.5, 95.5), None, photo.orientation)


def test_names_of_any_bytes_are_read_and_written(tmp_path):
    name = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.jpg"))
    assert load_photo(spotted(name, 1)).image.shape == (128, 192, 3)
    written = name.with_suffix(".png")
    write_image(written, np.full((4, 5), 7, np.uint16))
    assert cv2.imdecode(np.frombuffer(written.read_bytes(), np.uint8), cv2.IMREAD_UNCHANGED).max() == 7
