"""Waves of a number over time: sinusoids, noise, drifts and steps, at many frame rates."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from metrichmsr_ros.people.gestures.waves import NO_SWAY, WINDOW_S, SwayLimits, WaveFinder, sway_of

LIMITS = (SwayLimits(0.4, 0.055),) * 2, (SwayLimits(0.2, 0.05),) * 2


def stamps(fps, seconds=WINDOW_S):
    return np.arange(0.0, seconds + 1e-9, 1 / fps)


def sway(at, values):
    return sway_of(np.stack([at, values], 1))


@settings(max_examples=60, deadline=None)
@given(
    hertz=st.floats(0.8, 3.0),
    phase=st.floats(0.0, 6.3),
    fps=st.floats(8.0, 60.0),
    amplitude=st.floats(0.1, 0.6),
    start=st.floats(0.0, 1e6),
    drift=st.floats(-0.2, 0.2),
)
@example(hertz=1.125, phase=1.0, fps=8.0, amplitude=0.1, start=0.0, drift=0.0)
@example(hertz=0.9525, phase=0.41, fps=8.0, amplitude=0.176, start=0.0, drift=-0.2)
def test_a_sinusoid_has_most_of_the_motion_and_its_amplitude(hertz, phase, fps, amplitude, start, drift):
    """Most of what the assumed noise of landmarks, of variance 0.03^2, leaves; the drift takes some of two periods."""
    at = stamps(fps)
    values = amplitude * np.sin(2 * np.pi * hertz * at + phase) + drift * amplitude * at + 3.0
    found = sway(start + at, values)
    power = amplitude**2 / 2
    assert found.share > 0.6 * power / (power + 0.03**2)
    assert found.amplitude == pytest.approx(amplitude, rel=0.15)


@pytest.mark.parametrize("fps", [8.0, 10.0, 15.0, 30.0])
def test_noise_of_landmarks_is_no_wave(fps):
    rng, at = np.random.default_rng(0), stamps(fps)
    noisy = [sway(at, rng.normal(0.0, 0.03, len(at))) for _ in range(300)]
    assert sum(one.exceeds(LIMITS[0][0]) for one in noisy) <= 3


@pytest.mark.parametrize(
    "values",
    [lambda t: 0.5 * t, lambda t: 0.4 * (t - 1.3) ** 2, lambda t: 0.3 * np.sin(2 * np.pi * 0.2 * t), np.zeros_like],
    ids=["drift", "curve", "slow turn", "rest"],
)
def test_slow_motion_is_no_wave(values):
    at = stamps(15.0)
    assert sway(at, values(at)).share < 0.05


@settings(max_examples=30, deadline=None)
@given(
    hertz=st.floats(0.8, 2.2),
    noise=st.floats(0.0, 0.02),
    lost=st.floats(0.0, 0.3),
    fps=st.sampled_from([8.0, 10.0, 15.0, 30.0]),
    seed=st.integers(0, 99),
    across=st.booleans(),
)
def test_a_wave_in_either_direction_with_noise_and_missed_images_is_found(hertz, noise, lost, fps, seed, across):
    rng, at = np.random.default_rng(seed), stamps(fps, 4.0)
    at = at[rng.random(len(at)) >= min(lost, 1 - 6.6 / fps)]  # more than two images a period are left
    assume(np.diff(at).max() < 0.44)  # after a longer gap the arm is seen anew
    finder = WaveFinder(*LIMITS)
    for stamp in at:
        place = 0.25 * np.sin(2 * np.pi * hertz * stamp) + rng.normal(0.0, noise), rng.normal(0.0, noise)
        said = finder.update(place if across else place[::-1], stamp)
    assert said


def test_a_wave_that_stops_is_over_before_the_window_is():
    finder = WaveFinder(*LIMITS)
    at = stamps(10.0, 6.0)
    said = [finder.update((0.3 * np.sin(2 * np.pi * 1.5 * min(stamp, 3.0)), 0.0), stamp) for stamp in at]
    assert said[30]
    assert not any(said[51:])


def test_values_before_a_gap_or_before_forgetting_do_not_count():
    finder = WaveFinder(*LIMITS)

    def wave(first, last):
        return [finder.update((0.3 * np.sin(9.0 * stamp), 0.0), stamp) for stamp in np.arange(first, last, 0.1)]

    assert wave(0.0, 2.0)[-1]
    assert not any(wave(2.5, 3.1))
    assert wave(3.1, 4.5)[-1]
    finder.forget()
    assert not any(wave(4.5, 5.1))


@pytest.mark.parametrize("count", [0, 1, 7])
def test_few_images_are_no_evidence(count):
    at = np.linspace(0.0, 1.5, count)
    assert sway(at, np.sin(6.0 * at)) == NO_SWAY
