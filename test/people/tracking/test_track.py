"""Where the person of a track is looked for in the next image, against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.people_scenes import Figure, landmark_set

from metrichmsr_ros.people.detection.confidence import evidence_of
from metrichmsr_ros.people.detection.person_detector import PersonBox
from metrichmsr_ros.people.tracking.track import Track

APPEARANCE = np.zeros((2, 3))


def box_of(height, x=300.0, y=200.0):
    return PersonBox(0.9, np.array([x - 20, y - height / 2, x + 20, y + height / 2]))


def track_of(box_height):
    """The track of a figure 100 px tall whom the detector saw in a box of that height."""
    return Track(landmark_set(Figure(300, 200)), 1.0, APPEARANCE, box_of(box_height), np.zeros(5))


def test_a_skeleton_much_smaller_than_the_detectors_box_is_looked_for_around_the_box():
    roi = track_of(160).roi_to_search(1.0)
    assert roi.size == pytest.approx(1.25 * 160)
    np.testing.assert_allclose(roi.centre, [300, 200])


def assert_same(one, other):
    np.testing.assert_array_equal(one.centre, other.centre)
    assert (one.size, one.rotation) == (other.size, other.rotation)


@pytest.mark.parametrize("height", [40, 100, 116])
def test_a_box_of_about_the_same_size_or_of_a_part_changes_nothing(height):
    track = track_of(height)
    assert_same(track.roi_to_search(1.0), track.expected_roi(1.0))


def test_a_box_in_which_the_detector_sees_nobody_any_more_changes_nothing():
    track = track_of(160)
    track.fade()
    assert_same(track.roi_to_search(1.0), track.expected_roi(1.0))


def test_the_box_moves_with_the_body():
    track = track_of(160)
    track.update(landmark_set(Figure(310, 204)), APPEARANCE, 1.1)
    later = track.roi_to_search(1.2)
    assert later.size == pytest.approx(200)
    np.testing.assert_allclose(later.centre, track.expected_roi(1.2).centre)
    assert later.centre[0] > 310


@pytest.mark.parametrize("rate", [5, 10, 30, 60])
def test_jitter_of_somebody_who_stands_predicts_no_walk_at_any_rate_of_images(rate):
    """Landmarks that jitter by 1 % of the body's height: at 60 Hz a step of one image to the next says little."""
    track, rng, speeds = track_of(100), np.random.default_rng(0), []
    for number in range(1, 10 * rate):
        x, y = rng.normal(0, 1, 2)
        track.update(landmark_set(Figure(300 + x, 200 + y)), APPEARANCE, 1.0 + number / rate)
        speeds.append(np.linalg.norm(track.velocity))
    assert np.sqrt(np.mean(np.square(speeds))) < 12  # px/s, of both axes


@pytest.mark.parametrize("rate", [5, 10, 30, 60])
def test_a_walk_is_known_soon_at_any_rate_of_images(rate):
    track = track_of(100)
    for number in range(1, round(0.4 * rate) + 1):
        track.update(landmark_set(Figure(300 + 100 * number / rate, 200)), APPEARANCE, 1.0 + number / rate)
    np.testing.assert_allclose(track.velocity, [100, 0], atol=8)


@pytest.mark.parametrize("rate", [10, 15, 30, 60])
def test_bad_looks_of_a_fifth_of_a_second_weigh_alike_at_any_rate_of_images(rate):
    """As of motion blur. The mean over time is compared with that of two looks at 10 Hz."""
    track, good = track_of(100), np.ones(5)
    track.evidence = good
    for number in range(1, rate // 5 + 1):
        track.update(landmark_set(Figure(300, 200, peak=0.1), score=0.1), APPEARANCE, 1.0 + number / rate)
        track.weigh((640, 480))
    bad = evidence_of(track.landmarks, track.seen_box, (640, 480))
    np.testing.assert_allclose((track.evidence - bad) / (good - bad), 0.7**2, rtol=0.2)
    assert track.sightings == pytest.approx(3)


@pytest.mark.parametrize("rate", [10, 20, 60])
def test_a_detector_that_sees_nobody_for_half_a_second_fades_its_box_alike_at_any_rate_of_calls(rate):
    track = track_of(100)
    for number in range(1, rate // 2 + 1):
        track.update(landmark_set(Figure(300, 200)), APPEARANCE, 1.0 + number / rate)
        track.fade()
    assert track.seen_box.score == pytest.approx(0.9 * 0.8**5)


@pytest.mark.parametrize("rate", [10, 30, 60])
def test_a_shadow_of_a_fifth_of_a_second_changes_the_appearance_little_at_any_rate_of_images(rate):
    track = track_of(100)
    for number in range(1, rate // 5 + 1):
        track.update(landmark_set(Figure(300, 200)), np.full((2, 3), 20.0), 1.0 + number / rate)
    np.testing.assert_allclose(track.appearance, 20 * (1 - 0.9**2), rtol=0.07)


@pytest.mark.parametrize("turns", range(4))
def test_in_an_image_turned_by_quarters_a_person_goes_on_turned(turns):
    """The track of an upright figure that walks; what is in pixels turns about the middle of the image."""
    track, still = track_of(160), track_of(160)
    for one in (track, still):
        one.update(landmark_set(Figure(310, 204)), APPEARANCE, 1.1)
    cos, sin = round(np.cos(turns * np.pi / 2)), round(np.sin(turns * np.pi / 2))
    to_new = np.array([[cos, sin, 0.0], [-sin, cos, 700.0], [0.0, 0.0, 1.0]])

    def there(points):
        return points @ to_new[:2, :2].T + to_new[:2, 2]

    track.change_pixels(to_new)
    np.testing.assert_allclose(track.landmarks.pixels, there(still.landmarks.pixels), atol=1e-3)
    corners = there(still.seen_box.box.reshape(2, 2))
    np.testing.assert_allclose(track.seen_box.box, [*corners.min(0), *corners.max(0)])
    expected, before = track.expected_roi(1.2), still.expected_roi(1.2)
    np.testing.assert_allclose(expected.centre, there(before.centre), atol=1e-3)
    np.testing.assert_allclose(expected.corners(), there(before.corners()), atol=1e-3)
