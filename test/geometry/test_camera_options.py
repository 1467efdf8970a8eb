"""Cameras from what a user states: degrees outside, radians inside, and impossible values named."""

from __future__ import annotations

import math

import numpy as np
import pytest

from metrichmsr_ros.geometry.camera import CameraError
from metrichmsr_ros.geometry.camera_options import CameraOptions


def test_the_field_of_view_is_given_in_degrees():
    options = CameraOptions.from_degrees(90.0, None)
    assert options.fov_x == pytest.approx(math.pi / 2)
    camera = options.camera(640, 480)
    assert camera.intrinsics[0, 0] == pytest.approx(320.0)
    assert camera.source == "fov"
    assert str(options) == "field of view 90 degrees"


def test_intrinsics_win_over_the_field_of_view():
    options = CameraOptions.from_degrees(90.0, (500.0, 501.0, 320.5, 240.25))
    camera = options.camera(640, 480)
    np.testing.assert_array_equal(camera.intrinsics, [[500, 0, 320.5], [0, 501, 240.25], [0, 0, 1]])
    assert (camera.source, str(options)) == ("given", "intrinsics 500 501 320.5 240.25")


@pytest.mark.parametrize("fov", [0.0, 0.99, 168.1, -60.0, math.nan, math.inf])
def test_an_impossible_field_of_view_is_named(fov):
    with pytest.raises(CameraError, match=f"--fov {fov}: give the horizontal field of view in degrees"):
        CameraOptions.from_degrees(fov, None)


@pytest.mark.parametrize("numbers", [(0.0, 1.0, 1.0, 1.0), (1.0, -1.0, 1.0, 1.0), (1.0, 1.0, math.nan, 1.0)])
def test_impossible_intrinsics_are_named(numbers):
    with pytest.raises(CameraError, match=r"--intrinsics .*: give finite fx fy cx cy in pixels"):
        CameraOptions(intrinsics=numbers)


def test_radians_are_checked_too():
    with pytest.raises(CameraError, match="between 0 and pi"):
        CameraOptions(fov_x=60.0)


def test_nothing_stated_is_false_and_gives_no_camera():
    nothing = CameraOptions.from_degrees(None, None)
    assert not nothing
    assert CameraOptions(fov_x=1.0)
    with pytest.raises(CameraError, match="give --fov or --intrinsics"):
        nothing.camera(4, 3)


def test_the_largest_field_of_view_can_be_used_and_a_tall_image_has_less():
    CameraOptions.from_degrees(168.0, None).camera(640, 480)
    with pytest.raises(CameraError, match=r"--fov 168: too wide .* 480x640, .* at most 164 degrees"):
        CameraOptions.from_degrees(168.0, None).camera(480, 640)
    CameraOptions.from_degrees(164.0, None).camera(480, 640)


def test_focal_lengths_of_no_lens_are_refused():
    with pytest.raises(CameraError, match=r"--intrinsics has focal lengths 1e\+30 and 1e\+30 px, too long"):
        CameraOptions(intrinsics=(1e30, 1e30, 255.0, 255.0)).camera(512, 512)


def test_the_middle_of_an_image_that_cannot_be_is_not_named():
    doubts = []
    CameraOptions(intrinsics=(500.0, 500.0, -1.0, 255.0)).camera(512, 512, doubt=doubts.append)
    assert "far from the middle of an image of 512x512: is it the calibration" in doubts[0]
