"""People in a frame that stands still, against a filter of another form and against closed forms."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from metrichmsr_ros.people.tracking.fixed_frame import FixedFrameFilter, PeopleInFrame

NOISE = np.diag([0.02, 0.03, 0.2]) ** 2  # m^2, along the camera's axes
TURNS = np.diag([0.1, 0.3, 0.2]) ** 2  # rad^2, about the camera's axes


def people(positions, ids=None, hidden=()):
    count = len(positions)
    names = tuple(ids or (f"p{number + 1}" for number in range(count)))
    return PeopleInFrame(
        names,
        np.array(positions, float).reshape(count, 3),
        np.tile(NOISE, (count, 1, 1)),
        np.tile([0.0, 0.0, 0.0, 1.0], (count, 1)),
        np.tile(TURNS, (count, 1, 1)),
        np.ones(count),
        np.array([name in hidden for name in names], bool),
    )


def camera_at(stamp_s):
    """A robot that drives at 0.8 m/s and turns at 0.5 rad/s."""
    pose = np.eye(4)
    pose[:3, :3] = Rotation.from_euler("z", 0.5 * stamp_s).as_matrix() @ [[0, 0, 1], [-1, 0, 0], [0, -1, 0]]
    pose[:3, 3] = 0.8 * stamp_s, 0.1, 1.2
    return pose


def seen_from(pose, places):
    return (np.array(places, float) - pose[:3, 3]) @ pose[:3, :3]


def test_a_robot_that_drives_adds_nothing_to_velocities():
    motion, places = FixedFrameFilter(), np.array([[5.0, 1.0, 0.9], [6.0, -2.0, 0.9]])
    speeds = np.array([[0.0, 0.0, 0.0], [-0.9, 0.4, 0.0]])
    for stamp_s in np.arange(0, 4, 0.1):
        pose = camera_at(stamp_s)
        found = motion.update(people(seen_from(pose, places + speeds * stamp_s)).moved(pose), stamp_s)
    np.testing.assert_allclose(found.velocities, speeds, atol=0.02)
    np.testing.assert_allclose(found.people.positions, places + speeds * 3.9, atol=0.02)


def test_covariances_and_bodies_turn_with_the_frame():
    pose = camera_at(1.3)
    rng = np.random.default_rng(0)
    ahead = Rotation.random(random_state=3)
    before = people([[0.3, 0.1, 4.0]])
    before.orientations[:] = ahead.as_quat()
    after = before.moved(pose)
    drawn = rng.multivariate_normal(before.positions[0], NOISE, 200_000) @ pose[:3, :3].T + pose[:3, 3]
    np.testing.assert_allclose(after.positions[0], drawn.mean(axis=0), atol=2e-3)
    np.testing.assert_allclose(after.covariances[0], np.cov(drawn.T), atol=4e-4)
    turns = rng.multivariate_normal(np.zeros(3), TURNS, 200_000) @ pose[:3, :3].T
    np.testing.assert_allclose(after.orientation_covariances[0], np.cov(turns.T), atol=1e-3)
    chest = pose[:3, :3] @ ahead.apply([1.0, 0.0, 0.0])
    np.testing.assert_allclose(Rotation.from_quat(after.orientations[0]).apply([1.0, 0.0, 0.0]), chest, atol=1e-12)


def test_hidden_people_go_on_in_the_fixed_frame_and_strangers_are_not_invented():
    motion = FixedFrameFilter()
    for stamp_s in np.arange(0, 3, 0.1):
        motion.update(people([[2.0 + stamp_s, 0.0, 1.0]]), stamp_s)
    last = motion.update(people([[5.0, 0.0, 1.0]]), 3.0)
    away = people([[99.0, 99.0, 99.0], [1.0, 1.0, 1.0]], ids=("p1", "p2"), hidden=("p1", "p2"))
    found = motion.update(away, 3.8)  # what the camera's frame predicts for a hidden person is not used
    assert found.people.ids == ("p1",)
    expected = last.people.positions[0] + 0.8 * last.velocities[0]
    np.testing.assert_allclose(found.people.positions[0], expected, atol=1e-9)
    assert np.trace(found.covariances[0]) > np.trace(last.covariances[0])
    motion.reset()
    assert motion.update(away, 3.9).people.ids == ()


def test_a_person_who_turns_out_to_be_nearer_has_not_moved():
    """Somebody who stands is seen 1 m nearer from one image on, because the size is known then."""
    motion = FixedFrameFilter()
    for number in range(30):
        pose = camera_at(number / 10)
        seen = people(seen_from(pose, [[5.0, 1.0, 0.9] if number < 20 else [4.0, 1.0, 0.9]]))
        if number == 20:
            seen = replace(seen, shifts=np.array([[-1.0, 0.0, 0.0]]) @ pose[:3, :3])
        found = motion.update(seen.moved(pose), number / 10)
        assert np.linalg.norm(found.velocities[0]) < 0.05
    np.testing.assert_allclose(found.people.positions[0], [4.0, 1.0, 0.9], atol=0.02)


def test_nobody_is_an_answer():
    found = FixedFrameFilter().update(people([]).moved(camera_at(1.0)), 1.0)
    assert found.people.positions.shape == found.velocities.shape == (0, 3)
    assert found.covariances.shape == (0, 6, 6)


def test_a_number_that_is_not_finite_is_named():
    with pytest.raises(ValueError, match="finite"):
        FixedFrameFilter().update(people([[np.nan, 0, 1]]), 1.0)
