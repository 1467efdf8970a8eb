"""The benchmark on hidden legs: pictures keep what is above the edge, and people are found again by their shoulders."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks.real import hidden_legs
from benchmarks.real.hidden_legs import LEVELS, WAYS, Case, cases_of, hidden_below, table_of
from benchmarks.real.measures import TORSO_LANDMARKS, Distance
from benchmarks.real.pictures import PersonInView, Picture
from metrichmsr_ros.geometry.camera import Camera

SHOULDERS, HIPS = 100.0, 200.0  # rows


def person(shift: float = 0.0, distance: float = 2.2) -> SimpleNamespace:
    """Somebody with a trunk of 100 px, from column 90 to 110."""
    pixels = np.zeros((39, 2))
    corners = np.array([[90, SHOULDERS], [110, SHOULDERS], [110, HIPS], [90, HIPS]])
    pixels[TORSO_LANDMARKS] = corners + np.array([shift, 0])
    return SimpleNamespace(
        bbox=np.array([80.0 + shift, 60, 120 + shift, 400]),
        landmarks=SimpleNamespace(pixels=pixels),
        distance=distance,
    )


@pytest.fixture
def picture() -> Picture:
    image = np.random.default_rng(0).integers(0, 255, (300, 200, 3), np.uint8)
    depth = np.full((300, 200), 1.875, np.float32)
    people = (PersonInView("whole", np.array([80.0, 60, 120, 290])),)
    return Picture("a", image, depth, Camera.from_fov(200, 300, fov_x=1.0), people)


@pytest.mark.parametrize("way", WAYS)
def test_a_picture_keeps_what_is_above_and_loses_what_is_below(picture: Picture, way: str) -> None:
    image, camera = hidden_below(picture, 120, way)
    assert (image.shape[1], image.shape[0]) == camera.size
    np.testing.assert_array_equal(image[:120], picture.image[:120])
    np.testing.assert_array_equal(camera.intrinsics, picture.camera.intrinsics)
    if way == "desk":
        assert np.abs(image[120:].astype(float) - [120, 90, 60]).mean() < 10
    else:
        assert len(image) == 120


class Scenes:
    """A pipeline that finds `whole` in the picture and `hidden` in every other one."""

    def __init__(self, whole: list[SimpleNamespace], hidden: list[SimpleNamespace], picture: Picture) -> None:
        self.whole, self.hidden, self.picture = whole, hidden, picture

    def estimate(self, image: np.ndarray, camera: Camera, request: object) -> SimpleNamespace:
        return SimpleNamespace(people=self.whole if image is self.picture.image else self.hidden)


def cases(picture: Picture, hidden: list[SimpleNamespace], monkeypatch: pytest.MonkeyPatch) -> list[Case]:
    def distance_of(found: SimpleNamespace, framing: str, true: float, camera: Camera, body: object) -> Distance:
        return Distance(framing, true, found.distance, 0.1, 2 * true)

    monkeypatch.setattr(hidden_legs, "distance_of", distance_of)
    return list(cases_of(picture, Scenes([person()], hidden, picture), None))  # type: ignore[arg-type]


def test_the_truth_is_that_of_the_picture_as_it_was(picture: Picture, monkeypatch: pytest.MonkeyPatch) -> None:
    found = cases(picture, [person(60), person(5, 2.2)], monkeypatch)
    assert [(case.level, case.way) for case in found] == [(level, way) for level in LEVELS for way in WAYS]
    for case in found:
        assert case.distance is not None
        assert case.distance.true == pytest.approx(1.975)  # 1.875 m of the surface and 0.1 m to the joints
        assert case.distance.estimated == 2.2


def test_somebody_else_is_not_taken_for_them(picture: Picture, monkeypatch: pytest.MonkeyPatch) -> None:
    assert all(case.distance is None for case in cases(picture, [person(60)], monkeypatch))


def test_levels_below_the_picture_and_people_from_behind_are_left_out(
    picture: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    low = Picture("a", picture.image[:210], picture.depth[:210], picture.camera, picture.people)
    assert {case.level for case in cases(low, [person()], monkeypatch)} == {"waist", "chest"}
    behind = (PersonInView("from behind", picture.people[0].box),)
    turned = Picture("a", picture.image, picture.depth, picture.camera, behind)
    assert cases(turned, [person()], monkeypatch) == []


def test_the_table_counts_the_lost_and_takes_medians_of_the_others() -> None:
    some = [Case("hips", "cut", d) for d in (Distance("whole", 2, 2.1, 0.2, 3), None)]
    table = table_of([*some, Case("hips", "desk", Distance("whole", 4, 3.6, 0.1, 4.4))])
    rows = list(zip(*(list(column.cells) for column in table.columns), strict=True))
    assert ("cut", "hips", "2", "1", "+5.0", "+50.0", "5.0", "50.0", "1.00") in rows
    assert ("desk", "all", "1", "1", "-10.0", "+10.0", "10.0", "10.0", "0.00") in rows
