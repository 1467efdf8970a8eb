"""Smoothing of rotations: closed forms of a filter of constant gain, and its optimum on simulated random walks."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from metrichmsr_ros.body.joints import JOINT_NAMES
from metrichmsr_ros.hmr.temporal.rotation_smoothing import MAX_GAP_S, MOTION_OVER_NOISE, RotationSmoother, gains

KNEE, TRUNK = JOINT_NAMES.index("left_knee"), JOINT_NAMES.index("spine2")
ROUNDING = {"rtol": 1.3e-6, "atol": 1e-5}
"""Of float32."""


def gain(joint, dt):
    return float(gains(np.array([dt]))[0, joint])


def about_x(angles):
    """(T, 1, 24, 3, 3): all joints turned about x by angles (T,) rad."""
    vectors = np.zeros((len(angles), 24, 3))
    vectors[..., 0] = np.asarray(angles)[:, None]
    return Rotation.from_rotvec(vectors.reshape(-1, 3)).as_matrix().reshape(len(angles), 1, 24, 3, 3)


def angles_of(smoother, angles, dt, joint):
    """Smoothed angles (T,) of a joint of `about_x`, at images `dt` apart."""
    out = [smoother(turn, ["a"], n * dt)[0, joint] for n, turn in enumerate(about_x(angles))]
    return Rotation.from_matrix(np.stack(out)).as_rotvec()[:, 0]


def test_a_person_who_does_not_move_stays():
    np.testing.assert_allclose(angles_of(RotationSmoother(), [0.3] * 20, 0.1, KNEE), 0.3, atol=1e-6)


@pytest.mark.parametrize("dt", [1 / 30, 0.1])
@pytest.mark.parametrize("joint", [KNEE, TRUNK])
def test_the_gain_is_that_of_the_steady_kalman_filter(dt, joint):
    """Against the fixed point of the Riccati recursion, with noise 1 and motion `MOTION_OVER_NOISE` a second."""
    variance = 1.0
    for _ in range(200):
        predicted = variance + MOTION_OVER_NOISE[joint] * dt
        variance = predicted / (predicted + 1.0)
    assert gain(joint, dt) == pytest.approx(variance, rel=1e-6)


@pytest.mark.parametrize(("joint", "longest"), [(KNEE, 0.004), (TRUNK, 0.03)])
def test_a_steady_turn_lags_by_the_closed_form(joint, longest):
    """A ramp lags by (1 - K) / K images: 3 ms in the knees, 25 ms in the trunk, which hardly turns."""
    for dt in (1 / 30, 0.1):
        speed = 1.0  # rad/s, small steps, for which chordal and geodesic means agree
        ramp = speed * dt * np.arange(12)
        lag = (ramp - angles_of(RotationSmoother(), ramp, dt, joint))[-1] / speed
        assert lag == pytest.approx((1 - gain(joint, dt)) / gain(joint, dt) * dt, rel=0.02)
        assert lag < longest


@pytest.mark.parametrize("joint", [KNEE, TRUNK])
def test_noise_shrinks_by_the_closed_form(joint):
    rng = np.random.default_rng(0)
    noise = 0.05 * rng.standard_normal(4000)
    k = gain(joint, 1 / 30)
    smooth = angles_of(RotationSmoother(), noise, 1 / 30, joint)
    assert smooth.std() / noise.std() == pytest.approx(math.sqrt(k / (2 - k)), rel=0.05)


def test_of_all_gains_this_one_has_the_smallest_error_on_the_walk_it_is_made_for():
    rng = np.random.default_rng(1)
    dt, noise = 1 / 30, 0.02
    true = np.cumsum(noise * math.sqrt(MOTION_OVER_NOISE[TRUNK] * dt) * rng.standard_normal(4000))
    measured = true + noise * rng.standard_normal(4000)

    def error(share):
        state, out = measured[0], []
        for value in measured:
            state += share * (value - state)
            out.append(state)
        return np.std(np.array(out) - true)

    best = min(np.linspace(0.3, 1.0, 71), key=error)
    assert gain(TRUNK, dt) == pytest.approx(best, abs=0.05)
    ours = angles_of(RotationSmoother(), np.angle(np.exp(1j * measured)), dt, TRUNK)
    assert np.std(np.angle(np.exp(1j * (ours - true)))) < 0.9 * noise


def test_results_are_rotations_and_commute_with_turning_the_camera():
    rng = np.random.default_rng(2)
    turns = Rotation.random(3 * 24, random_state=3).as_matrix().reshape(3, 1, 24, 3, 3)
    camera = Rotation.from_rotvec(rng.normal(size=3)).as_matrix()
    plain, turned = RotationSmoother(), RotationSmoother()
    for n, turn in enumerate(turns):
        smooth = plain(turn, ["a"], n / 30)
        np.testing.assert_allclose(turned(camera @ turn, ["a"], n / 30), camera @ smooth, rtol=1e-7, atol=1e-7)
        np.testing.assert_allclose(smooth @ smooth.swapaxes(-1, -2) - np.eye(3), 0, atol=1e-7)
        assert (np.linalg.det(smooth) > 0).all()


def facing(angle):
    turn = np.tile(np.eye(3, dtype=np.float32), (1, 24, 1, 1))
    turn[:, 0] = Rotation.from_rotvec([0.0, angle, 0.0]).as_matrix()
    return turn


def test_a_person_who_is_turned_round_at_once_starts_anew():
    """A wrong facing that is corrected leaves no body in between."""
    smoother = RotationSmoother()
    smoother(facing(0.0), ["a"], 0.0)
    np.testing.assert_allclose(smoother(facing(3.0), ["a"], 0.1), facing(3.0), **ROUNDING)


@pytest.mark.parametrize("elapsed", [0.0, -1.0, MAX_GAP_S + 0.01, 60.0])
def test_after_a_gap_or_a_stamp_that_goes_back_the_estimate_is_taken(elapsed):
    smoother = RotationSmoother()
    smoother(facing(0.0), ["a"], 10.0)
    np.testing.assert_allclose(smoother(facing(0.5), ["a"], 10.0 + elapsed), facing(0.5), **ROUNDING)


def test_people_are_apart_and_forgotten_with_their_id():
    smoother = RotationSmoother()
    smoother(np.concatenate([facing(0.0), facing(1.0)]), ["a", "b"], 0.0)
    both = smoother(np.concatenate([facing(1.2), facing(0.2)]), ["b", "a"], 0.03)
    alone = RotationSmoother()
    alone(facing(1.0), ["b"], 0.0)
    np.testing.assert_allclose(both[:1], alone(facing(1.2), ["b"], 0.03), rtol=1e-4, atol=1e-5)
    smoother.forget_all_but({"b"})
    np.testing.assert_allclose(smoother(facing(1.0), ["a"], 0.06), facing(1.0), **ROUNDING)
