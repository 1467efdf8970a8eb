"""Constant-velocity Kalman filter of one person's root, on the stamps of the images.

State x = [position, velocity], 6 numbers in metres and metres per second, camera frame. Between stamps the velocity is
driven by white-noise acceleration of spectral density q (Bar-Shalom, Li, Kirubarajan 2001, section 6.2).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from metrichmsr_ros.types import Float64Array

FLOOR_M2 = 1e-6  # m^2, added to every measurement's covariance


@dataclass(frozen=True)
class RootFilterConfig:
    """Prior assumptions about the motion of people and the errors of measurements.

    Attributes:
        acceleration_density: spectral density of acceleration, (m/s^2)^2/Hz.
        independent_share: share of the stated position variance that is independent between images
            `independent_after_s` apart. The rest is an error common to all images of a person, mostly of size and so
            of distance. It affects the position, not the velocity. This share and `acceleration_density` are fitted to
            rendered walkers: 68 % of true velocities lie within one standard deviation
            (`python -m benchmarks.velocity`).
        independent_after_s: the errors of two images closer in time than this are correlated.
        start_speed: standard deviation of a new person's speed per axis, m/s.
        gate: squared Mahalanobis distance (3 degrees of freedom; 99.9 % lie below 16.3) beyond which a measurement is
            taken with an inflated covariance, so that one outlier moves the state little.
        patience: after this many consecutive measurements beyond the gate, the filter restarts at the last of them.
        patience_s: but not before the first of them is so old: more images a second are not more evidence.
        max_gap_s: a longer time between stamps restarts the filter.
    """

    acceleration_density: float = 0.25
    independent_share: float = 0.05
    independent_after_s: float = 0.1
    start_speed: float = 1.5
    gate: float = 16.3
    patience: int = 4
    patience_s: float = 0.25
    max_gap_s: float = 2.0


class RootFilter:
    """One person's root: position and velocity with covariance."""

    def __init__(self, config: RootFilterConfig | None = None) -> None:
        self._config = config or RootFilterConfig()
        self._stamp_s: float | None = None
        self._measured_s = -math.inf  # stamp of the last measurement; predictions go on from there
        self._state: Float64Array = np.zeros(6)
        self._covariance: Float64Array = np.eye(6)
        self._shared: Float64Array = np.zeros((3, 3))  # covariance of the error that all measurements share
        self._outside: list[float] = []  # stamps of the last measurements, all beyond the gate

    def reset(self) -> None:
        """Discard the state; the next measurement starts the filter."""
        self._stamp_s = None

    def shift(self, offset: ArrayLike) -> None:
        """Move the position without a motion, where the measurements' common error is known to have changed.

        Args:
            offset: (3,) m.
        """
        self._state = self._state + np.concatenate([np.asarray(offset, np.float64), np.zeros(3)])

    def doubt(self, covariance: ArrayLike) -> None:
        """Let the next measurement move the position without a motion: its common error is another, nobody knows which.

        Args:
            covariance: (3, 3) m^2, of the difference of the two errors.
        """
        self._covariance = self._covariance.copy()
        self._covariance[:3, :3] += np.asarray(covariance, np.float64)

    def update(
        self, position: ArrayLike, covariance: ArrayLike, stamp_s: float
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Take one measurement.

        A stamp before the last one (a bag that loops) or long after it restarts the filter. An equal stamp is a second
        measurement at the same time.

        Args:
            position: (3,) m.
            covariance: (3, 3) m^2, symmetric, positive semi-definite; a floor of (1 mm)^2 is added.
            stamp_s: seconds.

        Returns:
            (3,) position m, (3,) velocity m/s and (6, 6) covariance of both.

        Raises:
            ValueError: a number is not finite or a shape is wrong.
        """
        measured, noise = _checked(position, covariance, stamp_s)
        step = math.inf if self._stamp_s is None else stamp_s - self._stamp_s
        self._shared = (1.0 - self._config.independent_share) * noise
        if not 0.0 <= step <= self._config.max_gap_s:
            self._start(measured, self._independent(noise, 1.0))
        else:
            self._predict(step)
            self._correct(measured, noise, stamp_s)
        self._stamp_s = self._measured_s = stamp_s
        return self._result()

    def predict(self, stamp_s: float) -> tuple[Float64Array, Float64Array, Float64Array]:
        """Predict the state at a later time without a measurement; the covariance grows.

        Args:
            stamp_s: seconds, not before the last stamp.

        Returns:
            As `update`.

        Raises:
            ValueError: there is no measurement yet, or the stamp lies before the last one.
        """
        if self._stamp_s is None or not stamp_s >= self._stamp_s:
            raise ValueError(f"cannot predict to stamp {stamp_s}: the last one is {self._stamp_s}")
        self._predict(stamp_s - self._stamp_s)
        self._stamp_s = stamp_s
        return self._result()

    def _independent(self, noise: Float64Array, crowded: float) -> Float64Array:
        """Covariance of the part of a measurement's error that is independent of the `crowded` - 1 others near it."""
        return noise * min(1.0, self._config.independent_share * crowded) + np.eye(3) * FLOOR_M2

    def _result(self) -> tuple[Float64Array, Float64Array, Float64Array]:
        covariance = self._covariance.copy()
        covariance[:3, :3] += self._shared
        return self._state[:3].copy(), self._state[3:].copy(), covariance

    def _start(self, measured: Float64Array, noise: Float64Array) -> None:
        self._state = np.concatenate([measured, np.zeros(3)])
        self._covariance = np.zeros((6, 6))
        self._covariance[:3, :3] = noise
        self._covariance[3:, 3:] = np.eye(3) * self._config.start_speed**2
        self._outside.clear()

    def _predict(self, step: float) -> None:
        (transition,), (growth,) = motion_model(np.array([step]), self._config.acceleration_density)
        self._state = transition @ self._state
        self._covariance = transition @ self._covariance @ transition.T + growth

    def _correct(self, measured: Float64Array, stated: Float64Array, stamp_s: float) -> None:
        crowded = max(1.0, self._config.independent_after_s / max(stamp_s - self._measured_s, 1e-3))
        noise = self._independent(stated, crowded)  # correlated errors count as one
        innovation = measured - self._state[:3]
        expected = self._covariance[:3, :3] + noise
        distance = float(innovation @ np.linalg.solve(expected, innovation))
        if distance > self._config.gate:
            self._outside.append(stamp_s)
            if self._is_out_of_patience():
                velocity = self._state[3:].copy()
                self._start(measured, noise)
                self._state[3:] = velocity  # the distance was wrong, or the id has passed to another person
                return
            # With this covariance a measurement lies exactly on the gate: a larger distance gives less weight.
            noise = noise + expected * (crowded * distance / self._config.gate - 1.0)
            expected = self._covariance[:3, :3] + noise
        else:
            self._outside.clear()
        gain = np.linalg.solve(expected, self._covariance[:3]).T  # (6, 3), P H^T S^-1
        self._state = self._state + gain @ innovation
        keep = np.eye(6)
        keep[:, :3] -= gain
        # The Joseph form stays symmetric and positive semi-definite for any gain.
        self._covariance = keep @ self._covariance @ keep.T + gain @ noise @ gain.T

    def _is_out_of_patience(self) -> bool:
        lasted_s = self._outside[-1] - self._outside[0]
        return len(self._outside) >= self._config.patience and lasted_s >= self._config.patience_s


def motion_model(steps_s: Float64Array, acceleration_density: float) -> tuple[Float64Array, Float64Array]:
    """How position and velocity go on, and how uncertain they become, over each of T steps.

    Args:
        steps_s: (T,) seconds, not negative.
        acceleration_density: spectral density of acceleration, (m/s^2)^2/Hz.

    Returns:
        transitions (T, 6, 6), x(t + step) = F x(t), and the covariances (T, 6, 6) that are added.
    """
    transitions, growths = np.tile(np.eye(6), (len(steps_s), 1, 1)), np.zeros((len(steps_s), 6, 6))
    place, speed = np.arange(3), np.arange(3, 6)
    transitions[:, place, speed] = steps_s[:, None]
    growths[:, place, place] = steps_s[:, None] ** 3 / 3 * acceleration_density
    growths[:, speed, speed] = steps_s[:, None] * acceleration_density
    growths[:, place, speed] = growths[:, speed, place] = steps_s[:, None] ** 2 / 2 * acceleration_density
    return transitions, growths


def _checked(position: ArrayLike, covariance: ArrayLike, stamp_s: float) -> tuple[Float64Array, Float64Array]:
    measured, noise = np.asarray(position, np.float64), np.asarray(covariance, np.float64)
    if measured.shape != (3,) or noise.shape != (3, 3):
        raise ValueError(f"position {measured.shape} and covariance {noise.shape} must be (3,) and (3, 3)")
    if not (np.isfinite(measured).all() and np.isfinite(noise).all() and math.isfinite(stamp_s)):
        raise ValueError(f"position {measured}, its covariance and stamp {stamp_s} must be finite numbers")
    return measured, (noise + noise.T) / 2
