"""Cameras of different rates, latencies and clocks: times grow, people stay seen, positions are those of the time."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.fused_cameras import seen_by

from metrichmsr_ros.fusion.clocks import QUIET_S
from metrichmsr_ros.fusion.frame_sets import FrameSets
from metrichmsr_ros.fusion.people_fusion import PeopleFusion

DURATION_S = 12.0


def place(stamp_s):
    return np.array([1.5 * np.sin(0.5 * stamp_s), 0.0, 0.9])


class Published:
    """What is published while images arrive: times, ids, whether hidden, and errors of the position."""

    def __init__(self, arrivals, who):
        self.times, self.ids, self.hidden, self.errors, self.left_out = [], set(), [], [], []
        sets, fusion = FrameSets(lambda camera, *_: self.left_out.append(camera)), PeopleFusion()
        for _, camera, stamp_s, true_s in sorted(arrivals):
            seen = [seen_by(camera, "a", place(true_s), stamp_s)] if camera in who else []
            for complete in sets.add(camera, stamp_s, seen):
                people = fusion.step([s for frame in complete.frames.values() for s in frame], complete.stamp_s)
                if people is not None:
                    self._add(complete.stamp_s, people)

    def _add(self, stamp_s, people):
        self.times.append(stamp_s)
        for person in people:
            self.ids.add(person.id)
            self.hidden.append(person.is_hidden)
            if stamp_s > 3.0:  # the velocity is known
                self.errors.append(np.linalg.norm(person.motion.position - place(stamp_s)))


def images(camera, rate, latency, offset=0.0, phase=0.0):
    """(arrival, camera, stamp, true time) of each image; `latency` is a number or a random generator's draw."""
    for number in range(int(DURATION_S * rate)):
        time_s = phase + number / rate
        yield time_s + (latency() if callable(latency) else latency), camera, time_s + offset, time_s


def jitter(seed):
    """Latencies of a busy computer: median 68 ms, 5 % above 274 ms. In order."""
    rng = np.random.default_rng(seed)
    return lambda: 0.068 * np.exp(rng.normal() * np.log(0.274 / 0.068) / 1.645)


def in_order(arrivals):
    """A camera's images arrive in the order of their stamps."""
    newest = 0.0
    for arrival, *image in arrivals:
        newest = max(newest, arrival)
        yield newest, *image


@pytest.mark.parametrize(
    "cameras",
    [
        [images("south", 5, 0.05), images("east", 30, 0.25, phase=0.03)],
        [images("south", 10, 0.05), images("east", 10, 0.2, phase=0.03), images("north", 7, 0.12, phase=0.05)],
        [images(camera, 10, jitter(seed), phase=0.02 * seed) for seed, camera in enumerate(("south", "east"))],
        [images(camera, 10, jitter(seed), phase=0.02 * seed) for seed, camera in enumerate(("south", "east", "north"))],
    ],
    ids=["5 Hz and late 30 Hz", "three rates", "two with jitter", "three with jitter"],
)
def test_times_grow_and_positions_are_those_of_their_time(cameras):
    published = Published([image for camera in cameras for image in in_order(camera)], {"south", "east", "north"})
    assert min(np.diff(published.times)) > 0
    assert len(published.times) >= DURATION_S * 5 - 2
    assert published.ids == {"p1"}
    assert max(published.errors) < 0.15
    assert not published.left_out


@pytest.mark.parametrize("lag", [0.3, 0.6, 0.9])
def test_a_person_whom_a_late_camera_alone_sees_stays_seen_and_where_it_is(lag):
    arrivals = [*images("south", 10, 0.05), *images("east", 10, 0.05 + lag, phase=0.03)]
    published = Published(arrivals, {"east"})
    assert published.ids == {"p1"}
    assert not any(published.hidden)
    assert max(published.errors) < 0.15 + 0.2 * lag**2  # the acceleration is not known


@pytest.mark.parametrize("rate", [2, 3, 5])
def test_a_person_whom_a_slow_camera_alone_sees_stays_seen_between_its_images(rate):
    arrivals = [*images("south", 15, 0.07), *images("east", rate, 0.2, phase=0.03)]
    published = Published(arrivals, {"east"})
    assert published.ids == {"p1"}
    assert sum(published.hidden) <= 15 / rate  # until its second image
    assert max(published.errors) < 0.25


@pytest.mark.parametrize("seeing", ["right", "both"])
@pytest.mark.parametrize("offset", [-1.5, 1.5])
def test_a_clock_that_is_wrong_is_named_and_changes_no_ids(offset, seeing):
    arrivals = [*images("south", 10, 0.05), *images("east", 10, 0.05, offset, phase=0.03)]
    published = Published(arrivals, {"south", "east"} if seeing == "both" else {"south"})
    assert len(published.ids) <= 1
    assert set(published.left_out) == {"east" if offset < 0 else "south"}
    assert min(np.diff(published.times)) > 0


@pytest.mark.parametrize("offset", [-5.0, 1.5, 5.0, 1e6])
@pytest.mark.parametrize("phase", [-0.01, 0.01, 0.03])
def test_most_cameras_are_right_about_the_time(offset, phase):
    """Whichever image comes first."""
    right = [images("south", 10, 0.05), images("north", 7, 0.12, phase=0.02)]
    arrivals = [*right[0], *right[1], *images("east", 15, 0.05, offset, phase=phase)]
    published = Published(arrivals, {"south", "north"})
    assert set(published.left_out) <= {"east", "south"}
    assert published.left_out.count("south") <= 1  # until the second camera confirms it
    assert len(published.ids) <= 2
    assert max(published.errors[1:]) < 0.15
    assert published.times[-1] == pytest.approx(DURATION_S, abs=0.2)


def test_a_clock_that_is_set_while_it_runs_is_left_out():
    steady = [*images("south", 10, 0.05), *images("north", 10, 0.05, phase=0.03)]
    steps = [(at, c, stamp + 4.0 * (true > 5.0), true) for at, c, stamp, true in images("east", 10, 0.05, phase=0.06)]
    published = Published([*steady, *steps], {"south", "north", "east"})
    assert set(published.left_out) == {"east"}
    assert published.ids == {"p1"}
    assert not any(published.hidden)
    assert max(published.errors) < 0.15


def test_a_camera_whose_clock_is_wrong_goes_on_when_the_others_are_gone():
    others = [image for c in ("south", "north") for image in images(c, 10, 0.05) if image[3] < 4.0]
    published = Published([*others, *images("east", 10, 0.05, 5.0)], set())
    assert published.left_out.count("east") == pytest.approx((4.0 + QUIET_S) * 10, abs=3)
    assert max(published.times) == pytest.approx(DURATION_S + 5.0, abs=0.2)
