"""Sets of images of several cameras: complete, of different rates, with a camera that stops, with a bag that loops."""

from __future__ import annotations

from metrichmsr_ros.fusion.frame_sets import FrameSets


def sets_of(arrivals):
    """Arrivals (camera, stamp) -> the sets, as (stamp, cameras)."""
    frames = FrameSets()
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
