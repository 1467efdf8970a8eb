"""The root filter against closed forms and a textbook Kalman filter."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metrichmsr_ros.people.tracking.kalman import RootFilter, RootFilterConfig


def walk(steps, noise, seed=0, speed=(1.2, 0.0, -0.5), rate=10.0):
    rng = np.random.default_rng(seed)
    for k in range(steps):
        stamp = k / rate
        truth = np.array([0.0, 0.1, 4.0]) + np.array(speed) * stamp
        yield stamp, truth, truth + rng.normal(0, noise, 3)


def test_the_first_measurement_is_the_state():
    position, velocity, covariance = RootFilter().update([1, 2, 3], np.eye(3) * 0.01, 5.0)
    np.testing.assert_allclose(position, [1, 2, 3])
    np.testing.assert_allclose(velocity, 0)
    np.testing.assert_allclose(np.diag(covariance)[:3], 0.01, rtol=1e-3)


def test_the_speed_of_a_walker_is_estimated_and_positions_are_better_than_measured():
    motion = RootFilter(RootFilterConfig(acceleration_density=0.5, independent_share=1.0))
    errors, raw, speeds = [], [], []
    for stamp, truth, measured in walk(60, 0.05):
        position, velocity, covariance = motion.update(measured, np.eye(3) * 0.05**2, stamp)
        if stamp > 2:
            errors.append(np.linalg.norm(position - truth))
            raw.append(np.linalg.norm(measured - truth))
            speeds.append(velocity)
    np.testing.assert_allclose(np.mean(speeds, axis=0), [1.2, 0, -0.5], atol=0.1)
    assert np.mean(errors) < 0.8 * np.mean(raw)
    assert np.linalg.eigvalsh(covariance).min() > 0


def test_ordinary_measurements_give_the_textbook_filter():
    config = RootFilterConfig(independent_share=1.0)
    motion, state, covariance, last = RootFilter(config), None, None, 0.0
    noise = np.diag([0.01, 0.02, 0.09])
    for stamp, _, measured in walk(15, 0.05, seed=2):
        ours = motion.update(measured, noise, stamp)
        R = noise + np.eye(3) * 1e-6
        if state is None:
            state = np.r_[measured, 0, 0, 0]
            covariance = np.zeros((6, 6))
            covariance[:3, :3], covariance[3:, 3:] = R, np.eye(3) * config.start_speed**2
        else:
            dt = stamp - last
            F = np.eye(6)
            F[:3, 3:] = np.eye(3) * dt
            Q = np.zeros((6, 6))
            Q[:3, :3], Q[3:, 3:] = np.eye(3) * dt**3 / 3, np.eye(3) * dt
            Q[:3, 3:] = Q[3:, :3] = np.eye(3) * dt**2 / 2
            state, covariance = F @ state, F @ covariance @ F.T + Q * config.acceleration_density
            gain = covariance[:, :3] @ np.linalg.inv(covariance[:3, :3] + R)
            state = state + gain @ (measured - state[:3])
            covariance = covariance - gain @ covariance[:3]
        last = stamp
        np.testing.assert_allclose(np.r_[ours[0], ours[1]], state, atol=1e-9)
        np.testing.assert_allclose(ours[2], covariance, atol=1e-9)


def test_one_outlier_moves_little_and_a_real_jump_is_followed():
    motion = RootFilter()
    for stamp, _, measured in walk(30, 0.02):
        position, _, _ = motion.update(measured, np.eye(3) * 0.02**2, stamp)
    jumped, _, _ = motion.update(measured + np.array([5, 0, 0]), np.eye(3) * 0.02**2, stamp + 0.1)
    assert jumped[0] - position[0] < 0.6
    for k in range(2, 8):
        there, _, _ = motion.update(measured + np.array([5, 0, 0]), np.eye(3) * 0.02**2, stamp + 0.1 * k)
    assert there[0] == pytest.approx(measured[0] + 5, abs=0.1)


@pytest.mark.parametrize("stamp", [1.0, 100.0])
def test_a_stamp_that_goes_back_or_a_long_gap_resets_the_filter(stamp):
    motion = RootFilter()
    for k in range(10):
        motion.update([0.1 * k, 0, 3], np.eye(3) * 1e-4, 50 + 0.1 * k)
    position, velocity, _ = motion.update([9, 9, 9], np.eye(3) * 1e-4, stamp)
    np.testing.assert_allclose(position, 9)
    np.testing.assert_allclose(velocity, 0)


@pytest.mark.parametrize("rate", [5.0, 10.0, 20.0, 30.0, 60.0])
def test_a_wrong_distance_of_a_fifth_of_a_second_moves_little_at_any_rate_of_images(rate):
    motion, stated = RootFilter(), np.diag([0.03, 0.03, 0.2]) ** 2
    for stamp, place, measured in walk(int(5 * rate), 0.01, speed=(0.8, 0.0, 0.0), rate=rate):
        is_wrong = 3.5 <= stamp < 3.7
        position, velocity, _ = motion.update(measured + np.array([0, 0, 1.0 * is_wrong]), stated, stamp)
        if stamp > 2.0:
            assert np.linalg.norm(position - place) < 0.4
            assert np.linalg.norm(velocity - [0.8, 0, 0]) < 0.8


@pytest.mark.parametrize("rate", [5.0, 10.0, 20.0, 30.0, 60.0])
def test_a_real_jump_is_followed_within_a_second_at_any_rate_of_images(rate):
    motion, stated = RootFilter(), np.diag([0.03, 0.03, 0.2]) ** 2
    for stamp, place, measured in walk(int(4 * rate), 0.01, rate=rate):
        jump = np.array([0, 0, 3.0 * (stamp > 3.0)])
        position, _, _ = motion.update(measured + jump, stated, stamp)
        if stamp > 4.0:
            np.testing.assert_allclose(position, place + jump, atol=0.15)


def test_a_filter_that_begins_anew_is_as_certain_as_a_new_one():
    motion, stated = RootFilter(), np.diag([0.02, 0.02, 0.3]) ** 2
    first = motion.update([0, 0, 3], stated, 50.0)[2]
    np.testing.assert_allclose(motion.update([0, 0, 3], stated, 1.0)[2], first)


def test_an_equal_stamp_is_a_second_measurement_of_the_same_moment():
    motion = RootFilter(RootFilterConfig(independent_share=1.0))
    motion.update([0, 0, 3], np.eye(3) * 0.01, 1.0)
    position, _, covariance = motion.update([0.1, 0, 3], np.eye(3) * 0.01, 1.0)
    assert position[0] == pytest.approx(0.05, abs=1e-6)
    assert covariance[0, 0] == pytest.approx(0.005, rel=1e-3)


def test_an_error_that_all_images_share_moves_the_position_and_not_the_velocity():
    """A person taken for 5 % too large is 5 % too far in every image: the velocity is right, the position is not."""
    motion, stated = RootFilter(), np.diag([0.02, 0.02, 0.3]) ** 2
    for stamp, place, measured in walk(60, 0.01, speed=(0.0, 0.0, -0.8)):
        truth = place
        position, velocity, covariance = motion.update(measured * 1.05, stated, stamp)
    assert abs(velocity[2] + 0.8) < 3 * np.sqrt(covariance[5, 5])
    assert np.sqrt(covariance[5, 5]) < 0.3
    assert abs(position[2] - truth[2]) < 2 * np.sqrt(covariance[2, 2])
    assert covariance[2, 2] > 0.9 * stated[2, 2]


def test_more_images_a_second_do_not_make_the_velocity_more_certain_than_their_errors_allow():
    stated = np.diag([0.02, 0.02, 0.3]) ** 2
    deviations = []
    for rate in (10.0, 60.0):
        motion = RootFilter()
        for stamp, _, measured in walk(int(6 * rate), 0.01, rate=rate):
            _, _, covariance = motion.update(measured, stated, stamp)
        deviations.append(np.sqrt(covariance[5, 5]))
    assert deviations[1] == pytest.approx(deviations[0], rel=0.1)


def test_predictions_between_measurements_change_nothing():
    """The followed person is predicted to the stamp of each image before it is measured there."""
    stated = np.diag([0.02, 0.02, 0.3]) ** 2
    plain, predicted = RootFilter(), RootFilter()
    for number, (stamp, _, measured) in enumerate(walk(40, 0.02, rate=10.0)):
        if number:
            predicted.predict(stamp - 0.04)
            predicted.predict(stamp)
        for one, other in zip(
            plain.update(measured, stated, stamp), predicted.update(measured, stated, stamp), strict=True
        ):
            np.testing.assert_allclose(one, other, atol=1e-12)


@pytest.mark.parametrize("hidden_s", [0.5, 1.0, 1.5])
def test_a_hidden_walker_is_predicted_with_a_covariance_that_grows(hidden_s):
    motion, stated = RootFilter(), np.diag([0.02, 0.02, 0.2]) ** 2
    for stamp, place, measured in walk(30, 0.01):
        truth = place
        _, before, covariance = motion.update(measured, stated, stamp)
    grown = [np.trace(covariance[:3, :3])]
    for k in range(1, int(hidden_s * 10) + 1):
        position, velocity, covariance = motion.predict(stamp + 0.1 * k)
        grown.append(np.trace(covariance[:3, :3]))
        np.testing.assert_allclose(velocity, before)
        there = truth + np.array([1.2, 0.0, -0.5]) * 0.1 * k
        error = position - there
        assert error @ np.linalg.solve(covariance[:3, :3], error) < 7.8  # 95 % of a chi-squared with 3 degrees
    assert (np.diff(grown) > 0).all()
    back = truth + np.array([1.2, 0.0, -0.5]) * (hidden_s + 0.1)
    _, velocity, _ = motion.update(back, stated, stamp + hidden_s + 0.1)
    np.testing.assert_allclose(velocity, [1.2, 0.0, -0.5], atol=0.2)


def test_prediction_is_the_textbooks():
    config = RootFilterConfig(independent_share=1.0)
    motion = RootFilter(config)
    for stamp, _, measured in walk(10, 0.02):
        position, velocity, covariance = motion.update(measured, np.eye(3) * 0.02**2, stamp)
    dt = 0.7
    F, Q = np.eye(6), np.zeros((6, 6))
    F[:3, 3:] = np.eye(3) * dt
    Q[:3, :3], Q[3:, 3:] = np.eye(3) * dt**3 / 3, np.eye(3) * dt
    Q[:3, 3:] = Q[3:, :3] = np.eye(3) * dt**2 / 2
    ahead, same, grown = motion.predict(stamp + dt)
    np.testing.assert_allclose(ahead, position + dt * velocity)
    np.testing.assert_allclose(same, velocity)
    np.testing.assert_allclose(grown, F @ covariance @ F.T + Q * config.acceleration_density, atol=1e-12)


def test_nothing_is_predicted_before_a_measurement_or_into_the_past():
    motion = RootFilter()
    with pytest.raises(ValueError, match="the last one is None"):
        motion.predict(1.0)
    motion.update([0, 0, 3], np.eye(3) * 0.01, 5.0)
    with pytest.raises(ValueError, match=r"cannot predict to stamp 4\.0: the last one is 5\.0"):
        motion.predict(4.0)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.floats(1e-8, 10.0))
def test_the_covariance_stays_symmetric_and_positive(seed, variance):
    rng = np.random.default_rng(seed)
    motion, stamp = RootFilter(), 0.0
    for _ in range(30):
        stamp += float(rng.uniform(0, 0.3))
        _, _, covariance = motion.update(rng.normal(0, 3, 3), np.eye(3) * variance, stamp)
        np.testing.assert_allclose(covariance, covariance.T, atol=1e-9)
        assert np.linalg.eigvalsh(covariance).min() > 0


@pytest.mark.parametrize(
    ("position", "covariance"),
    [([0, 0], np.eye(3)), ([0, 0, np.nan], np.eye(3)), ([0, 0, 0], np.eye(2)), ([0, 0, 0], np.full((3, 3), np.inf))],
)
def test_measurements_that_are_not_finite_are_refused(position, covariance):
    with pytest.raises(ValueError, match="must be"):
        RootFilter().update(position, covariance, 0.0)


def test_where_the_common_error_became_another_a_jump_is_no_motion():
    """0.4 m between two measurements of a walk at 1 m/s; without a doubt this is a jump of the person."""
    speeds = {}
    for doubt in (0.0, 0.3):
        motion = RootFilter()
        for k in range(20):
            motion.update([0.1 * k, 0.0, 4.0], np.eye(3) * 0.15**2, 0.1 * k)
        motion.doubt(np.eye(3) * doubt**2)
        place, velocity, _ = motion.update([2.0, 0.4, 4.0], np.eye(3) * 0.15**2, 2.0)
        speeds[doubt] = float(np.linalg.norm(velocity - [1.0, 0.0, 0.0]))
    np.testing.assert_allclose(place, [2.0, 0.4, 4.0], atol=0.02)
    assert speeds[0.3] < 0.1 < 0.3 < speeds[0.0]
