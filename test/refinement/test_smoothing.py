"""Smoothing over time, against a dense solution and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from metrichmsr_ros.people.tracking.kalman import FLOOR_M2, RootFilterConfig, motion_model
from metrichmsr_ros.refinement.position import smoothed_path
from metrichmsr_ros.refinement.smoothing import smoothed, smoothed_rotations


def uneven_stamps(count: int, seed: int = 0) -> np.ndarray:
    return np.cumsum(np.random.default_rng(seed).uniform(0.02, 0.2, count))


def test_the_curve_is_the_dense_least_squares_solution():
    stamps, rng = uneven_stamps(12), np.random.default_rng(1)
    values, weights, stiffness = rng.normal(size=(12, 2)), rng.uniform(0.1, 1.0, 12), 0.03
    rows = np.zeros((10, 12))
    for i in range(10):
        a, b = stamps[i + 1] - stamps[i], stamps[i + 2] - stamps[i + 1]
        rows[i, i : i + 3] = np.array([2 / (a * (a + b)), -2 / (a * b), 2 / (b * (a + b))]) * np.sqrt((a + b) / 2)
    dense = np.linalg.solve(np.diag(weights) + stiffness * rows.T @ rows, weights[:, None] * values)
    np.testing.assert_allclose(smoothed(values, weights, stamps, stiffness), dense, atol=1e-9)


def test_a_line_stays_and_gaps_are_bridged_by_it():
    stamps = uneven_stamps(20)
    line = np.stack([2.0 - 3.0 * stamps, 0.5 * stamps], axis=1)
    np.testing.assert_allclose(smoothed(line, np.ones(20), stamps, 10.0), line, atol=1e-7)
    broken, weights = line.copy(), np.ones(20)
    broken[5:12], weights[5:12] = 99.0, 1e-9
    np.testing.assert_allclose(smoothed(broken, weights, stamps, 1e-4), line, atol=1e-3)


def test_two_values_have_nothing_to_smooth():
    values = np.array([[1.0], [5.0]])
    np.testing.assert_array_equal(smoothed(values, np.ones(2), np.array([0.0, 0.1]), 1.0), values)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31 - 1))
def test_a_steady_turn_stays_whatever_the_signs_of_quaternions(seed):
    stamps = uneven_stamps(15, seed % 7)
    start = Rotation.random(random_state=seed % 1000)
    path = (Rotation.from_rotvec(np.outer(stamps - stamps[0], [0.0, 0.8, 0.2])) * start).as_matrix()
    found = smoothed_rotations(path, np.ones(15), stamps, 1e-5)
    angles = (Rotation.from_matrix(found) * Rotation.from_matrix(path).inv()).magnitude()
    assert angles.max() < 0.02
    np.testing.assert_allclose(found @ np.swapaxes(found, 1, 2), np.tile(np.eye(3), (15, 1, 1)), atol=1e-9)


@pytest.mark.parametrize("seed", range(6))
def test_a_front_taken_for_a_back_does_not_spin_the_images_around_it(seed):
    stamps, rng = np.arange(90) / 30, np.random.default_rng(seed)
    true = Rotation.from_rotvec(np.outer(0.6 * stamps, [0, 1, 0]))
    seen = (Rotation.from_rotvec(rng.normal(0, 0.08, (90, 3))) * true).as_matrix()
    seen[45:48] = seen[45:48] @ Rotation.from_rotvec([0, np.pi, 0]).as_matrix()
    found = Rotation.from_matrix(smoothed_rotations(seen, np.ones(90), stamps, 2e-4))
    assert np.degrees((found * true.inv()).magnitude()).max() < 20


def test_fast_turns_keep_their_direction():
    stamps = np.arange(60) / 30
    path = Rotation.from_rotvec(np.outer(15.0 * stamps, [0, 1, 0]))
    found = Rotation.from_matrix(smoothed_rotations(path.as_matrix(), np.ones(60), stamps, 1e-6))
    assert np.degrees((found * path.inv()).magnitude()).max() < 10


def test_one_wrong_rotation_among_many_is_overruled():
    stamps = np.arange(21) * 0.1
    path = np.tile(np.eye(3), (21, 1, 1))
    path[10] = Rotation.from_rotvec([0, 2.5, 0]).as_matrix()
    found = Rotation.from_matrix(smoothed_rotations(path, np.ones(21), stamps, 3e-4)).magnitude()
    assert found.max() < 0.05


def dense_path(stamps, positions, noise, measured, config):
    """Maximum a posteriori path: one dense linear system of all states, independent of any recursion."""
    steps = np.diff(stamps, prepend=stamps[0])
    transitions, growths = motion_model(steps, config.acceleration_density)
    count = len(stamps)
    precision, right = np.zeros((6 * count, 6 * count)), np.zeros(6 * count)
    precision[3:6, 3:6] += np.eye(3) / config.start_speed**2
    for at in range(count):
        rows = slice(6 * at, 6 * at + 6)
        if measured[at]:
            place = slice(6 * at, 6 * at + 3)
            precision[place, place] += np.linalg.inv(noise[at])
            right[place] += np.linalg.solve(noise[at], positions[at])
        if at:
            change = np.hstack([-transitions[at], np.eye(6)])
            both = slice(6 * at - 6, 6 * at + 6)
            precision[both, both] += change.T @ np.linalg.solve(growths[at], change)
        assert rows.stop <= 6 * count
    covariance = np.linalg.inv(precision)
    spreads = [covariance[6 * at : 6 * at + 6, 6 * at : 6 * at + 6] for at in range(count)]
    return (covariance @ right).reshape(count, 6), np.array(spreads)


def test_the_path_and_its_covariance_are_those_of_all_measurements_at_once():
    rng, config = np.random.default_rng(4), RootFilterConfig(gate=1e9)
    stamps = uneven_stamps(14)
    positions = np.cumsum(rng.normal(0, 0.1, (14, 3)), axis=0)
    roots = rng.normal(size=(14, 3, 3)) * 0.2
    covariances = roots @ np.swapaxes(roots, 1, 2) + 0.01 * np.eye(3)
    measured = np.ones(14, bool)
    measured[[4, 5, 9]] = False
    steps = np.diff(stamps, prepend=stamps[0])
    share = np.minimum(1.0, config.independent_share * np.maximum(1.0, 0.1 / np.maximum(steps, 1e-3)))
    noise = covariances * share[:, None, None] + np.eye(3) * FLOOR_M2
    states, spreads = dense_path(stamps, positions, noise, measured, config)
    path = smoothed_path(stamps, positions, covariances, measured, config)
    np.testing.assert_allclose(path.positions, states[:, :3], atol=1e-4)
    np.testing.assert_allclose(path.velocities, states[:, 3:], atol=1e-4)
    shared = (1 - config.independent_share) * covariances
    known = np.flatnonzero(measured)
    np.testing.assert_allclose(path.covariances[known, :3, :3] - shared[known], spreads[known, :3, :3], atol=1e-5)
    np.testing.assert_allclose(path.covariances[:, 3:, 3:], spreads[:, 3:, 3:], atol=1e-5)


def test_the_past_of_a_hidden_person_is_between_what_was_seen_before_and_after():
    stamps = np.arange(30) * 0.1
    positions = np.stack([0.5 * stamps, np.zeros(30), np.full(30, 4.0)], axis=1)
    measured = np.ones(30, bool)
    measured[10:20] = False
    spoilt = positions.copy()
    spoilt[10:20] = 50.0
    path = smoothed_path(stamps, spoilt, np.tile(np.eye(3) * 0.04, (30, 1, 1)), measured)
    np.testing.assert_allclose(path.positions, positions, atol=0.02)
    spreads = np.trace(path.covariances[:, :3, :3], axis1=1, axis2=2)
    assert spreads[15] > spreads[5]


def test_a_path_without_a_measurement_is_refused():
    import pytest

    with pytest.raises(ValueError, match="at least one measured"):
        smoothed_path(np.zeros(1), np.zeros((1, 3)), np.eye(3)[None], np.zeros(1, bool))


@pytest.mark.parametrize("rate", [10, 30, 60])
def test_a_wrong_distance_of_a_fifth_of_a_second_moves_no_path_at_any_rate_of_images(rate):
    stamps, rng = np.arange(6 * rate) / rate, np.random.default_rng(0)
    truth = np.outer(stamps, [0.8, 0.0, 0.0])
    stds = np.array([0.03, 0.03, 0.2])
    measured = truth + 0.15 * stds * rng.normal(size=truth.shape)
    measured[(stamps >= 3.0) & (stamps < 3.2), 2] += 1.0
    path = smoothed_path(stamps, measured, np.tile(np.diag(stds**2), (len(stamps), 1, 1)), np.ones(len(stamps), bool))
    assert np.abs(path.velocities - [0.8, 0, 0]).max() < 0.2
    assert np.abs(path.positions - truth).max() < 0.1
