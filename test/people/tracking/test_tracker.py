"""The tracker with stand-ins for the networks: new and lost people, ids, occlusion, cost."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.people_scenes import Figure, FigureDetector, FigureFinder, landmark_set

from metrichmsr_ros.people.blazepose.crops import Tile
from metrichmsr_ros.people.blazepose.networks import ImageError
from metrichmsr_ros.people.detection.tiles import tile_pyramid
from metrichmsr_ros.people.tracking.config import TrackerConfig
from metrichmsr_ros.people.tracking.detection_rota import DetectionRota, Need, Pauses
from metrichmsr_ros.people.tracking.tracker import PeopleTracker

IMAGE = np.full((480, 640, 3), 90, np.uint8)
STRIPES = np.where(np.arange(640)[None, :, None] // 80 % 2, IMAGE, IMAGE // 2)
HASTY = TrackerConfig(candidates_per_frame=20, pauses=Pauses(0.0, 0.0, 0.0))


def tracker_of(figures, config=None, **detector):
    return PeopleTracker(FigureFinder(figures), FigureDetector(figures, **detector), config)


def run(tracker, frames, start=0.0, rate=10.0, move=None, pan=0):
    """`pan`: px by which the image moves per frame, as before a camera that turns."""
    seen = []
    for k in range(frames):
        if move is not None:
            move(k)
        seen.append(tracker.update(np.roll(STRIPES if pan else IMAGE, pan * k, axis=1), start + k / rate))
    return seen


def ids(people):
    return [person.id for person in people]


def test_an_id_comes_after_several_frames_and_stays():
    figure = Figure(200, 200)

    def walk(k):
        figure.x = 200 + 6 * k

    seen = run(tracker_of([figure], HASTY), 30, move=walk)
    assert [len(people) for people in seen[: HASTY.birth_frames - 1]] == [0] * (HASTY.birth_frames - 1)
    assert all(ids(people) == ["p1"] for people in seen[HASTY.birth_frames :])
    last = seen[-1][0]
    assert not last.is_occluded
    assert last.age >= 28
    np.testing.assert_allclose(last.landmarks.pixels[33], [figure.x, figure.y], atol=1)
    assert last.bbox[0] < figure.x < last.bbox[2]


def test_everybody_is_found_within_two_seconds_at_the_default_cost():
    figures = [Figure(120, 240, 200), Figure(420, 300, 110), Figure(560, 200, 90)]
    detector = FigureDetector(figures)
    seen = run(PeopleTracker(FigureFinder(figures), detector), 20 * 3, rate=30.0)
    assert len(seen[-1]) == 3
    assert len(detector.tiles) <= 60


def test_one_tracked_person_costs_one_landmark_call_and_the_detector_eleven_times_a_second_at_most():
    figures = [Figure(300, 240, 200)]
    network, detector = FigureFinder(figures), FigureDetector(figures)
    tracker = PeopleTracker(network, detector)
    run(tracker, 20)
    network.landmark_calls = 0
    detector.tiles.clear()
    run(tracker, 30, start=2.0, rate=30.0, pan=20)
    assert network.landmark_calls == 30
    assert len(detector.tiles) == 10
    run(tracker, 300, start=3.0, rate=30.0)
    detector.tiles.clear()
    run(tracker, 30, start=13.0, rate=30.0)
    assert len(detector.tiles) == 2  # where nothing else moves


def test_occluded_people_are_kept_for_a_while_with_their_id():
    figure = Figure(200, 200)

    def behind_a_post(k):
        figure.x = 200 + 3 * k
        figure.hidden = 10 <= k < 16

    seen = run(tracker_of([figure], HASTY), 25, move=behind_a_post)
    assert all(ids(people) == ["p1"] for people in seen[5:])
    assert [people[0].is_occluded for people in seen[5:]] == [5 <= k < 11 for k in range(20)]
    assert seen[12][0].landmarks.pixels[33, 0] > seen[9][0].landmarks.pixels[33, 0]  # moved on while unseen


def test_people_who_left_are_dropped_and_ids_are_never_reused():
    figure = Figure(200, 200)

    def leave_and_return(k):
        figure.hidden = 10 <= k < 40

    seen = run(tracker_of([figure], HASTY), 60, move=leave_and_return)
    assert ids(seen[9]) == ["p1"]
    assert seen[30] == []
    assert ids(seen[59]) == ["p2"]


RATES = [5, 10, 15, 30, 60, 90]


@pytest.mark.parametrize("rate", RATES)
def test_a_body_that_is_seen_for_a_ninth_of_a_second_gets_no_id_at_any_rate(rate):
    figure = Figure(200, 200)

    def flicker(k):
        figure.hidden = k / rate % 0.8 > 0.11

    assert all(people == [] for people in run(tracker_of([figure], HASTY), 2 * rate, rate=rate, move=flicker))


@pytest.mark.parametrize("rate", RATES)
def test_a_person_gets_an_id_after_a_fifth_of_a_second_and_at_low_rates_after_three_images(rate):
    seen = run(tracker_of([Figure(200, 200)], HASTY), rate, rate=rate)
    first = next(k for k, people in enumerate(seen) if people)
    assert first == 2 if rate <= 10 else 0.14 < first / rate <= 0.21


@pytest.mark.parametrize("rate", [10, 30, 60])
def test_a_track_that_began_half_a_second_ago_on_a_known_body_ends_at_any_rate(rate):
    """In a shadow a person has clothes of another colour, to the detector; in half of its light, of both."""
    figure = Figure(300, 240, 150)
    tracker, seen = tracker_of([figure], HASTY), []
    for k in range(4 * rate):
        grey = 90 if k / rate < 2.0 else 22 if k / rate < 2.95 else 55
        figure.hidden = 2.0 <= k / rate < 2.4 or 2.85 <= k / rate < 2.95
        figure.peak = 0.6 if k / rate < 2.0 else 0.7  # the newcomer shows more, and is looked at first
        seen.append(tracker.update(np.full_like(IMAGE, grey), k / rate))
    assert ids(seen[-1]) == ["p1"]
    assert len(seen[-1]) == 1


def test_two_people_side_by_side_keep_their_ids():
    left, right = Figure(200, 200), Figure(226, 200)

    def together(k):
        left.x, right.x = 200 + 4 * k, 226 + 4 * k

    seen = run(tracker_of([left, right], HASTY), 30, move=together)
    assert all(sorted(ids(people)) == ["p1", "p2"] for people in seen[6:])
    first = {p.id: p.landmarks.pixels[33, 0] for p in seen[8]}
    last = {p.id: p.landmarks.pixels[33, 0] for p in seen[-1]}
    assert (first["p1"] < first["p2"]) == (last["p1"] < last["p2"])


def test_nobody_is_followed_twice():
    seen = run(tracker_of([Figure(300, 240, 150)], HASTY), 30)
    assert max(len(people) for people in seen) == 1


def test_a_track_that_began_on_a_known_body_ends_and_the_older_id_stays():
    """A person is missed in one frame and found by the detector in clothes of another colour, as behind a shadow."""
    figure = Figure(300, 240, 150)
    tracker, seen = tracker_of([figure], HASTY), []
    for k in range(30):
        image = np.full_like(IMAGE, 200 if k % 2 else 20)
        figure.hidden = k == 10
        seen.append(tracker.update(image, 0.1 * k))
    assert all(ids(people) == ["p1"] for people in seen[5:])


def test_implausible_bodies_get_no_id():
    seen = run(tracker_of([Figure(300, 240, 150, peak=0.1)], HASTY), 20)
    assert all(people == [] for people in seen)


def test_a_detection_of_one_frame_gets_no_id():
    figure = Figure(300, 240)

    def flicker(k):
        figure.hidden = k % 8 >= 2

    seen = run(tracker_of([figure], HASTY), 24, move=flicker)
    assert all(people == [] for people in seen)


@pytest.mark.parametrize("restart", [-5.0, 100.0])
def test_a_stamp_that_goes_back_or_a_long_gap_resets_the_tracker(restart):
    tracker = tracker_of([Figure(300, 240)], HASTY)
    assert ids(run(tracker, 8)[-1]) == ["p1"]
    assert tracker.update(IMAGE, restart) == []
    assert ids(run(tracker, 8, start=restart + 0.1)[-1]) == ["p2"]


# px of 640x480 -> px of another image of the same camera, and its width and height
OTHER_IMAGES = {
    "half the resolution": ([[0.5, 0, -0.25], [0, 0.5, -0.25], [0, 0, 1]], (320, 240)),
    "twice the resolution": ([[2, 0, 0.5], [0, 2, 0.5], [0, 0, 1]], (1280, 960)),
    "a part of the sensor": ([[1, 0, -160], [0, 1, -120], [0, 0, 1]], (320, 240)),
    "a longer focal length": ([[1.8, 0, -256], [0, 1.8, -192], [0, 0, 1]], (640, 480)),
}


@pytest.mark.parametrize("name", OTHER_IMAGES)
@pytest.mark.parametrize("hidden", [0, 6])
def test_people_keep_their_ids_when_their_camera_changes_its_image(name, hidden):
    """Two people walk; one of them may be hidden while the image changes."""
    (to_new, size), figures = OTHER_IMAGES[name], [Figure(270, 240), Figure(360, 250)]
    tracker, to_new, height = tracker_of(figures, HASTY), np.array(to_new), 100.0

    def walk(k):
        figures[0].hidden = 12 <= k < 12 + hidden
        for figure, x, y in zip(figures, (270, 360), (240, 250), strict=True):
            place = np.array([x + 3.0 * k, y, 1.0])
            figure.x, figure.y = place[:2] if k < 15 else to_new[:2] @ place
            figure.height = height if k < 15 else height * to_new[0, 0]

    before = run(tracker, 15, move=walk)[-1]
    tracker.change_pixels(to_new, size)
    image, after = np.full((size[1], size[0], 3), 90, np.uint8), []
    for k in range(15, 25):
        walk(k)
        after.append(tracker.update(image, k / 10))
    assert all(ids(people) == ids(before) == ["p1", "p2"] for people in after)
    assert [people[0].is_occluded for people in after] == [k < 12 + hidden for k in range(15, 25)]
    np.testing.assert_allclose(after[-1][0].landmarks.pixels[33], [figures[0].x, figures[0].y], atol=1)


def test_a_camera_that_zooms_all_the_time_costs_no_more_calls_of_the_detector_than_one_that_turns():
    figures = [Figure(320, 240, 100)]
    detector = FigureDetector(figures)
    tracker = PeopleTracker(FigureFinder(figures), detector)
    run(tracker, 60, rate=30.0)
    detector.tiles.clear()
    for k in range(60, 90):
        tracker.change_pixels(np.array([[1.01, 0, -3.2], [0, 1.01, -2.4], [0, 0, 1]]), (640, 480))
        figures[0].height *= 1.01
        assert ids(tracker.update(IMAGE, k / 30)) == ["p1"]
    assert len(detector.tiles) == 10


def test_another_image_size_resets_the_tracker():
    tracker = tracker_of([Figure(300, 240)], HASTY)
    assert ids(run(tracker, 8)[-1]) == ["p1"]
    assert tracker.update(IMAGE[:400], 0.9) == []


def test_the_number_of_people_followed_is_bounded():
    crowd = [Figure(60 + 100 * (k % 6), 120 + 130 * (k // 6), 90) for k in range(18)]
    config = TrackerConfig(candidates_per_frame=20, max_people=5)
    assert len(run(tracker_of(crowd, config), 10)[-1]) == 5


@pytest.mark.parametrize("bad", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3)), np.zeros((0, 4, 3), np.uint8), None])
def test_input_that_is_not_an_image_is_refused(bad):
    with pytest.raises(ImageError, match="image"):
        tracker_of([]).update(bad, 0.0)


def test_a_stamp_of_nan_is_refused():
    with pytest.raises(ValueError, match="finite"):
        tracker_of([]).update(IMAGE, float("nan"))


def test_tiny_images_are_accepted():
    tracker = tracker_of([])
    for k in range(3):
        assert tracker.update(np.zeros((1, 2, 3), np.uint8), 0.1 * k) == []


def test_every_tile_of_the_pyramid_is_searched_and_the_whole_image_most_often():
    rota = DetectionRota((1.5, 3.0), 96, 0.25, Pauses(0.5, 0.25, 0.0))
    chosen = [rota.choose(640, 480, 0.1 * k, Need.URGENT) for k in range(300)]
    whole = Tile(0, 0, 640, 480)
    assert chosen[0] == whole
    assert chosen.count(whole) == 200
    assert set(chosen) == set(tile_pyramid(640, 480, (1.5, 3.0), 96, 0.25))


def test_after_a_reset_the_tiles_come_in_the_same_order_as_at_first():
    rota = DetectionRota((1.5, 3.0), 96, 0.25, Pauses(0.5, 0.25, 0.0))
    first = [rota.choose(640, 480, 0.1 * k, Need.URGENT) for k in range(40)]
    rota.reset()
    assert [rota.choose(640, 480, 0.1 * k, Need.URGENT) for k in range(40)] == first


def test_the_detector_rests_while_nothing_is_new():
    rota = DetectionRota((1.5,), 96, 0.25, Pauses(0.5, 0.25, 0.0))
    chosen = [rota.choose(640, 480, 0.1 * k, Need.CALM) for k in range(9)]
    assert [tile is None for tile in chosen] == [False, True, True] * 3


def test_appearance_keeps_the_ids_of_people_who_cross():
    """While the tracked one is behind another, the other is not taken for them."""
    dark, light = Figure(300, 240), Figure(420, 240)
    tracker, seen = tracker_of([dark, light], HASTY), []
    for k in range(40):
        light.x = 420 - 6 * k
        dark.hidden = abs(light.x - dark.x) < 28
        image = IMAGE.copy()
        for figure, colour in ((dark, 20), (light, 220)):
            image[180:300, int(figure.x) - 15 : int(figure.x) + 15] = colour
        seen.append({p.id: (p.landmarks.pixels[33, 0], p.is_occluded) for p in tracker.update(image, 0.1 * k)})
    names = {min(frame, key=lambda i: frame[i][0] - dark.x) for frame in seen[-3:]}
    assert all(sorted(frame) == ["p1", "p2"] for frame in seen[5:])
    first = {name: seen[5][name][0] for name in seen[5]}
    walker = max(first, key=lambda name: first[name])
    assert names == {walker}
    assert seen[-1][walker][0] == pytest.approx(light.x, abs=2)


def test_appearance_is_the_median_colours_of_torso_and_thighs():
    from helpers.people_scenes import landmark_set

    from metrichmsr_ros.people.tracking.appearance import appearance_of, colour_distance

    image = np.zeros((200, 200, 3), np.uint8)
    image[:100] = (255, 0, 0)
    image[100:] = (0, 0, 255)
    red_blue = appearance_of(image, landmark_set(Figure(100, 100)))
    np.testing.assert_allclose(red_blue, [[53.24 * 0.6, 80.09, 67.20], [32.30 * 0.6, 79.19, -107.86]], atol=0.3)
    assert colour_distance(red_blue, red_blue) == 0.0
    outside = appearance_of(image, landmark_set(Figure(100, 900)))
    assert np.isnan(outside).all()
    assert colour_distance(red_blue, outside) == 0.0


def test_a_box_finds_people_whom_the_detector_misses_and_costs_nothing_once_they_are_tracked():
    figure = Figure(320, 240, height=60)
    networks = FigureFinder([figure])
    tracker = PeopleTracker(networks, FigureDetector([]))
    box = landmark_set(figure).bbox()
    for k in range(20):
        people = tracker.update(IMAGE, k / 10, [box])
    assert ids(people) == ["p1"]
    networks.landmark_calls = 0
    tracker.update(IMAGE, 2.1, [box])
    assert networks.landmark_calls == 1  # to follow; the hint is explained by the known person
    assert not PeopleTracker(FigureFinder([figure]), FigureDetector([])).update(IMAGE, 0.0)


def test_a_body_that_the_detector_no_longer_sees_loses_its_confidence_and_its_track():
    """As of a chair on which somebody sat: the landmark network goes on to see a body there."""
    figure = Figure(300, 240, 150)
    network, detector = FigureFinder([figure]), FigureDetector([figure])
    tracker = PeopleTracker(network, detector)
    before = run(tracker, 20)[-1][0].confidence
    detector.figures = []
    figure.peak = 0.4
    seen = run(tracker, 60, start=2.0)
    confidence = [people[0].confidence for people in seen if people]
    assert before > 0.9
    assert (np.diff(confidence) <= 0).all()
    assert confidence[-1] < 0.5
    assert seen[-1] == []


def test_a_box_of_a_low_score_starts_no_track():
    assert run(tracker_of([Figure(300, 240, 150)], HASTY, score=0.3), 20)[-1] == []


def test_a_box_around_nobody_gives_nobody():
    tracker = tracker_of([], HASTY)
    assert not any(tracker.update(IMAGE, k / 10, [np.array([10, 10, 60, 200.0])]) for k in range(10))
