"""The rhythm of a walk: where in a stride a person is in each image.

The gap of the two ankles along the path swings once in a stride. One wave is fitted to it: first its frequency (the
least-squares periodogram of Lomb 1976), then a phase that may drift slowly, by Gauss-Newton steps.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from metrichmsr_ros.refinement.smoothing import smoothed
from metrichmsr_ros.types import Float64Array

FREQUENCIES_HZ = np.arange(0.5, 1.6, 0.02)  # of strides, each of two steps: a slow walk to a run
LONGEST_STEP_S = 0.25  # between images; with fewer images the wave is not seen
LEAST_SWING_M = 0.05  # root mean square; smaller is no walk
DRIFT_STIFFNESS = 1.5  # s^3, of the phase against a steady rhythm, which changes by a tenth in about 2 s
LEAST_SLOPE = 0.1  # of the wave, as a share of its steepest, where the phase follows the gap
HARMONICS = 3  # of what repeats itself in each stride
_ROUNDS = 15


@dataclass(frozen=True, eq=False)
class Rhythm:
    """Phases (T,) rad of T images, frequency in Hz, and the share of the gap's variance that is not a steady wave."""

    phases: Float64Array
    frequency_hz: float
    unexplained: float


def rhythm(gaps_m: Float64Array, stamps_s: Float64Array, weights: Float64Array) -> Rhythm | None:
    """The rhythm of one person; None where images are too far apart or the ankles hardly move.

    Args:
        gaps_m: (T,) from the right ankle to the left, along the path.
        stamps_s: (T,) increasing. weights: (T,) not negative.
    """
    swings = gaps_m - np.average(gaps_m, weights=weights)
    power = float((weights * swings**2).sum())
    if np.median(np.diff(stamps_s)) > LONGEST_STEP_S or power <= LEAST_SWING_M**2 * weights.sum():
        return None
    waves = [_steady_wave(swings, stamps_s, weights, hz) for hz in FREQUENCIES_HZ]
    best = int(np.argmin([left for left, _ in waves]))
    left, (cosine, sine) = waves[best]
    steady = 2 * np.pi * FREQUENCIES_HZ[best] * stamps_s
    phases = _with_drift(swings, stamps_s, weights, steady, float(np.arctan2(-sine, cosine)))
    return Rhythm(phases, float(FREQUENCIES_HZ[best]), left / power)


def _steady_wave(
    swings: Float64Array, stamps_s: Float64Array, weights: Float64Array, hz: float
) -> tuple[float, Float64Array]:
    """What a wave of this frequency leaves of the swings' power, and its cosine's and sine's amplitude."""
    angles = 2 * np.pi * hz * stamps_s
    wave = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    amplitudes = np.linalg.lstsq(wave * np.sqrt(weights)[:, None], swings * np.sqrt(weights), rcond=None)[0]
    return float((weights * (swings - wave @ amplitudes) ** 2).sum()), amplitudes


def _with_drift(
    swings: Float64Array, stamps_s: Float64Array, weights: Float64Array, steady: Float64Array, start: float
) -> Float64Array:
    drift = np.full(len(stamps_s), start)
    for _ in range(_ROUNDS):
        wave, slope = np.cos(steady + drift), -np.sin(steady + drift)
        amplitude = max(float((weights * swings * wave).sum() / (weights * wave**2).sum()), 1e-6)
        steps = np.where(np.abs(slope) > LEAST_SLOPE, (swings / amplitude - wave) / np.where(slope == 0, 1, slope), 0.0)
        drift = smoothed((drift + steps)[:, None], weights * slope**2 + 1e-6, stamps_s, DRIFT_STIFFNESS)[:, 0]
    return np.asarray(steady + drift)


def stride_waves(phases: Float64Array) -> Float64Array:
    """(T, 1 + 2 HARMONICS) at phases (T,): the constant, cosines and sines."""
    harmonics = phases[:, None] * np.arange(1, HARMONICS + 1)
    return np.concatenate([np.ones((len(phases), 1)), np.cos(harmonics), np.sin(harmonics)], axis=1)
