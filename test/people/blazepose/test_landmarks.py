"""Regions of interest, landmark sets, tiles, masking and plausibility against closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
from helpers.people_scenes import FIGURE, Figure, landmark_set
from hypothesis import given, settings
from hypothesis import strategies as st

from metrichmsr_ros.people.blazepose.crops import Tile
from metrichmsr_ros.people.blazepose.heatmaps import refine_from_heatmaps
from metrichmsr_ros.people.blazepose.landmarks import Roi
from metrichmsr_ros.people.blazepose.masking import mask_bodies
from metrichmsr_ros.people.detection.plausibility import (
    are_same_person,
    is_known,
    legs_hidden,
    share_on_bodies,
)
from metrichmsr_ros.people.detection.tiles import tile_around, tile_pyramid


def test_upright_roi_is_a_quarter_wider_than_the_circle():
    roi = Roi.from_points(np.array([100.0, 200.0]), np.array([100.0, 120.0]))
    assert roi.size == pytest.approx(2 * 80 * 1.25)
    assert roi.rotation == pytest.approx(0.0)


@settings(max_examples=50, deadline=None)
@given(st.floats(-300, 300), st.floats(-300, 300), st.floats(10, 400), st.floats(-3.1, 3.1))
def test_the_circle_point_is_straight_up_in_the_crop(x, y, radius, angle):
    hip = np.array([x, y])
    circle = hip + radius * np.array([math.sin(angle), -math.cos(angle)])
    roi = Roi.from_points(hip, circle)
    matrix = roi.matrix()
    top = matrix[:2, :2] @ circle + matrix[:2, 2]
    np.testing.assert_allclose(matrix[:2, :2] @ hip + matrix[:2, 2], [127.5, 127.5], atol=1e-6)
    np.testing.assert_allclose(top, [127.5, 127.5 - 128 / 1.25], atol=1e-6)
    corners = roi.corners() @ matrix[:2, :2].T + matrix[:2, 2]
    np.testing.assert_allclose(corners, [[-0.5, -0.5], [255.5, -0.5], [255.5, 255.5], [-0.5, 255.5]], atol=1e-6)


def test_rois_that_cannot_be_cut_out_are_refused():
    good = Roi(np.array([50.0, 50.0]), 40.0)
    assert good.is_usable(100, 100)
    assert not Roi(np.array([np.nan, 50.0]), 40.0).is_usable(100, 100)
    assert not Roi(np.array([50.0, 50.0]), 0.0).is_usable(100, 100)
    assert not Roi(np.array([50.0, 50.0]), 1e9).is_usable(100, 100)
    assert not Roi(np.array([500.0, 50.0]), 40.0).is_usable(100, 100)


@given(st.floats(-3.1, 3.1), st.floats(-3.1, 3.1), st.floats(0.5, 2.0))
def test_a_roi_in_px_of_another_image_cuts_out_the_same(rotation, turn, scale):
    """The two maps to the crop agree, whatever the other image's turn and resolution."""
    cos, sin = scale * math.cos(turn), scale * math.sin(turn)
    to_other = np.array([[cos, -sin, 30.0], [sin, cos, -7.0], [0.0, 0.0, 1.0]])
    roi = Roi(np.array([50.0, 70.0]), 40.0, rotation)
    there = roi.mapped(to_other)
    np.testing.assert_allclose(there.matrix() @ to_other, roi.matrix(), atol=1e-6)
    assert -math.pi <= there.rotation <= math.pi


def test_landmarks_in_px_of_a_turned_image_lie_on_the_same_body():
    found = landmark_set(Figure(200, 150))
    quarter = np.array([[0.0, 1.0, 0.0], [-1.0, 0.0, 639.0], [0.0, 0.0, 1.0]])
    there = found.mapped(quarter)
    np.testing.assert_allclose(there.pixels, found.pixels @ quarter[:2, :2].T + quarter[:2, 2], atol=1e-3)
    np.testing.assert_allclose(there.crop_matrix @ quarter, found.crop_matrix, atol=1e-9)
    np.testing.assert_array_equal(there.crop_landmarks, found.crop_landmarks)


def test_a_widened_roi_keeps_its_middle_and_its_rotation():
    roi = Roi(np.array([50.0, 70.0]), 40.0, 0.3)
    middle = roi.corners().mean(0)
    np.testing.assert_allclose(roi.widened(1.5).corners() - middle, 1.5 * (roi.corners() - middle), atol=1e-9)


def test_legs_are_hidden_where_knees_and_ankles_are():
    visibility = np.ones((4, 39))
    visibility[1, 25:29] = 0.1  # knees and ankles
    visibility[2, [25, 27]] = 0.1  # one leg
    visibility[3, :25], visibility[3, 29:] = 0.0, 0.0
    np.testing.assert_allclose(legs_hidden(visibility), [0, 1, 0, 0], atol=1e-12)
    visibility[0, 25:29] = 0.475
    assert legs_hidden(visibility[0]) == pytest.approx(0.25)


def test_moving_a_landmark_set_moves_its_pixels_only():
    person = landmark_set(Figure(100, 100))
    moved = person.moved_to(Roi(person.roi.centre + np.array([7.0, -3.0]), person.roi.size, person.roi.rotation))
    np.testing.assert_allclose(moved.pixels, person.pixels + np.array([7.0, -3.0]), atol=1e-3)
    assert moved.crop_landmarks is person.crop_landmarks
    np.testing.assert_allclose(person.moved_to(person.roi).pixels, person.pixels, atol=1e-3)
    assert person.next_roi().centre == pytest.approx([100, 100], abs=1e-3)


def test_heatmap_refinement_against_a_loop():
    rng = np.random.default_rng(1)
    points = rng.uniform(-20, 276, (39, 2)).astype(np.float32)
    heatmaps = rng.normal(-2, 3, (64, 64, 39)).astype(np.float32)
    refined, peaks = refine_from_heatmaps(points, heatmaps)
    for k in range(39):
        column, row = math.floor(points[k, 0] / 4), math.floor(points[k, 1] / 4)
        total, best, moment = 0.0, 0.0, np.zeros(2)
        if 0 <= column < 64 and 0 <= row < 64:
            for r in range(max(0, row - 3), min(64, row + 4)):
                for c in range(max(0, column - 3), min(64, column + 4)):
                    weight = 1 / (1 + math.exp(-float(heatmaps[r, c, k])))
                    total, best, moment = total + weight, max(best, weight), moment + weight * np.array([c, r])
        expected = moment / total * 4 if best >= 0.5 else points[k]
        np.testing.assert_allclose(refined[k], expected, atol=1e-3)
        assert peaks[k] == pytest.approx(best, abs=1e-5)


def test_two_people_side_by_side_differ_and_one_seen_twice_does_not():
    person = landmark_set(Figure(100, 100))
    again = landmark_set(Figure(102, 99, 103))
    beside = landmark_set(Figure(122, 100))  # shoulder to shoulder
    assert are_same_person(person, again)
    assert is_known(again, [person])
    assert not are_same_person(person, beside)
    assert not is_known(beside, [person])


def test_a_body_with_left_and_right_swapped_is_the_same():
    person = landmark_set(Figure(100, 100))
    swap = list(range(39))
    for left in range(11, 33, 2):
        swap[left], swap[left + 1] = left + 1, left
    mirrored = landmark_set(Figure(100, 100))
    mirrored.pixels[:] = person.pixels[swap]
    assert are_same_person(person, mirrored)


def test_landmarks_that_mix_two_people_are_recognised():
    left, right = landmark_set(Figure(100, 100)), landmark_set(Figure(160, 100))
    hybrid = landmark_set(Figure(130, 100))
    hybrid.pixels[:] = left.pixels
    hybrid.pixels[[12, 14, 16, 24, 26, 28]] = right.pixels[[12, 14, 16, 24, 26, 28]]
    assert share_on_bodies(hybrid, [left, right]) == pytest.approx(1.0)
    assert is_known(hybrid, [left, right])
    assert share_on_bodies(landmark_set(Figure(300, 100)), [left, right]) == 0.0


def test_masking_paints_the_body_and_leaves_the_rest():
    image = np.full((200, 200, 3), 200, np.uint8)
    person = landmark_set(Figure(100, 100))
    for joint in person.pixels[[11, 12, 13, 14, 23, 24, 25, 26]].astype(int):
        image[joint[1] - 2 : joint[1] + 3, joint[0] - 2 : joint[0] + 3] = 0
    painted = mask_bodies(image, np.eye(3), [person])
    assert painted.min() > 150
    assert (painted[:, :60] == 200).all()
    assert image.min() == 0
    far = np.eye(3)
    far[:2, 2] = 5000
    assert mask_bodies(image, far, [person]) is image


def test_masking_keeps_the_pixels_of_the_kept_person():
    image = np.random.default_rng(0).integers(0, 255, (200, 200, 3), np.uint8)
    person = landmark_set(Figure(100, 100))
    assert (mask_bodies(image, np.eye(3), [person], keep=person) == image).all()


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 900), st.integers(1, 900), st.sampled_from([1.0, 2.0, 3.0, 4.5]))
def test_tiles_lie_inside_and_cover_everything(width, height, divisor):
    tiles = tile_pyramid(width, height, (divisor,), 16)
    assert tiles[0] == Tile(0, 0, width, height)
    covered = np.zeros((height, width), bool)
    for tile in tiles[1:]:
        assert tile.x >= 0
        assert tile.y >= 0
        assert tile.x + tile.width <= width
        assert tile.y + tile.height <= height
        covered[tile.y : tile.y + tile.height, tile.x : tile.x + tile.width] = True
    assert len(tiles) == 1 or covered.all()


@settings(max_examples=40, deadline=None)
@given(st.floats(-50, 900), st.floats(-50, 900), st.floats(8, 2000))
def test_tiles_around_people_stay_inside(x, y, size):
    tile = tile_around(Roi(np.array([x, y]), size), 640, 480)
    assert tile.x >= 0
    assert tile.y >= 0
    assert 8 <= tile.width <= 640 - tile.x
    assert 8 <= tile.height <= 480 - tile.y


def test_boxes_cut_off_by_their_tile_are_not_held():
    tile = Tile(100, 0, 100, 100)
    assert tile.holds(np.array([120.0, 10, 150, 90]), (640, 100))
    assert not tile.holds(np.array([90.0, 10, 150, 90]), (640, 100))  # left of the tile, still in the image
    assert tile.holds(np.array([120.0, -5, 150, 120]), (640, 100))  # over the image's border: no other tile sees more


def test_the_test_figure_has_all_landmarks():
    assert FIGURE.shape == (39, 2)
    assert np.hypot(*(FIGURE[34] - FIGURE[33])) == pytest.approx(0.5)


@given(
    st.tuples(st.floats(-500, 2500), st.floats(-500, 2500)),
    st.floats(8, 3000),
    st.floats(-3.1, 3.1),
)
def test_a_roi_is_read_back_from_its_matrix(centre, size, rotation):
    again = Roi.from_matrix(Roi(np.array(centre), size, rotation).matrix())
    np.testing.assert_allclose(again.centre, centre, atol=1e-6)
    assert again.size == pytest.approx(size)
    assert again.rotation == pytest.approx(rotation, abs=1e-9)


def test_the_roi_holds_the_whole_box():
    roi = Roi.from_box((100, 50, 140, 250))
    assert (roi.centre.tolist(), roi.size, roi.rotation) == ([120, 150], 250, 0)
