"""The comparison of velocities: what it adds as odometry, and how it is called."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from helpers.fetched_networks import skip_without_blazepose

from benchmarks.robot import __main__ as robot
from benchmarks.robot import fixed_frame
from metrichmsr_ros.pipeline.pipeline import Pipeline

skip_without_blazepose()


def test_the_cameras_own_motion_is_that_of_its_path():
    stamps = [number / 100 for number in range(200)]
    poses = [fixed_frame.driving_camera(stamp / fixed_frame.SECONDS, 1.0) for stamp in stamps]
    speed, turn = fixed_frame._twists(poses, stamps)[100]
    t = stamps[100]
    np.testing.assert_allclose(speed, [0.4, 0.35 * 1.3 * np.cos(1.3 * t), 0], atol=1e-3)
    np.testing.assert_allclose(turn, [0, 0, 0.25 * 2.0 * np.cos(2.0 * t)], atol=1e-3)


def test_a_table_that_does_not_exist_is_named(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["robot", "fixed_frames"])
    with pytest.raises(SystemExit):
        robot.main()
    listed = ", ".join(robot.TABLES)
    assert f"there is no table fixed_frames; there are {listed}\n" in capsys.readouterr().err


def test_people_who_are_seen_while_the_camera_drives_are_measured():
    sequence = fixed_frame.driving_sequence(fixed_frame.SEEDS[0])
    found = fixed_frame.measure(Pipeline.from_preset("embedded", test_time_augmentation="none"), sequence[:35])
    errors = np.array([[np.linalg.norm(speed - v.true) for speed in v.by_way] for v in found])
    assert len(found) > 10
    assert np.sqrt((errors[:, 2] ** 2).mean()) < 0.5 * np.sqrt((errors[:, 0] ** 2).mean())
