"""Quarter turns: which one a vertical asks for, and the upright camera."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.geometry.camera_options import turned_intrinsics
from metrichmsr_ros.geometry.quarter_turns import TurnedCamera, roll_of, turns_of

TURNS = st.integers(0, 3)
SIDES = st.integers(1, 9)


def camera_of(width: int, height: int, *, skew: float = 0.0) -> Camera:
    return Camera(width, height, np.array([[40.0, skew, 0.4 * width], [0, 50.0, 0.7 * height], [0, 0, 1]]))


def mapped(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    return points @ matrix[:2, :2].T + matrix[:2, 2]


@given(turns=TURNS, width=SIDES, height=SIDES)
def test_every_pixel_finds_its_way(turns, width, height):
    """NumPy's `rot90` is the second implementation: each pixel holds its own place."""
    turned = TurnedCamera(camera_of(width, height), turns)
    v, u = np.mgrid[:height, :width]
    image = np.stack([u, v, 0 * u], axis=-1).astype(np.uint8)
    there = turned.image(image)
    np.testing.assert_array_equal(there, np.rot90(image, turns))
    assert turned.upright.size == (there.shape[1], there.shape[0])
    rows, columns = np.mgrid[: there.shape[0], : there.shape[1]]
    places = mapped(turned.pixels, there[..., :2].astype(np.float64))
    np.testing.assert_array_equal(places, np.stack([columns, rows], axis=-1))


@given(turns=TURNS, skew=st.floats(-5, 5), seed=st.integers(0, 99))
def test_the_upright_camera_sees_a_point_where_the_turned_image_shows_it(turns, skew, seed):
    turned = TurnedCamera(camera_of(64, 48, skew=skew), turns)
    points = np.random.default_rng(seed).uniform([-1, -1, 1], [1, 1, 3], (9, 3))
    seen = turned.upright.project(points @ turned.rotation.T)
    np.testing.assert_allclose(seen, mapped(turned.pixels, turned.camera.project(points)), atol=1e-9)


LENSES = {
    "plumb_bob": [0.1, -0.05, 0.01, -0.02],
    "rational_polynomial": [0.1, -0.05, 0.01, -0.02, 0.01, 0.02, 0.001, 0.0005],
    "thin prism": [0.1, -0.05, 0.01, -0.02, 0.01, 0.02, 0.001, 0.0005, 0.003, -0.002, 0.004, 0.001],
    "equidistant": [0.1, -0.05, 0.01, -0.002],
}


@pytest.mark.parametrize("name", LENSES)
@pytest.mark.parametrize("turns", range(4))
def test_the_lens_and_the_rectification_turn_with_the_camera(name, turns):
    """Raw images, and images that are rectified by R and P."""
    model = "rational_polynomial" if name == "thin prism" else name
    stereo = Rotation.from_euler("xyz", [0.02, -0.03, 0.01]).as_matrix()
    K = np.array([[40.0, 0, 30.0], [0, 41.0, 26.0], [0, 0, 1]])
    P = np.array([[38.0, 0, 33.0], [0, 38.0, 22.0], [0, 0, 1]])
    turned = TurnedCamera(Camera(64, 48, K, model, np.array(LENSES[name]), "camera_info", P, stereo), turns)
    points = np.random.default_rng(0).uniform([-1, -1, 2], [1, 1, 3], (20, 3))
    seen = turned.upright.project(points @ turned.rotation.T)
    np.testing.assert_allclose(seen, mapped(turned.pixels, turned.camera.project(points)), atol=1e-9)
    there, here = turned.upright.rectified(), turned.camera.rectified()
    in_rectified = points @ turned.camera.rectification.T
    rectified = there.project(points @ turned.rotation.T @ turned.upright.rectification.T)
    np.testing.assert_allclose(rectified, mapped(turned.pixels, here.project(in_rectified)), atol=1e-9)
    assert turned.upright.source == "camera_info"


@pytest.mark.parametrize(("turns", "orientation"), [(0, 1), (1, 8), (2, 3), (3, 6)])
def test_photographs_that_exif_turns_have_the_same_intrinsics(turns, orientation):
    (fx, _, cx), (_, fy, cy), _ = camera_of(64, 48).intrinsics.tolist()
    fx, fy, cx, cy = turned_intrinsics((fx, fy, cx, cy), (64, 48), orientation)
    upright = TurnedCamera(camera_of(64, 48), turns).upright
    np.testing.assert_allclose(upright.intrinsics, [[fx, 0, cx], [0, fy, cy], [0, 0, 1]], atol=1e-12)


@given(turns=TURNS)
def test_depth_turns_as_the_image_does_and_back(turns):
    turned, metres = TurnedCamera(camera_of(5, 3), turns), np.arange(15, dtype=np.float32).reshape(3, 5)
    there = turned.depth(metres)
    np.testing.assert_array_equal(there, np.rot90(metres, turns))
    np.testing.assert_array_equal(turned.depth_back(there), metres)


@given(turns=TURNS)
def test_the_rotation_is_one_about_the_optical_axis_by_so_many_quarters(turns):
    turned = TurnedCamera(camera_of(64, 48), turns)
    angle = turns * math.pi / 2
    expected = [[math.cos(angle), math.sin(angle), 0], [-math.sin(angle), math.cos(angle), 0], [0, 0, 1]]
    np.testing.assert_allclose(turned.rotation, expected, atol=1e-7)
    np.testing.assert_array_equal(turned.rotation @ turned.top, [0, -1, 0])
    assert turned.rotation.dtype == np.float32


@given(turns=TURNS, roll=st.floats(-0.7, 0.7))
def test_in_the_upright_camera_the_vertical_is_near_the_top(turns, roll):
    angle = roll + turns * math.pi / 2
    up = np.array([math.sin(angle), -math.cos(angle), 0.0])
    turned = TurnedCamera(camera_of(64, 48), turns_of(up))
    assert roll_of(turned.rotation @ up) == pytest.approx(roll, abs=1e-6)


def test_a_camera_that_is_not_turned_stays_itself():
    image, camera = np.zeros((48, 64, 3), np.uint8), camera_of(64, 48)
    turned = TurnedCamera(camera)
    assert turned.upright is camera
    assert turned.image(image) is image


@given(turns=TURNS)
def test_boxes_keep_their_corners_in_order(turns):
    turned, box = TurnedCamera(camera_of(20, 10), turns), np.array([1.0, 2.0, 4.0, 3.0])
    ((x0, y0, x1, y1),) = turned.boxes([box])
    assert x0 < x1
    assert y0 < y1
    assert (x1 - x0) * (y1 - y0) == 3.0
    middle = mapped(turned.pixels, box.reshape(2, 2).mean(0))
    np.testing.assert_allclose(middle, [(x0 + x1) / 2, (y0 + y1) / 2])
    assert turned.boxes([]) == []


@pytest.mark.parametrize(
    ("up", "turns"),
    [
        (None, 0),
        ((0, -1, 0), 0),
        ((1, 0, 0), 1),
        ((0, 1, 0), 2),
        ((-1, 0, 0), 3),
        ((0, 0, -1), 0),  # the camera looks down: no side of the image is up
        ((0.3, 0, 0.954), 0),
    ],
)
def test_the_vertical_says_how_to_turn(up, turns):
    assert turns_of(up) == turns


@given(roll=st.floats(-0.78, 0.78), pitch=st.floats(-1.0, 1.0), quarter=TURNS)
def test_less_than_45_degrees_more_do_not_count(roll, pitch, quarter):
    angle = roll + quarter * math.pi / 2
    up = np.array([math.cos(pitch) * math.sin(angle), -math.cos(pitch) * math.cos(angle), math.sin(pitch)])
    assert turns_of(up) == quarter
    assert math.remainder(roll_of(up) - angle, 2 * math.pi) == pytest.approx(0.0, abs=1e-9)
