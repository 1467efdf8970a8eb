"""Smoothing over time with past and future: penalised least squares, for numbers and for rotations.

The smooth curve x minimises sum_t w_t (y_t - x_t)^2 + stiffness * integral of x''^2, a cubic smoothing spline on the
stamps (Whittaker 1922; Eilers 2003). Where weights vanish it interpolates.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import solveh_banded
from scipy.spatial.transform import Rotation

from metrichmsr_ros.types import Float64Array

ROUNDS = 3  # of reweighting
OUTLIER = 2.5  # robust standard deviations at which an image counts half
LEAST_SPREAD_RAD = 0.03
_SIGN_S = 0.2  # time over which signs of quaternions are compared: a single wrong rotation does not turn all after it


def smoothed(values: Float64Array, weights: Float64Array, stamps_s: Float64Array, stiffness: float) -> Float64Array:
    """The smooth curve through values (T, D).

    Args:
        values: (T, D). weights: (T,) positive. stamps_s: (T,) increasing.
        stiffness: s^3 of unit weights; larger is smoother.
    """
    if len(values) < 3:
        return values.copy()
    banded = _curvature(stamps_s, stiffness)
    banded[2] += weights
    return np.asarray(solveh_banded(banded, weights[:, None] * values))


def second_derivative(stamps_s: Float64Array) -> tuple[Float64Array, Float64Array]:
    """The second derivative at each inner stamp, from its value and its neighbours'.

    Returns:
        (T - 2, 3) factors of the values before, at and after, 1/s^2; (T - 2,) s, the time that each stands for.
    """
    before, after = np.diff(stamps_s)[:-1], np.diff(stamps_s)[1:]
    both = before + after
    return np.stack([2 / (before * both), -2 / (before * after), 2 / (after * both)], axis=1), both / 2


def _curvature(stamps_s: Float64Array, stiffness: float) -> Float64Array:
    """(3, T) upper bands of the quadratic form of the integrated squared second derivative."""
    rows, spans = second_derivative(stamps_s)
    banded = np.zeros((3, len(stamps_s)))
    for one in range(3):
        for two in range(one, 3):
            banded[2 - (two - one), two : two + len(rows)] += stiffness * spans * rows[:, one] * rows[:, two]
    return banded


def smoothed_rotations(
    rotations: Float64Array, weights: Float64Array, stamps_s: Float64Array, stiffness: float
) -> Float64Array:
    """The smooth path through rotations (T, 3, 3); images that lie far off it count little.

    Args:
        rotations: (T, 3, 3). weights: (T,) positive. stamps_s: (T,) increasing.
        stiffness: as for `smoothed`, of unit quaternions.
    """
    quaternions = _continuous(Rotation.from_matrix(rotations).as_quat(), stamps_s)
    trusted = weights
    path = quaternions
    for _ in range(ROUNDS):
        path = smoothed(quaternions, trusted, stamps_s, stiffness)
        path = path / np.linalg.norm(path, axis=1, keepdims=True)
        angles = 2 * np.arccos(np.clip(np.abs((quaternions * path).sum(axis=1)), 0, 1))
        spread = max(1.4826 * float(np.median(angles[weights >= np.median(weights)])), LEAST_SPREAD_RAD)
        trusted = weights / (1 + (angles / (OUTLIER * spread)) ** 2)
    return np.asarray(Rotation.from_quat(path).as_matrix())


def _continuous(quaternions: Float64Array, stamps_s: Float64Array) -> Float64Array:
    """The same rotations with the signs that are nearest to the mean of those shortly before.

    A rotation that is wrong by half a turn is as near with either sign. If the next ones followed its sign, the path
    would turn once round between those before and those after it.
    """
    signed, mean = quaternions.copy(), quaternions[0]
    shares = -np.expm1(-np.diff(stamps_s) / _SIGN_S)
    for at, share in enumerate(shares, start=1):
        if signed[at] @ mean < 0:
            signed[at] *= -1
        mean = (1 - share) * mean + share * signed[at]
        mean = mean / np.linalg.norm(mean)
    return signed
