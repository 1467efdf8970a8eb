"""Ends of clearing rays: what they cover, and where they end, in closed form."""

from __future__ import annotations

import numpy as np
import pytest

from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.people.tracking.clearing import EDGE_M, GUARD_M, RANGE_M, clearing_points, is_between_sides

CAMERA = Camera.from_fov(640, 480, 1.2)
NOBODY = np.zeros((0, 3))


def azimuths_and_ranges(points):
    return np.arctan2(points[:, 0], points[:, 2]), np.hypot(points[:, 0], points[:, 2])


def test_rays_cover_the_field_of_view_without_a_gap_of_a_cell():
    azimuths, ranges = azimuths_and_ranges(clearing_points(CAMERA, NOBODY))
    full = np.unique(azimuths[ranges > RANGE_M - 0.01])
    assert full[0] <= -0.6 + 1e-6
    assert full[-1] >= 0.6 - 1e-6
    assert np.diff(full).max() * 10.0 < 0.05  # m at 10 m


@pytest.mark.parametrize("side", [-1, 1])
def test_rays_reach_as_far_beside_the_image_as_a_body_at_its_edge(side):
    azimuths, ranges = azimuths_and_ranges(clearing_points(CAMERA, NOBODY))
    beyond = side * azimuths - 0.6
    outside = beyond > 0.04
    np.testing.assert_allclose((ranges * np.sin(beyond))[outside], EDGE_M, rtol=1e-4)  # parallel to the edge
    assert beyond.max() == pytest.approx(np.pi / 2, abs=1e-5)


def test_rays_pass_through_the_first_and_the_last_row():
    points = clearing_points(CAMERA, NOBODY)
    ahead = points[np.abs(points[:, 0]) < 0.1]
    rows = np.unique(np.round(CAMERA.project(ahead)[:, 1], 1))
    np.testing.assert_allclose(rows, [0.0, 239.5, 479.0], atol=0.11)


@pytest.mark.parametrize("place", [(0.0, 0.3, 4.0), (1.5, -0.2, 5.0), (-2.0, 0.0, 6.0)])
def test_rays_end_before_a_hidden_person_and_pass_beside(place):
    distance = np.hypot(place[0], place[2])
    points = clearing_points(CAMERA, np.array([place]))
    azimuths, ranges = azimuths_and_ranges(points)
    off = np.abs(azimuths - np.arctan2(place[0], place[2]))
    width = np.arcsin(GUARD_M / distance)
    assert ranges[off < width - 1e-4].max() == pytest.approx(distance - GUARD_M, abs=1e-4)
    is_beside = (off > width + 1e-4) & (np.abs(azimuths) < 0.6)
    np.testing.assert_allclose(ranges[is_beside], RANGE_M, rtol=1e-5)
    # No ray passes within the guard's distance of the person: of a line's points, one of the two is the nearest.
    ends = points[:, [0, 2]]
    along = np.clip((ends @ np.array([place[0], place[2]])) / ranges**2, 0, 1)
    gaps = np.linalg.norm(ends * along[:, None] - [place[0], place[2]], axis=1)
    assert gaps.min() > GUARD_M - 1e-3


def test_no_ray_is_left_on_the_side_of_a_hidden_person_who_is_nearer_than_the_guard():
    azimuths, _ = azimuths_and_ranges(clearing_points(CAMERA, np.array([[0.0, 0.0, 0.4]])))
    assert np.abs(azimuths).min() >= np.pi / 2 - 1e-3  # whatever lies ahead may be that person


def test_the_nearest_of_two_hidden_people_counts():
    two = clearing_points(CAMERA, np.array([[0.0, 0.0, 6.0], [0.1, 0.0, 3.0]]))
    azimuths, ranges = azimuths_and_ranges(two)
    assert ranges[np.abs(azimuths) < 0.05].max() == pytest.approx(np.hypot(0.1, 3.0) - GUARD_M, abs=1e-4)


def test_rays_that_the_lens_does_not_see_are_left_out():
    k = [[300.0, 0, 320], [0, 300.0, 240], [0, 0, 1]]
    lens = Camera(640, 480, np.array(k), "plumb_bob", np.array([-0.35, 0.0, 0.0, 0.0]))
    assert np.isnan(lens.back_project([[0.0, 0.0]], 1.0)).any()  # the corner lies beyond the turning point
    points = clearing_points(lens, NOBODY)
    assert np.isfinite(points).all()
    assert len(points) > 100


def test_a_place_that_is_not_finite_is_named():
    with pytest.raises(ValueError, match=r"hidden people are \[\[0.0, nan, 3.0\]\]"):
        clearing_points(CAMERA, np.array([[0.0, np.nan, 3.0]]))


@pytest.mark.parametrize("side", [-1.0, 1.0])
def test_a_camera_on_its_side_clears_what_the_upright_one_clears(side):
    """The same camera turned by 90 degrees about its axis, its image, and a hidden person with it."""
    turn = np.array([[0.0, side, 0.0], [-side, 0.0, 0.0], [0.0, 0.0, 1.0]])
    focal, place = CAMERA.intrinsics[0, 0], np.array([1.5, -0.2, 5.0])
    portrait = Camera(480, 640, np.array([[focal, 0.0, 239.5], [0.0, focal, 319.5], [0.0, 0.0, 1.0]]))
    up = turn @ [0.0, -1.0, 0.0]
    points = clearing_points(portrait, (turn @ place)[None], up) @ turn  # back into the upright camera's frame
    expected = clearing_points(CAMERA, place[None])
    np.testing.assert_allclose(np.sort(np.round(points, 3), axis=0), np.sort(np.round(expected, 3), axis=0), atol=2e-3)
    assert is_between_sides(portrait, turn @ place, up)
    above, beside = np.array([0.0, -4.0, 5.0]), np.array([4.0, 0.0, 5.0])
    for other, is_inside in ((above, True), (beside, False)):
        assert is_between_sides(CAMERA, other) == is_between_sides(portrait, turn @ other, up) == is_inside


def test_a_tilted_camera_is_not_on_its_side():
    for up in ([0.0, -1.0, 0.0], [0.6, -0.7, 0.4], [0.0, 1.0, 0.0]):
        np.testing.assert_array_equal(clearing_points(CAMERA, NOBODY, np.array(up)), clearing_points(CAMERA, NOBODY))
