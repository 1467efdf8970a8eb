"""Extrinsics that disagree: the camera is named with the offset, and errors of stature alone name nobody."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.fused_cameras import CAMERAS, seen_by

from metrichmsr_ros.fusion.people_fusion import PeopleFusion

RIGHT_OF_EAST = np.array([0.0, 0.4, 0.0])  # it looks along -x


def walked(offsets, scale=1.0, cameras=tuple(CAMERAS), steps=150):
    """The fusion after one person has walked on a circle of 1.5 m for `steps` images."""
    fusion = PeopleFusion()
    for number in range(steps):
        stamp = number / 10
        place = (1.5 * np.cos(stamp / 1.5), 1.5 * np.sin(stamp / 1.5), 0.9)
        seen = [seen_by(c, "a", place, stamp, scale, offsets.get(c, (0, 0, 0))) for c in cameras]
        fusion.step(seen, stamp)
    return fusion.disagreements.offsets()


def test_a_camera_beside_its_extrinsics_is_the_first_named():
    found = walked({"east": RIGHT_OF_EAST})
    assert found[0].camera == "east"
    np.testing.assert_allclose(found[0].offset, RIGHT_OF_EAST, atol=0.15)
    assert found[0].samples >= 10


@pytest.mark.parametrize("scale", [0.85, 1.0, 1.15])
def test_an_unusual_stature_names_no_camera(scale):
    assert walked({}, scale) == []


def test_of_two_cameras_that_differ_in_height_both_are_named():
    found = walked({"east": (0.0, 0.0, 0.4)}, cameras=("south", "east"))
    assert {offset.camera for offset in found} == {"south", "east"}
    assert abs(found[0].offset[2]) == pytest.approx(0.4, abs=0.1)


def test_a_small_offset_is_not_reported():
    assert walked({"east": (0.0, 0.05, 0.0)}) == []


def test_one_place_is_not_enough():
    fusion = PeopleFusion()
    for number in range(100):
        stamp = number / 10
        fusion.step(
            [seen_by(c, "a", (0, 0, 0.9), stamp, offset=(0, 0, 0.5) if c == "east" else (0, 0, 0)) for c in CAMERAS],
            stamp,
        )
    assert fusion.disagreements.offsets() == []
