"""Rauch-Tung-Striebel smoothing of a person's path: the Kalman filter of the tracker, forwards and back.

The forward pass is that of `people.tracking.kalman`: constant velocity driven by white-noise acceleration, and errors
of which a share is common to all images. The backward pass is Rauch, Tung and Striebel (1965).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metrichmsr_ros.people.tracking.kalman import FLOOR_M2, RootFilterConfig, motion_model
from metrichmsr_ros.types import Float64Array

ROUNDS = 3  # of reweighting images that lie far off the path


@dataclass(frozen=True, eq=False)
class Path:
    """A smoothed path: positions (T, 3) m, velocities (T, 3) m/s, covariances (T, 6, 6) of both."""

    positions: Float64Array
    velocities: Float64Array
    covariances: Float64Array


def smoothed_path(
    stamps_s: Float64Array,
    positions: Float64Array,
    covariances: Float64Array,
    is_measured: NDArray[np.bool_],
    config: RootFilterConfig | None = None,
) -> Path:
    """The path of one person through a fixed frame.

    Args:
        stamps_s: (T,) seconds, increasing.
        positions: (T, 3) m, measured.
        covariances: (T, 3, 3) m^2, stated.
        is_measured: (T,) whether there is a measurement; the path goes through the others.
        config: assumptions of the tracker; None: its own.

    Raises:
        ValueError: there is no measurement at all.
    """
    if not is_measured.any():
        raise ValueError("a path needs at least one measured position")
    config = config or RootFilterConfig()
    steps = np.diff(stamps_s, prepend=stamps_s[0])
    crowded = np.maximum(1.0, config.independent_after_s / np.maximum(steps, 1e-3))
    share = np.minimum(1.0, config.independent_share * crowded)
    noise = covariances * share[:, None, None] + np.eye(3) * FLOOR_M2
    inflated = np.ones(len(stamps_s))
    for _ in range(ROUNDS):
        states, spreads = _both_ways(steps, positions, noise * inflated[:, None, None], is_measured, config)
        residual = positions - states[:, :3]
        distance = np.einsum("ti,tij,tj->t", residual, np.linalg.inv(noise), residual)
        # As in the filter: images whose errors are correlated count as one.
        inflated = np.where(distance > config.gate, crowded * distance / config.gate, 1.0)
    spreads[:, :3, :3] += (1.0 - config.independent_share) * _shared(covariances, is_measured)
    return Path(states[:, :3], states[:, 3:], spreads)


def _shared(covariances: Float64Array, is_measured: NDArray[np.bool_]) -> Float64Array:
    """(T, 3, 3): the stated covariance of each image, of the nearest measured one where there is none."""
    known = np.flatnonzero(is_measured)
    nearest = known[np.abs(np.arange(len(covariances))[:, None] - known[None, :]).argmin(axis=1)]
    return covariances[nearest]


def _both_ways(
    steps: Float64Array,
    positions: Float64Array,
    noise: Float64Array,
    is_measured: NDArray[np.bool_],
    config: RootFilterConfig,
) -> tuple[Float64Array, Float64Array]:
    transitions, growths = motion_model(steps, config.acceleration_density)
    count, first = len(steps), int(np.flatnonzero(is_measured)[0])
    state, spread = np.zeros(6), np.zeros((6, 6))
    state[:3] = positions[first]
    spread[:3, :3], spread[3:, 3:] = noise[first] * 1e6, np.eye(3) * config.start_speed**2  # no prior place
    states, spreads = np.zeros((count, 6)), np.zeros((count, 6, 6))
    expected, expected_spreads = np.zeros((count, 6)), np.zeros((count, 6, 6))
    for at in range(count):
        state = transitions[at] @ state
        spread = transitions[at] @ spread @ transitions[at].T + growths[at]
        expected[at], expected_spreads[at] = state, spread
        if is_measured[at]:
            gain = np.linalg.solve(spread[:3, :3] + noise[at], spread[:3]).T
            state = state + gain @ (positions[at] - state[:3])
            keep = np.eye(6)
            keep[:, :3] -= gain
            spread = keep @ spread @ keep.T + gain @ noise[at] @ gain.T  # the Joseph form
        states[at], spreads[at] = state, spread
    for at in range(count - 2, -1, -1):
        back = np.linalg.solve(expected_spreads[at + 1], transitions[at + 1] @ spreads[at]).T
        states[at] += back @ (states[at + 1] - expected[at + 1])
        spreads[at] += back @ (spreads[at + 1] - expected_spreads[at + 1]) @ back.T
    return states, spreads
