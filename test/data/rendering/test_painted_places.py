"""Pictures of synthetic places show what the place holds, at the place's depth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from metrichmsr_ros.body.load import load_body
from metrichmsr_ros.data.rendering.background import Backgrounds
from metrichmsr_ros.data.rendering.depth_rooms import make_place
from metrichmsr_ros.data.rendering.painted_places import painted


@pytest.fixture(scope="module")
def body():
    return load_body("open_light")


@pytest.fixture(scope="module")
def place(body):
    return make_place(np.random.default_rng(5), body, 160, 120, 2)


def test_the_picture_has_the_size_of_the_place_and_belongs_to_its_seed(body, place):
    image, _ = painted(np.random.default_rng(1), place, body, Backgrounds())
    again, _ = painted(np.random.default_rng(1), place, body, Backgrounds())
    other, _ = painted(np.random.default_rng(2), place, body, Backgrounds())
    assert (image.shape, image.dtype) == ((120, 160, 3), np.uint8)
    np.testing.assert_array_equal(image, again)
    assert (image != other).mean() > 0.5


def test_its_depth_is_the_places_except_for_clothes(body, place):
    _, shown = painted(np.random.default_rng(1), place, body, Backgrounds())
    same = place.part == shown.part
    assert same.mean() > 0.9
    np.testing.assert_allclose(shown.depth[same], place.depth[same], atol=0.25)
    nobody = same & (place.part >= 0)
    np.testing.assert_allclose(shown.depth[nobody], place.depth[nobody], rtol=1e-5)
    people = same & (place.part <= -2)
    assert np.median((place.depth - shown.depth)[people]) > 0  # cloth is in front of the skin


def test_photographs_cover_walls(body, place):
    red = Backgrounds(photographs=(np.tile(np.array([255, 0, 0], np.uint8), (48, 64, 1)),))
    image, _ = painted(np.random.default_rng(3), place, body, red)
    plain, _ = painted(np.random.default_rng(3), place, body, Backgrounds())

    def reddish(picture):
        return ((picture[..., 0] > 60) & (picture[..., 1] < 25) & (picture[..., 2] < 25)).mean()

    assert reddish(image) > reddish(plain) + 0.05


def test_a_measured_place_cannot_be_painted(body, place):
    with pytest.raises(ValueError, match="no geometry to paint"):
        painted(np.random.default_rng(1), replace(place, geometry=None), body, Backgrounds())
