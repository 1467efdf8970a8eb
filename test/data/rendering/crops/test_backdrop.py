"""Floors lie where the camera sees the plane y = 0, and carry the scene's shadows."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from metrichmsr_ros.data.rendering.background import Backgrounds
from metrichmsr_ros.data.rendering.bodies import PlacedCamera
from metrichmsr_ros.data.rendering.compiled.floors import compose
from metrichmsr_ros.data.rendering.compiled.meshes import box
from metrichmsr_ros.data.rendering.compiled.shading import cast_shadows
from metrichmsr_ros.data.rendering.crops.backdrop import Floor, lay_floor, random_backdrop, random_floor
from metrichmsr_ros.data.rendering.crops.furniture import random_fabric
from metrichmsr_ros.geometry.camera import Camera

_WHITE = np.ones((120, 160, 3), np.float32)
_NOBODY = np.zeros((0, 2))


@pytest.fixture(scope="module")
def view():
    """A camera 1.5 m high, 3 m before the origin, that looks down at it."""
    down = Rotation.from_euler("x", np.arctan2(1.5, 3.0)).as_matrix()
    return PlacedCamera(Camera.from_fov(160, 120, 1.2), down @ np.diag([1.0, -1.0, -1.0]), np.array([0.0, 1.5, 3.0]))


@pytest.fixture(scope="module")
def shadows():
    cover = box(
        np.array([0.0, 1.0, 0.0]), np.array([0.8, 0.1, 0.8]), np.eye(3), random_fabric(np.random.default_rng(0), 0)
    )
    return cast_shadows(cover, np.array([0.0, 1.0, 0.0]), np.array([0.0, 0.5, 0.0]), 1.5)


def _at(picture, view, point):
    u, v = np.rint(view.camera.project(view.to_camera(np.array(point)))).astype(int)
    return picture[v, u]


def _red(wall: float) -> Floor:
    levels = [np.zeros((side, side, 3), np.float32) for side in (64, 32, 16)]
    for level in levels:
        level[..., 0] = 1
    return Floor(tuple(levels), 0.5, wall, np.eye(2))


def test_shadows_fall_on_the_photographs_own_floor(view, shadows):
    laid = lay_floor(_WHITE.copy(), None, view, shadows, 0.5, _NOBODY)
    np.testing.assert_allclose(_at(laid, view, [0.0, 0, 0]), 0.5, atol=0.05)
    np.testing.assert_allclose(_at(laid, view, [0.9, 0, 0.0]), 1, atol=0.02)
    np.testing.assert_allclose(laid[0], 1, atol=0.02)  # the upper edge lies above the shadow


def test_feet_darken_the_floor_under_them(view, shadows):
    laid = lay_floor(_WHITE.copy(), None, view, shadows, 0.5, np.array([[0.9, 0.0]]))
    assert _at(laid, view, [0.9, 0, 0.0]).max() < 0.85
    assert _at(laid, view, [-0.9, 0, 0.0]).min() > 0.98


def test_the_floor_ends_at_the_wall(view, shadows):
    laid = lay_floor(_WHITE.copy(), _red(wall=4.0), view, shadows, 0.0, _NOBODY)
    np.testing.assert_allclose(_at(laid, view, [0.9, 0, 0.5]), [1, 0, 0], atol=0.02)
    np.testing.assert_allclose(_at(laid, view, [0.0, 0, -3.0]), [1, 1, 1], atol=0.02)  # 6 m away, behind the wall


def test_layers_are_put_on_pictures_by_their_cover():
    picture, cover = _WHITE.copy(), np.zeros((120, 160), np.float32)
    cover[:60] = 0.25
    compose(picture, np.zeros_like(picture), cover)
    np.testing.assert_allclose(picture[:60], 0.75)
    np.testing.assert_allclose(picture[60:], 1)


def test_backdrops_are_drawn_from_photographs_by_seed(view):
    photographs = (np.full((90, 120, 3), 200, np.uint8),)
    first, second = (random_backdrop(Backgrounds(photographs), view, np.random.default_rng(4), 0) for _ in range(2))
    assert np.array_equal(first, second)
    assert first.shape == (120, 160, 3)
    assert float(np.ptp(first)) < 0.02  # one colour, at a random brightness
    floor = random_floor(np.zeros((0, 256, 256, 3), np.uint8), 3.0, np.random.default_rng(0))
    assert floor.wall > 3.0
