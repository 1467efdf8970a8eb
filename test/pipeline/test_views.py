"""Which people get further views, by the requested test-time augmentation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from helpers.people_scenes import Figure, landmark_set

from metrichmsr_ros.people.blazepose.landmarks import LandmarkSet
from metrichmsr_ros.people.detection.test_time_views import View2D
from metrichmsr_ros.people.tracking.track import TrackedPerson
from metrichmsr_ros.pipeline.views import ViewMaker, landmarks_by_id

id_of = id
IMAGE = np.zeros((480, 640, 3), np.uint8)


@dataclass
class Seen:
    """A tracked person of whom only the landmarks are read."""

    landmarks: LandmarkSet


class Echo:
    """A landmark network that sees every person where they were, whatever the crop."""

    def __init__(self, people):
        self.people = people

    def landmarks(self, image, roi, min_score, without, keep, mirrored):
        (found,) = (person for person in self.people if np.allclose(person.next_roi().centre, roi.centre))
        assert [id(other) for other in without] == [id(other) for other in self.people if other is not found]
        return found


@pytest.fixture
def people():
    """Three people, of whom the second hides the legs."""
    sets = [landmark_set(Figure(100.0 + 200 * column, 200)) for column in range(3)]
    for number, person in enumerate(sets):
        person.visibility[25:29] = 0.1 if number == 1 else 0.9
    return sets


USUAL, WIDE = (True, False), (False, True)  # mirrored, wide


@pytest.mark.parametrize(
    ("augmentation", "expected"), [("none", {1: [WIDE]}), ("flip", {0: [USUAL], 1: [USUAL, WIDE], 2: [USUAL]})]
)
def test_hidden_legs_get_a_wide_view_in_any_case(people, augmentation, expected):
    views = ViewMaker(Echo(people), reads_views=True)(IMAGE, [Seen(person) for person in people], augmentation)
    assert {row: [(view.mirrored, view.wide) for view in of_one] for row, of_one in views.items()} == expected
    for row, of_one in views.items():
        assert all(view.landmarks is people[row] for view in of_one)


def test_networks_over_crops_have_one_view(people):
    maker = ViewMaker(Echo(people), reads_views=False)
    assert maker(IMAGE, [Seen(person) for person in people], "full") == {}


def test_landmarks_of_a_person_are_of_all_views_but_wide_ones(people):
    tracked = [TrackedPerson(id, 0, found, False, found.bbox(), 1.0) for id, found in zip("abc", people, strict=True)]
    mirrored, wide, heavy = (landmark_set(Figure(50.0 * number, 200)) for number in range(3))
    first = {1: [View2D(mirrored, True), View2D(wide, False, 0.5)]}
    found = landmarks_by_id(tracked, first, {1: [View2D(heavy, False)], 2: [View2D(heavy, True)]})
    assert {id: list(map(id_of, sets)) for id, sets in found.items()} == {
        "a": [id_of(people[0])],
        "b": [id_of(people[1]), id_of(mirrored), id_of(heavy)],
        "c": [id_of(people[2]), id_of(heavy)],
    }
