"""Sets of images of several cameras: complete, of different rates, with a camera that stops, with a bag that loops."""

from __future__ import annotations

import pytest

from metrichmsr_ros.fusion.clocks import LIVE_S, QUIET_S
from metrichmsr_ros.fusion.frame_sets import FrameSets


def sets_of(arrivals, left_out=pytest.fail):
    """Arrivals (camera, stamp) -> the sets, as (stamp, cameras)."""
    frames = FrameSets(left_out)
    made = [ready for camera, stamp in arrivals for ready in frames.add(camera, stamp, f"{camera}{stamp}")]
    return [(round(ready.stamp_s, 6), sorted(ready.frames)) for ready in made]


def test_a_set_is_complete_when_every_camera_has_an_image():
    arrivals = [(c, t + d) for t in (0.0, 0.1, 0.2) for c, d in (("a", 0.0), ("b", 0.01), ("c", 0.02))]
    made = sets_of(arrivals)
    assert made[-2:] == [(0.12, ["a", "b", "c"]), (0.22, ["a", "b", "c"])]


def test_a_slow_camera_does_not_hold_up_a_fast_one():
    arrivals = sorted(
        [("fast", n / 30) for n in range(30)] + [("slow", n / 5 + 0.001) for n in range(5)], key=lambda a: a[1]
    )
    made = sets_of(arrivals)
    assert sum("fast" in cameras for _, cameras in made) >= 28
    assert sum("slow" in cameras for _, cameras in made) == 5


def test_a_camera_that_stops_is_waited_for_no_longer_than_one_image_of_another():
    arrivals = [("a", 0.0), ("b", 0.0)] + [("a", 0.1 * n) for n in range(1, 30)]
    made = sets_of(arrivals)
    assert [stamp for stamp, _ in made if stamp > 0][:2] == [0.1, 0.2]
    assert made[-1] == (2.9, ["a"])  # no longer alive: at once


def test_a_bag_that_loops_is_taken_from_its_start():
    made = sets_of([("a", 50.0), ("b", 50.0), ("a", 0.0), ("b", 0.0), ("a", 0.1), ("b", 0.1)])
    assert made[-1] == (0.1, ["a", "b"])


def test_a_camera_whose_clock_is_behind_is_left_out_and_named():
    arrivals = [(c, 0.1 * n - late) for n in range(20) for c, late in (("right", 0.0), ("behind", LIVE_S + 0.5))]
    told = []
    made = sets_of(arrivals, lambda *problem: told.append(problem))
    assert len(told) == 20
    assert {camera for camera, *_ in told} == {"behind"}
    assert told[0][1] == "too late"
    assert "1.50 s older than those of right: synchronise the clocks" in told[0][2]
    assert made[-1] == (1.9, ["right"])


def test_one_stamp_far_ahead_does_not_end_the_sets():
    """The camera with the wrong stamp is gone; the other goes on at its own time."""
    stamps = [("other", 1.0), ("wrong", 100.0), *(("other", 1.0 + 0.1 * n) for n in range(1, 40))]
    told = []
    made = sets_of(stamps, lambda *problem: told.append(problem))
    assert made[0] == (1.0, ["other"])
    assert len(told) == pytest.approx(10 * QUIET_S, abs=1)
    assert made[-1] == (4.9, ["other"])


def test_a_camera_that_is_ahead_of_most_is_left_out_and_named():
    arrivals = [(c, 0.1 * n + d) for n in range(20) for c, d in (("left", 0.0), ("right", 0.01), ("ahead", 7.0))]
    told = []
    made = sets_of(arrivals, lambda *problem: told.append(problem))
    assert {problem[:2] for problem in told} == {("ahead", "too early")}
    assert "6.99 s newer than those of right and of most cameras" in told[0][2]
    assert made[-1] == (1.91, ["left", "right"])


def test_after_a_pause_of_all_cameras_at_most_half_of_their_images_are_lost():
    arrivals = [(c, t) for t in (0.0, 0.1, 0.2, 9.0, 9.1, 9.2) for c in ("a", "b", "c", "d")]
    told = []
    made = sets_of(arrivals, lambda *problem: told.append(problem))
    assert [camera for camera, *_ in told] == ["a"]
    assert made[-2:] == [(9.1, ["a", "b", "c", "d"]), (9.2, ["a", "b", "c", "d"])]


def test_an_image_in_time_after_many_late_ones_completes_its_set():
    late = [("behind", 1.0 + 0.01 * n) for n in range(20)]
    arrivals = [("left", 5.0), ("right", 5.0), ("left", 5.1), *late, ("right", 5.1)]
    assert sets_of(arrivals, lambda *problem: None)[-1] == (5.1, ["left", "right"])
