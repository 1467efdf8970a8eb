"""Quarter turns: which one a vertical asks for, and the way back to pixels of the image."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrichmsr_ros.geometry.quarter_turns import (
    boxes_turned_back,
    downwards,
    roll_of,
    rotation_of,
    turned,
    turned_back,
    turns_of,
)

TURNS = st.integers(0, 3)
SIDES = st.integers(1, 9)


@given(turns=TURNS, width=SIDES, height=SIDES)
def test_every_pixel_finds_its_way_back(turns, width, height):
    """NumPy's `rot90` is the second implementation: each pixel holds its own place."""
    v, u = np.mgrid[:height, :width]
    image = np.stack([u, v], axis=-1)
    there = turned(image, turns)
    rows, columns = np.mgrid[: there.shape[0], : there.shape[1]]
    back = turned_back(np.stack([columns, rows], axis=-1), turns, (width, height))
    np.testing.assert_array_equal(back, there)


@given(turns=TURNS)
def test_boxes_keep_their_corners_in_order(turns):
    box = np.array([[1.0, 2.0, 4.0, 3.0]])
    x0, y0, x1, y1 = boxes_turned_back(box, turns, (20, 10))[0]
    assert x0 < x1
    assert y0 < y1
    assert (x1 - x0) * (y1 - y0) == 3.0
    np.testing.assert_allclose(turned_back(box.reshape(2, 2).mean(0), turns, (20, 10)), [(x0 + x1) / 2, (y0 + y1) / 2])


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


@given(turns=TURNS)
def test_rotation_and_feet_agree(turns):
    """The top of a square of that rotation is opposite to the feet."""
    angle = rotation_of(turns)
    assert -math.pi <= angle <= math.pi
    np.testing.assert_allclose([math.sin(angle), -math.cos(angle)], -downwards(turns), atol=1e-12)
