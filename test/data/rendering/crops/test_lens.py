"""Pictures through a lens: the camera's geometry stays, the sensor's border shows."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from metrichmsr_ros.data.rendering.crops.lens import Lens, random_lens, through_lens
from metrichmsr_ros.geometry.camera import Camera

_CAMERA = Camera.from_fov(160, 120, 1.2)
_SENSOR = np.array([[-0.5, -0.5], [159.5, 119.5]])
_LENSES = [
    Lens("plumb_bob", np.array([-0.3, 0.1, 0.0, 0.0, 0.0])),
    Lens("plumb_bob", np.array([0.15, -0.02, 0.001, 0.0, 0.0])),
    Lens("equidistant", np.zeros(4)),
]


def _smooth() -> np.ndarray:
    noise = np.random.default_rng(0).random((120, 160, 3)).astype(np.float32)
    return cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 5), None, 0, 1, cv2.NORM_MINMAX)


def _levels(picture: np.ndarray) -> np.ndarray:
    return (np.clip(picture, 0, 1) * 255).astype(np.uint8)


@pytest.mark.parametrize("lens", _LENSES)
def test_rectified_pictures_keep_the_pinhole_cameras_geometry(lens):
    picture = _smooth()
    taken = through_lens(picture, _CAMERA, _SENSOR, lens, _levels)
    assert taken.shape == picture.shape
    middle = np.s_[25:95, 35:125]
    assert np.abs(taken[middle].astype(int) - _levels(picture)[middle]).max() <= 6  # a shift of 1 px makes 15


def test_what_the_sensor_sees_is_distorted():
    """OpenCV's own rectification of the picture that the sensor saw gives the pinhole picture again."""
    lens, seen = _LENSES[0], []

    def sensor(bent):
        seen.append(bent)
        return _levels(bent)

    through_lens(_smooth(), _CAMERA, _SENSOR, lens, sensor)
    bent = seen[0]
    assert bent.shape[0] < 120  # a barrel lens shows the pinhole picture smaller
    camera = _CAMERA.intrinsics.copy()
    camera[:2, 2] -= (np.array([160, 120]) - bent.shape[1::-1]) / 2
    expected = cv2.undistort(_levels(bent), camera, lens.coefficients, newCameraMatrix=_CAMERA.intrinsics)
    flat = cv2.remap(
        _levels(bent),
        *cv2.initUndistortRectifyMap(camera, lens.coefficients, None, _CAMERA.intrinsics, (160, 120), cv2.CV_32FC1),
        cv2.INTER_LINEAR,
    )
    assert expected.shape == bent.shape
    middle = np.s_[30:90, 40:120]
    assert np.abs(flat[middle].astype(int) - _levels(_smooth())[middle]).mean() < 4


def test_a_pincushion_lens_leaves_black_corners_and_a_barrel_lens_none():
    white = np.ones((120, 160, 3), np.float32)
    pincushion = through_lens(white, _CAMERA, _SENSOR, Lens("plumb_bob", np.array([0.3, 0, 0, 0, 0.0])), _levels)
    assert pincushion[0, 0].max() < 100
    assert pincushion[60, 80].min() > 250
    barrel = through_lens(white, _CAMERA, _SENSOR, _LENSES[0], _levels)
    assert barrel.min() > 250


def test_random_lenses_reach_the_corners():
    rng = np.random.default_rng(0)
    lenses = [random_lens(Camera.from_fov(640, 480, rng.uniform(0.5, 2.0)), rng) for _ in range(60)]
    assert sum(lens is not None for lens in lenses) > 20
    assert {lens.model for lens in lenses if lens} == {"plumb_bob", "equidistant"}
