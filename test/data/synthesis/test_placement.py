"""Counters before people: what they hide, seen from the camera by rays cut with the box."""

from __future__ import annotations

import numpy as np
import pytest

from metrichmsr_ros.data.rendering.bodies import ColouredBox, PlacedCamera
from metrichmsr_ros.data.rendering.boxes import slab_crossings
from metrichmsr_ros.data.synthesis.placement import PlacedPerson, counter_before, random_camera
from metrichmsr_ros.data.synthesis.scene import SceneMaker


def view_of(rng: np.random.Generator, distance: float, height: float) -> PlacedCamera:
    turn = rng.uniform(0, 2 * np.pi)
    eye = np.array([distance * np.sin(turn), height, distance * np.cos(turn)])
    camera = random_camera(rng)
    return PlacedCamera.aimed(camera, eye, np.array([0, 1.0, 0]), np.array(camera.size) / 2, 0.0)


def hides(box: ColouredBox, eye: np.ndarray, point: np.ndarray) -> bool:
    """Whether the line from the eye to the point goes through the box, whose corners are in the order of its axes."""
    centre = box.corners.mean(0)
    edges = np.stack([box.corners[far] - box.corners[0] for far in (4, 2, 1)])
    half = np.linalg.norm(edges, axis=1) / 2
    axes = edges / (2 * half[:, None])
    into, out = slab_crossings(axes @ (eye - centre), axes @ (point - eye), -half, half)
    return bool(max(into.max(), 0) < min(out.min(), 1))


def test_a_counter_hides_knees_and_no_head():
    rng = np.random.default_rng(0)
    knees, heads, found = [], [], 0
    for _ in range(400):
        person = PlacedPerson(np.zeros(72), np.zeros(10), np.array([0, 0.93, 0]), "captured")
        view = view_of(rng, rng.uniform(1.0, 10), rng.uniform(1.0, 2.5))
        box = counter_before(person, view, rng)
        if box is None:
            continue
        found += 1
        assert box.corners[:, 1].min() == pytest.approx(0)  # it stands on the floor
        assert 0.4 <= box.corners[:, 1].max() <= 1.7
        assert not hides(box, view.eye, view.eye + 1e-6)
        knees.append(hides(box, view.eye, np.array([0, 0.45, 0])))
        heads.append(hides(box, view.eye, np.array([0, 1.6, 0])))
    assert found > 300
    assert np.mean(knees) > 0.7  # some stand aside
    assert np.mean(heads) < 0.05


def test_there_is_no_counter_without_room():
    person = PlacedPerson(np.zeros(72), np.zeros(10), np.array([0, 0.93, 0]), "captured")
    rng = np.random.default_rng(1)
    assert all(counter_before(person, view_of(rng, 0.6, 1.5), rng) is None for _ in range(50))


def test_counters_hide_people_in_scenes(maker):
    behind = SceneMaker(maker._backgrounds, held_out=True, counter_share=1.0)
    seen = {0.0: [], 1.0: []}
    for number in range(8):
        for share, makes in ((0.0, maker), (1.0, behind)):
            scene = makes.make(np.random.default_rng([8, number]))
            seen[share].append(scene.people[0].visible_fraction)
    assert np.mean(seen[1.0]) < 0.8 * np.mean(seen[0.0])
