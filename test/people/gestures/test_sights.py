"""What the image shows of arms: inside, visible, and where the hand is from the elbow, across and along the trunk."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrichmsr_ros.people.gestures.sights import HIDDEN, arm_sights

SIZE = 640, 480
SHOULDERS, HIPS, ELBOWS, WRISTS, HANDS = [11, 12], [23, 24], [13, 14], [15, 16], [17, 18, 19, 20]


def landmarks():
    """A person from the front, 100 px of trunk; the left hand is 30 px right of its elbow, the right one above it."""
    pixels = np.full((39, 2), 300.0)
    pixels[SHOULDERS] = (340, 150), (260, 150)
    pixels[HIPS] = (330, 250), (270, 250)
    pixels[ELBOWS] = (370, 130), (230, 130)
    pixels[WRISTS] = (390, 80), (230, 80)
    pixels[HANDS] = (405, 60), (235, 60), (395, 60), (225, 60)
    return SimpleNamespace(pixels=pixels, visibility=np.ones(39))


def test_the_swing_is_in_lengths_of_the_trunk():
    left, right = arm_sights(landmarks(), SIZE)
    assert (left.is_seen, right.is_seen) == (True, True)
    assert (abs(left.swing[0]), right.swing[0]) == pytest.approx((0.3, 0.0))
    assert (left.swing[1], right.swing[1]) == pytest.approx((0.7, 0.7))  # the hands are 70 px above the elbows


@given(st.floats(-np.pi, np.pi), st.floats(0.2, 3.0))
def test_the_swing_is_the_same_when_the_camera_rolls_and_comes_nearer(roll, zoom):
    person, cos, sin = landmarks(), np.cos(roll), np.sin(roll)
    person.pixels = zoom * person.pixels @ np.array([[cos, sin], [-sin, cos]])
    turned = arm_sights(person, SIZE)
    for now, before in zip(turned, arm_sights(landmarks(), SIZE), strict=True):
        assert now.swing == pytest.approx(before.swing)


@pytest.mark.parametrize("pixel", [(-11.0, 80.0), (651.0, 80.0), (390.0, -10.5), (390.0, 491.0), (np.nan, 80.0)])
def test_a_wrist_outside_the_image_is_not_seen(pixel):
    person = landmarks()
    person.pixels[15] = pixel
    left, right = arm_sights(person, SIZE)
    assert (left.is_seen, right.is_seen) == (left.is_inside, right.is_inside) == (False, True)


@pytest.mark.parametrize("pixel", [(-9.0, 80.0), (648.0, 80.0), (390.0, -9.0), (390.0, 488.0)])
def test_a_wrist_at_the_edge_is_seen_although_its_landmark_is_outside_by_less_than_a_tenth_of_the_trunk(pixel):
    person = landmarks()
    person.pixels[15] = pixel
    assert all(sight.is_seen for sight in arm_sights(person, SIZE))


@pytest.mark.parametrize("landmark", [13, 15])
def test_a_hidden_wrist_or_elbow_hides_the_arm(landmark):
    person = landmarks()
    person.visibility[landmark] = 0.1
    left, right = arm_sights(person, SIZE)
    assert (left.is_seen, right.is_seen) == (False, True)
    assert left.is_inside


def test_a_person_without_a_trunk_shows_no_arms():
    person = landmarks()
    person.pixels[:] = 100.0
    assert arm_sights(person, SIZE) == (HIDDEN, HIDDEN)
