"""People over several cameras: one id, positions where the rays cross, hand-over, and what is not one person."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from helpers.fused_cameras import CAMERAS, seen_by

from metrichmsr_ros.fusion.people_fusion import PeopleFusion
from metrichmsr_ros.fusion.sighting import SightingError

ALL = tuple(CAMERAS)


def walk(fusion, who, steps, start_s=0.0, fps=10.0):
    """`who(stamp)` gives the sightings of each step; the people of all steps."""
    stamps = [start_s + number / fps for number in range(steps)]
    return [fusion.step(who(stamp), stamp) for stamp in stamps]


def test_a_person_seen_by_four_cameras_has_one_id_and_is_where_the_rays_cross():
    place = (0.5, 0.3, 0.9)
    people = walk(PeopleFusion(), lambda t: [seen_by(c, "a", place, t, scale=1.15) for c in ALL], 10)[-1]
    assert [person.id for person in people] == ["p1"]
    assert people[0].cameras == tuple(sorted(ALL))
    alone = np.linalg.norm(seen_by("south", "a", place, scale=1.15).position - place)
    assert alone > 0.7
    np.testing.assert_allclose(people[0].motion.position, place, atol=0.05)


def test_velocity_is_that_of_the_person():
    def who(t):
        return [seen_by(c, "a", (-1.0 + t, 0.2, 0.9), t, scale=1.1) for c in ("south", "east")]

    person = walk(PeopleFusion(), who, 20)[-1][0]
    np.testing.assert_allclose(person.motion.velocity, [1.0, 0.0, 0.0], atol=0.1)


def test_another_camera_corrects_the_place_without_a_velocity():
    place = (0.0, 0.5, 0.9)

    def who(t):
        cameras = ("south",) if t < 1.0 else ("south", "east")
        return [seen_by(c, "a", place, t, scale=1.15) for c in cameras]

    frames = walk(PeopleFusion(), who, 12)
    assert np.linalg.norm(frames[9][0].motion.position - place) > 0.5
    assert np.linalg.norm(frames[11][0].motion.position - place) < 0.1
    assert np.linalg.norm(frames[11][0].motion.velocity) < 0.1


@pytest.mark.parametrize("fps", [10.0, 30.0])
def test_a_camera_that_leaves_gives_nobody_a_velocity(fps):
    scales = {"south": 1.08, "east": 0.94}

    def who(t):
        cameras = ("south", "east") if t < 2.0 else ("east",)
        return [seen_by(c, "a", (0.0, 0.5, 0.9), t, scale=scales[c]) for c in cameras]

    frames = walk(PeopleFusion(), who, int(4 * fps), fps=fps)
    speeds = [float(np.linalg.norm(people[0].motion.velocity)) for people in frames[int(2 * fps) :]]
    assert max(speeds) < 0.25


@pytest.mark.parametrize("speed", [0.0, 1.0])
@pytest.mark.parametrize("gap", [0.5, 1.0, 1.7])
@pytest.mark.parametrize("others", ["east", "north"])
def test_a_person_whom_another_camera_sees_again_after_a_gap_keeps_the_velocity(others, gap, speed):
    """The cameras are wrong by 0.3 and 0.4 m in different directions; the person goes on as before."""
    scales = {"south": 1.08, "east": 0.94, "north": 1.07}

    def who(t):
        camera = "south" if t < 2.0 else others if t >= 2.0 + gap else None
        place = (-1.0 + 0.6 * speed * t, -0.5 + 0.8 * speed * (t - 2.0), 0.9)
        return [seen_by(camera, "a", place, t, scale=scales[camera])] if camera else []

    frames = walk(PeopleFusion(), who, 50)
    assert {person.id for people in frames for person in people} == {"p1"}
    after = frames[round(10 * (2.0 + gap)) :]
    wrong = [np.linalg.norm(people[0].motion.velocity - speed * np.array([0.6, 0.8, 0.0])) for people in after]
    assert max(wrong) < 0.3
    gaps = [people[0].motion.position - people[0].best.position for people in after]
    assert np.linalg.norm(gaps, axis=1).max() < 0.1  # the place is that of the camera that sees the person


@pytest.mark.parametrize("cameras", [("south",), ("south", "east")])
def test_a_camera_that_finds_out_how_small_somebody_is_gives_nobody_a_velocity(cameras):
    """From 2 s on the first camera knows the floor: it sees the person smaller, and nearer."""
    place = (0.0, 0.5, 0.9)

    def who(t):
        scales = {camera: 1.2 if t < 2.0 or camera != "south" else 1.0 for camera in cameras}
        return [seen_by(c, "a", place, t, scale=scale, height=1.4 * scale) for c, scale in scales.items()]

    frames = walk(PeopleFusion(), who, 40)
    assert {person.id for people in frames for person in people} == {"p1"}
    speeds = [float(np.linalg.norm(people[0].motion.velocity)) for people in frames[20:]]
    assert max(speeds) < 0.1
    assert np.linalg.norm(frames[-1][0].motion.position - place) < 0.15


def test_a_camera_that_does_not_say_how_tall_people_are_is_used():
    def who(t):
        return [seen_by("south", "a", (0.5 * t, 0.5, 0.9), t, height=0.0 if t < 1.0 else 1.7)]

    person = walk(PeopleFusion(), who, 20)[-1][0]
    np.testing.assert_allclose(person.motion.velocity, [0.5, 0.0, 0.0], atol=0.1)


def test_the_stature_that_two_cameras_found_stays_with_the_person_in_the_view_of_one():
    def who(t):
        cameras = ("south", "east") if t < 2.0 else ("south",)
        return [seen_by(c, "a", (0.2 * t, 0.0, 0.9), t, scale=1.2) for c in cameras]

    person = walk(PeopleFusion(), who, 50)[-1][0]
    truth = np.array([0.2 * 4.9, 0.0, 0.9])
    assert np.linalg.norm(seen_by("south", "a", truth, scale=1.2).position - truth) > 0.9
    assert person.cameras == ("south",)
    assert np.linalg.norm(person.motion.position - truth) < 0.2


def test_the_id_survives_the_way_from_camera_to_camera_with_a_gap():
    def who(t):
        camera = "south" if t < 1.0 else "north" if t >= 1.5 else None
        return [seen_by(camera, "a", (0.0, -1.0 + t, 0.9), t)] if camera else []

    frames = walk(PeopleFusion(), who, 30)
    assert {person.id for people in frames for person in people} == {"p1"}
    assert [person.is_hidden for person in frames[14]] == [True]
    assert frames[29][0].best.camera == "north"
    assert frames[14][0].confidence < frames[9][0].confidence


def test_people_who_pass_each_other_keep_their_ids():
    def who(t):
        places = {"a": (-1.5 + t, 0.3, 0.9), "b": (1.5 - t, -0.3, 0.9)}
        return [seen_by(c, name, place, t, scale=1.05) for c in ALL for name, place in places.items()]

    frames = walk(PeopleFusion(), who, 30)
    for people in frames:
        assert sorted(person.id for person in people) == ["p1", "p2"]
    for first, last in itertools.product(frames[0], frames[-1]):
        if first.id == last.id:
            assert first.motion.position[0] * last.motion.position[0] < 0  # each is on the other side now


def test_a_camera_that_gives_new_ids_does_not_change_those_of_people():
    def who(t):
        return [seen_by(c, f"a{int(t * 10)}", (0.2, 0.1, 0.9), t) for c in ALL]

    assert {person.id for people in walk(PeopleFusion(), who, 10) for person in people} == {"p1"}


def test_two_tracks_that_turn_out_to_be_one_person_become_one():
    """The cameras disagree by 1.6 m at first; then both see the person right."""

    def who(t):
        scale = 1.6 if t < 0.5 else 1.0
        return (
            [seen_by("south", "a", (0.0, 0.0, 0.9), t), seen_by("north", "a", (0.3, -2.0, 0.9), t, scale=scale)]
            if t < 0.5
            else [seen_by(c, "a", (0.0, 0.0, 0.9), t) for c in ("south", "north")]
        )

    frames = walk(PeopleFusion(), who, 60)
    assert [person.id for person in frames[-1]] == ["p1"]


def test_the_pose_comes_from_the_clearly_better_view_only():
    def who(t):
        east = 1.1 if t < 1.0 else 2.0
        return [seen_by("south", "a", (0, 0, 0.9), t, quality=1.0), seen_by("east", "a", (0, 0, 0.9), t, quality=east)]

    first = PeopleFusion()
    first.step([seen_by("south", "a", (0, 0, 0.9), -0.1)], -0.1)
    frames = walk(first, who, 12)
    assert {people[0].best.camera for people in frames[:10]} == {"south"}
    assert frames[11][0].best.camera == "east"


def test_predictions_of_a_camera_are_no_measurements():
    fusion = PeopleFusion()
    assert fusion.step([seen_by("south", "a", (0, 0, 0.9), is_hidden=True)], 0.0) == []


def test_the_covariance_grows_while_nobody_sees_the_person_until_forgotten():
    fusion = PeopleFusion()
    fusion.step([seen_by("south", "a", (0, 0, 0.9), 0.0)], 0.0)
    traces = [np.trace(fusion.step([], t)[0].motion.covariance[:3, :3]) for t in (0.5, 1.0, 2.0)]
    assert traces == sorted(traces)
    assert fusion.step([], 3.5) == []


def test_slow_cameras_are_brought_to_the_time_of_the_fast_ones():
    """`east` is 0.2 s behind, in which the person walks 0.4 m."""

    def who(t):
        return [seen_by("south", "a", (2 * t, 0, 0.9), t), seen_by("east", "a", (2 * (t - 0.2), 0, 0.9), t - 0.2)]

    person = walk(PeopleFusion(), who, 15)[-1][0]
    np.testing.assert_allclose(person.motion.position[:2], [2.8, 0.0], atol=0.12)


def test_a_bag_that_loops_starts_anew_with_other_ids():
    fusion = PeopleFusion()
    assert fusion.step([seen_by("south", "a", (0, 0, 0.9), 100.0)], 100.0)[0].id == "p1"
    assert [person.id for person in fusion.step([seen_by("south", "a", (0, 0, 0.9), 1.0)], 1.0)] == ["p2"]


def test_numbers_that_cannot_be_fused_are_named():
    with pytest.raises(SightingError, match=r"person 'south_a' of camera 'south' has the position \[nan"):
        seen_by("south", "a", (np.nan, 0, 0.9))
    good = seen_by("south", "a", (0, 0, 0.9))
    with pytest.raises(SightingError, match="positive definite"):
        good.moved(good.position, np.zeros((3, 3)))
