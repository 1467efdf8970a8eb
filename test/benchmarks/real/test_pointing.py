"""The benchmark on real pointing: annotated arms, directions from measured depth, and what is said of them."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks.real.pictures import ANNOTATION as PEOPLE
from benchmarks.real.pictures import PersonInView, Picture
from benchmarks.real.pointing import ANNOTATION, DOES, Arm, arms_of, table_of, true_direction
from metrichmsr_ros.geometry.camera import Camera

CAMERA = Camera(100, 80, np.array([[100.0, 0, 50], [0, 100.0, 40], [0, 0, 1]]))
POINTS = {"person": 0, "side": "right", "does": "points"}
PIXELS = {"eyes": [50, 40], "face": [50, 42], "fingertip": [80, 40], "hand": [70, 40]}


@pytest.fixture
def picture() -> Picture:
    """A face 2 m away on the axis, a hand at 1.5 m, nothing measured at the fingertip."""
    depth = np.full((80, 100), 3.0, np.float32)
    depth[30:60, 40:60] = 2.0
    depth[35:45, 65:75] = 1.5
    depth[35:45, 75:90] = np.nan
    people = (PersonInView("whole", np.array([30.0, 20, 75, 79])),)
    return Picture("a", np.zeros((80, 100, 3), np.uint8), depth, CAMERA, people)


def scene(gestures: tuple[str, ...], pointing: tuple[float, float, float]) -> SimpleNamespace:
    """One person at the annotated place."""
    person = SimpleNamespace(
        bbox=np.array([30.0, 20, 75, 79]),
        landmarks=SimpleNamespace(pixels=np.full((39, 2), 50.0)),
        gestures=gestures,
        pointing_cam=np.array(pointing),
    )
    return SimpleNamespace(people=[person])


def test_direction_from_eyes_to_fingertip(picture: Picture) -> None:
    """The fingertip is taken at the distance of the hand: (0.45, 0, 1.5) m from eyes at (0, 0, 2) m."""
    direction = true_direction(picture, PIXELS)
    np.testing.assert_allclose(direction, np.array([0.45, 0.0, -0.5]) / np.hypot(0.45, 0.5), atol=1e-6)


def test_no_direction_without_depth(picture: Picture) -> None:
    assert true_direction(picture, PIXELS | {"hand": [82, 40]}) is None


def test_a_pointing_arm_is_found_with_its_error(picture: Picture) -> None:
    true = true_direction(picture, PIXELS)
    assert true is not None
    (arm,) = arms_of(scene(("pointing_right",), tuple(true)), picture, [POINTS | PIXELS])
    assert arm.is_said
    assert arm.error == pytest.approx(0.0, abs=1e-3)
    (turned,) = arms_of(scene(("pointing_right",), (0.0, 0.0, -1.0)), picture, [POINTS | PIXELS])
    assert turned.error == pytest.approx(np.arctan2(0.45, 0.5))


def test_the_other_arm_does_not_count(picture: Picture) -> None:
    (arm,) = arms_of(scene(("pointing_left",), (0.0, 0.0, -1.0)), picture, [POINTS | PIXELS])
    assert not arm.is_said
    assert arm.error is None


def test_people_who_are_not_found_have_no_arms(picture: Picture) -> None:
    assert not list(arms_of(SimpleNamespace(people=[]), picture, [POINTS | PIXELS]))


def test_table_counts_by_what_arms_do() -> None:
    arms = [Arm("points", True, 0.1), Arm("points", True, 0.3), Arm("points", False, None), Arm("rests", True, None)]
    cells = list(zip(*(column.cells for column in table_of(arms).columns), strict=True))
    assert cells[0] == ("points", "3", "2", "11 deg", "17 deg")
    assert cells[2] == ("rests or hangs", "1", "1", "", "")


def test_annotations_name_people_of_the_pictures() -> None:
    people = json.loads(PEOPLE.read_text(encoding="utf-8"))
    for name, arms in json.loads(ANNOTATION.read_text(encoding="utf-8")).items():
        assert {arm["does"] for arm in arms} <= set(DOES)
        assert all(arm["person"] < len(people[name]) and arm["side"] in ("left", "right") for arm in arms)
        assert all({*PIXELS} <= set(arm) for arm in arms if arm["does"] in ("points", "points down"))
