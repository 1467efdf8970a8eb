"""The tracker with stand-ins for the networks: new and lost people, ids, occlusion, cost."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.people_scenes import Figure, FigureFinder, landmark_set

from metrichmsr_ros.people.blazepose.networks import ImageError
from metrichmsr_ros.people.tracking.tile_scheduler import MotionMap, TileScheduler
from metrichmsr_ros.people.tracking.tracker import PeopleTracker, TrackerConfig

IMAGE = np.full((480, 640, 3), 90, np.uint8)
HASTY = TrackerConfig(tiles_per_frame=200, candidates_per_frame=20)


def run(tracker, frames, start=0.0, rate=10.0, move=None):
    seen = []
    for k in range(frames):
        if move is not None:
            move(k)
        seen.append(tracker.update(IMAGE, start + k / rate))
    return seen


def ids(people):
    return [person.id for person in people]


def test_an_id_comes_after_several_frames_and_stays():
    figure = Figure(200, 200)

    def walk(k):
        figure.x = 200 + 6 * k

    seen = run(PeopleTracker(FigureFinder([figure]), HASTY), 30, move=walk)
    assert [len(people) for people in seen[: HASTY.birth_frames - 1]] == [0] * (HASTY.birth_frames - 1)
    assert all(ids(people) == ["p1"] for people in seen[HASTY.birth_frames :])
    last = seen[-1][0]
    assert not last.is_occluded
    assert last.age >= 28
    np.testing.assert_allclose(last.landmarks.pixels[33], [figure.x, figure.y], atol=1)
    assert last.bbox[0] < figure.x < last.bbox[2]


def test_everybody_is_found_within_two_seconds_at_the_default_cost():
    network = FigureFinder([Figure(120, 240, 200), Figure(420, 300, 110), Figure(560, 200, 90)])
    tracker = PeopleTracker(network)
    seen = run(tracker, 20 * 3, rate=30.0)
    assert len(seen[-1]) == 3
    assert network.detector_calls <= 60 * TrackerConfig().tiles_per_frame


def test_one_tracked_person_costs_one_landmark_call_and_the_tiles():
    network = FigureFinder([Figure(300, 240, 200)])
    tracker = PeopleTracker(network)
    run(tracker, 20)
    network.detector_calls = network.landmark_calls = 0
    run(tracker, 10, start=2.0)
    assert network.landmark_calls == 10
    assert 10 <= network.detector_calls <= 10 * TrackerConfig().tiles_per_frame


def test_occluded_people_are_kept_for_a_while_with_their_id():
    figure = Figure(200, 200)

    def behind_a_post(k):
        figure.x = 200 + 3 * k
        figure.hidden = 10 <= k < 16

    seen = run(PeopleTracker(FigureFinder([figure]), HASTY), 25, move=behind_a_post)
    assert all(ids(people) == ["p1"] for people in seen[5:])
    assert [people[0].is_occluded for people in seen[5:]] == [5 <= k < 11 for k in range(20)]
    assert seen[12][0].landmarks.pixels[33, 0] > seen[9][0].landmarks.pixels[33, 0]  # moved on while unseen


def test_people_who_left_are_dropped_and_ids_are_never_reused():
    figure = Figure(200, 200)

    def leave_and_return(k):
        figure.hidden = 10 <= k < 40

    seen = run(PeopleTracker(FigureFinder([figure]), HASTY), 60, move=leave_and_return)
    assert ids(seen[9]) == ["p1"]
    assert seen[30] == []
    assert ids(seen[59]) == ["p2"]


def test_two_people_side_by_side_keep_their_ids():
    left, right = Figure(200, 200), Figure(226, 200)

    def together(k):
        left.x, right.x = 200 + 4 * k, 226 + 4 * k

    seen = run(PeopleTracker(FigureFinder([left, right]), HASTY), 30, move=together)
    assert all(sorted(ids(people)) == ["p1", "p2"] for people in seen[6:])
    first = {p.id: p.landmarks.pixels[33, 0] for p in seen[8]}
    last = {p.id: p.landmarks.pixels[33, 0] for p in seen[-1]}
    assert (first["p1"] < first["p2"]) == (last["p1"] < last["p2"])


def test_nobody_is_followed_twice():
    seen = run(PeopleTracker(FigureFinder([Figure(300, 240, 150)]), HASTY), 30)
    assert max(len(people) for people in seen) == 1


def test_implausible_bodies_get_no_id():
    seen = run(PeopleTracker(FigureFinder([Figure(300, 240, 150, peak=0.35)]), HASTY), 20)
    assert all(people == [] for people in seen)


def test_a_detection_of_one_frame_gets_no_id():
    figure = Figure(300, 240)

    def flicker(k):
        figure.hidden = k % 8 >= 2

    seen = run(PeopleTracker(FigureFinder([figure]), HASTY), 24, move=flicker)
    assert all(people == [] for people in seen)


@pytest.mark.parametrize("restart", [-5.0, 100.0])
def test_a_stamp_that_goes_back_or_a_long_gap_resets_the_tracker(restart):
    tracker = PeopleTracker(FigureFinder([Figure(300, 240)]), HASTY)
    assert ids(run(tracker, 8)[-1]) == ["p1"]
    assert tracker.update(IMAGE, restart) == []
    assert ids(run(tracker, 8, start=restart + 0.1)[-1]) == ["p2"]


def test_another_image_size_resets_the_tracker():
    tracker = PeopleTracker(FigureFinder([Figure(300, 240)]), HASTY)
    assert ids(run(tracker, 8)[-1]) == ["p1"]
    assert tracker.update(IMAGE[:400], 0.9) == []


def test_the_number_of_people_followed_is_bounded():
    crowd = [Figure(60 + 100 * (k % 6), 120 + 130 * (k // 6), 90) for k in range(18)]
    network = FigureFinder(crowd)
    config = TrackerConfig(tiles_per_frame=200, candidates_per_frame=20, max_people=5)
    assert len(run(PeopleTracker(network, config), 10)[-1]) == 5


@pytest.mark.parametrize("bad", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3)), np.zeros((0, 4, 3), np.uint8), None])
def test_input_that_is_not_an_image_is_refused(bad):
    with pytest.raises(ImageError, match="image"):
        PeopleTracker(FigureFinder([])).update(bad, 0.0)


def test_a_stamp_of_nan_is_refused():
    with pytest.raises(ValueError, match="finite"):
        PeopleTracker(FigureFinder([])).update(IMAGE, float("nan"))


def test_tiny_images_are_accepted():
    tracker = PeopleTracker(FigureFinder([]))
    for k in range(3):
        assert tracker.update(np.zeros((1, 2, 3), np.uint8), 0.1 * k) == []


def test_motion_is_where_something_moved_and_nowhere_for_a_moving_camera():
    motion = MotionMap()
    still, moved = IMAGE.copy(), IMAGE.copy()
    moved[200:300, 400:440] = 255
    assert motion.update(still, []) is None
    assert motion.update(still, []) == []
    (tile,) = motion.update(moved, [])
    assert tile.x < 400 < 440 < tile.x + tile.width
    assert tile.y < 200 < 300 < tile.y + tile.height
    noise = np.random.default_rng(0).integers(0, 255, (6, 8, 3), np.uint8).repeat(80, 0).repeat(80, 1)
    assert motion.update(noise, []) is None


def test_every_tile_of_the_pyramid_is_searched():
    scheduler = TileScheduler((1.0, 2.0, 3.0), 96, 0.5, 0.3)
    looked = set()
    for k in range(80):
        chosen = scheduler.choose(IMAGE, 0.1 * k, [], [], 3)  # nobody known: the full number of looks
        assert len(chosen) == 3
        looked |= set(chosen)
    assert looked >= set(scheduler._tiles)


def test_tiles_of_lost_people_come_first_but_not_in_every_frame():
    from metrichmsr_ros.people.blazepose.landmarks import Roi

    scheduler = TileScheduler((1.0, 2.0), 96, 0.5, 0.3)
    lost = [Roi(np.array([300.0, 240.0]), 120.0)]
    first = scheduler.choose(IMAGE, 0.0, [], lost, 2)[0]
    assert first.x < 300 < first.x + first.width
    assert first.width < 240
    again = scheduler.choose(IMAGE, 0.1, [], lost, 2)
    assert first not in again
    assert first in scheduler.choose(IMAGE, 0.4, [], lost, 2)


def test_appearance_keeps_the_ids_of_people_who_cross():
    """While the tracked one is behind another, the other is not taken for them."""
    dark, light = Figure(300, 240), Figure(420, 240)
    network = FigureFinder([dark, light])
    tracker, seen = PeopleTracker(network, HASTY), []
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


def test_a_box_finds_people_whom_no_tile_shows_and_costs_nothing_once_they_are_tracked():
    figure = Figure(320, 240, height=60)  # too small for the one tile that is looked at
    blind = TrackerConfig(tiles_per_frame=1, divisors=())
    networks = FigureFinder([figure])
    tracker = PeopleTracker(networks, blind)
    box = landmark_set(figure).bbox()
    for k in range(20):
        people = tracker.update(IMAGE, k / 10, [box])
    assert ids(people) == ["p1"]
    networks.landmark_calls = 0
    tracker.update(IMAGE, 2.1, [box])
    assert networks.landmark_calls == 1  # to follow; the hint is explained by the known person
    assert not PeopleTracker(FigureFinder([figure]), blind).update(IMAGE, 0.0)


def test_a_box_around_nobody_gives_nobody():
    tracker = PeopleTracker(FigureFinder([]), HASTY)
    assert not any(tracker.update(IMAGE, k / 10, [np.array([10, 10, 60, 200.0])]) for k in range(10))
