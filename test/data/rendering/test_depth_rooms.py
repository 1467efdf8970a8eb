"""Synthetic scenes: depth checked by closed forms, people on the floor, errors of the anchor."""

from __future__ import annotations

import numpy as np
import pytest

from metrichmsr_ros.data.rendering.boxes import MAX_DEPTH, OrientedBox, cast, wall_intersections
from metrichmsr_ros.data.rendering.depth_rooms import Place, make_place
from metrichmsr_ros.data.synthesis.depth_corruptions import initial_depth
from metrichmsr_ros.geometry.camera import Camera

CAMERA = Camera.from_fov(64, 48, 1.2)
# Looking along world +x: optical x = -y, y = -z, z = x.
LEVEL = np.array([[0.0, -1, 0], [0, 0, -1], [1, 0, 0]])


@pytest.fixture(scope="module")
def places(body) -> list[Place]:
    return [make_place(np.random.default_rng(seed), body, 96, 72) for seed in range(12)]


def test_a_room_seen_from_inside_by_hand():
    room = OrientedBox(np.array([2.0, 0, 1.5]), np.array([3.0, 2.0, 1.5]), np.eye(3))
    box = OrientedBox(np.array([2.5, 0, 1.5]), np.array([0.5, 0.2, 0.2]), np.eye(3))
    depth, part = cast([room, box], CAMERA, LEVEL, np.array([0, 0, 1.5]))
    assert part[24, 32] == 1
    assert depth[24, 32] == pytest.approx(2.0)  # front face of the box at x = 2
    assert part[24, 50] == 0
    rays = CAMERA.back_project(np.stack(np.meshgrid(np.arange(64), np.arange(48)), -1), 1.0)
    walls = np.minimum(2.0 / np.abs(rays[..., 0]), 1.5 / np.abs(rays[..., 1])).clip(max=5.0)
    np.testing.assert_allclose(depth[part == 0], walls[part == 0])


def test_a_turned_box_by_hand():
    turn = np.array([[np.cos(0.4), np.sin(0.4), 0], [-np.sin(0.4), np.cos(0.4), 0], [0, 0, 1]])
    box = OrientedBox(np.array([4.0, 0, 1]), np.array([0.5, 3, 3]), turn)
    depth, part = cast([box], CAMERA, LEVEL, np.array([0, 0, 1.0]))
    rays = CAMERA.back_project(np.stack(np.meshgrid(np.arange(64), np.arange(48)), -1), 1.0) @ LEVEL
    normal = turn[0]
    expected = (normal @ [4, 0, 0] - 0.5) / (rays @ normal)
    np.testing.assert_allclose(depth[part == 0][:500], expected[part == 0][:500])


def test_sky_is_unknown():
    ground = OrientedBox(np.array([0, 0, -0.5]), np.array([500.0, 500, 0.5]), np.eye(3))
    depth, part = cast([ground], CAMERA, LEVEL, np.array([0, 0, 1.0]))
    assert np.isnan(depth[:23]).all()
    assert (part[:23] == -1).all()
    assert np.nanmax(depth) <= MAX_DEPTH


def test_places_have_consistent_depth_and_people(places):
    for place in places:
        assert place.depth.shape == place.part.shape == place.anchor.depth.shape == (72, 96)
        assert place.depth.dtype == np.float32
        assert np.isfinite(place.depth).mean() > 0.2
        assert np.nanmin(place.depth) > 0.05
        assert 1 <= place.people <= 4
        assert set(np.unique(place.anchor.person)) <= set(range(-1, place.people))
        np.testing.assert_array_equal(np.isnan(place.depth), place.part == -1)


def test_the_number_of_people_can_be_asked_for(body):
    for wanted in (1, 2, 4):
        assert make_place(np.random.default_rng(5), body, 64, 48, wanted).people == wanted


def test_estimates_are_near_the_truth_where_the_person_is_seen(places):
    errors = []
    for place in places:
        seen = place.anchor.mask & (place.part <= -2)
        errors.append(np.median(np.abs(place.anchor.depth[seen] / place.depth[seen] - 1)))
    assert 0.002 < np.median(errors) < 0.08
    assert max(errors) < 0.3


def test_the_same_seed_gives_the_same_place(body):
    first, second = (make_place(np.random.default_rng(7), body, 64, 48) for _ in range(2))
    np.testing.assert_array_equal(first.depth, second.depth)
    np.testing.assert_array_equal(first.anchor.weight, second.anchor.weight)


def test_initial_depths_have_the_errors_of_networks(places):
    rng = np.random.default_rng(0)
    scales, right, holes, leftover = [], 0, 0, []
    for place in places:
        for _ in range(10):
            initial = initial_depth(rng, place)
            assert initial.dtype == np.float32
            assert np.nanmin(initial) > 0
            ratio = (initial / place.depth)[np.isfinite(initial) & np.isfinite(place.depth)]
            if np.array_equal(initial, place.depth, equal_nan=True):
                right += 1
                continue
            holes += np.isnan(initial[np.isfinite(place.depth)]).mean() > 0.01
            scales.append(np.median(ratio))
            leftover.append(np.mean(np.abs(ratio / np.median(ratio) - 1)))
    assert 3 <= right <= 25
    assert holes >= 3
    assert 0.15 < np.std(np.log(scales)) < 0.5
    assert 0.03 < np.median(leftover) < 0.25  # what no global scale can mend


def test_the_wall_of_a_room_that_a_ray_meets():
    low, high = np.array([-1.0, -2, 0]), np.array([3.0, 2, 2.5])
    origin, rays = np.array([0.0, 0, 1]), np.array([[1.0, 0, 0], [0, -1, 0], [0, 0.1, -1], [-2, 0, 0]])
    reach, axis, is_high = wall_intersections(origin, rays, low, high)
    np.testing.assert_allclose(reach, [3, 2, 1, 0.5])
    assert axis.tolist() == [0, 1, 2, 0]
    assert is_high.tolist() == [True, False, False, False]


def test_a_ray_along_a_wall_goes_on():
    low, high = np.array([0.0, -1, 0]), np.array([4.0, 1, 2])
    reach, axis, _ = wall_intersections(np.array([1.0, 1, 0]), np.array([[1.0, 0, 0]]), low, high)
    assert (reach[0], axis[0]) == (3, 0)
