"""Where people will be, and with what probability they then cover a place on the floor.

Everybody goes on with constant velocity and white-noise acceleration, as in the motion filter. The fixed frame's z
points up. A person covers a disc of `BODY_RADIUS_M` around the middle of the hips.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from metrichmsr_ros.people.tracking.fixed_frame import PeopleMotion
from metrichmsr_ros.people.tracking.kalman import motion_model
from metrichmsr_ros.types import Float64Array

BODY_RADIUS_M = 0.3  # of a walking adult seen from above, arms included
OFFSETS_S: Float64Array = np.linspace(0.0, 1.5, 7)  # 0 to 1.5 s
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(24)
_TAIL = 6.0  # standard deviations beyond which a Gaussian is 0
_LEAST_STD_M = 0.01


@dataclass(frozen=True, eq=False)
class Prediction:
    """N people at T times.

    Attributes:
        offsets_s: (T,) seconds after the stamp.
        positions: (T, N, 3) m, middle of the hips.
        covariances: (T, N, 3, 3) m^2.
    """

    offsets_s: Float64Array
    positions: Float64Array
    covariances: Float64Array


def predict(motion: PeopleMotion, acceleration_density: float, offsets_s: Float64Array = OFFSETS_S) -> Prediction:
    """Positions and their covariances at later times; the covariances grow.

    Args:
        motion: N people.
        acceleration_density: of the motion filter, (m/s^2)^2/Hz.
        offsets_s: (T,) seconds, not negative.
    """
    transitions, growths = motion_model(offsets_s, acceleration_density)
    states = np.concatenate([motion.people.positions, motion.velocities], axis=1)
    later = np.einsum("tij,nj->tni", transitions, states)
    spread = np.einsum("tij,njk,tlk->tnil", transitions, motion.covariances, transitions) + growths[:, None]
    return Prediction(offsets_s, later[..., :3], spread[..., :3, :3])


def occupancy(prediction: Prediction, radius_m: float = BODY_RADIUS_M) -> tuple[Float64Array, Float64Array]:
    """Places that people may cover, spread with the covariance, and the probability that the person covers each.

    Returns:
        points (T, N, M, 3) m, at the height of the hips, and probabilities (T, N, M).
    """
    stds, axes = floor_ellipses(prediction.covariances)
    reach = np.sqrt(stds**2 + radius_m**2 / 4)  # a disc's standard deviation along each axis is radius / 2
    local = _PATTERN * reach[..., None, :]
    points = np.repeat(prediction.positions[..., None, :], len(_PATTERN), axis=-2)
    points[..., :2] += local @ np.swapaxes(axes, -1, -2)
    return points, covered(local, stds, radius_m)


def floor_ellipses(covariances: Float64Array) -> tuple[Float64Array, Float64Array]:
    """Ellipses of one standard deviation on the floor.

    Args:
        covariances: (..., 3, 3) m^2.

    Returns:
        standard deviations (..., 2) m, the smaller one first, at least 1 cm, and axes (..., 2, 2) in columns,
        right-handed.
    """
    variances, axes = np.linalg.eigh(covariances[..., :2, :2])
    axes[..., 1] *= np.sign(np.linalg.det(axes))[..., None]
    return np.sqrt(np.maximum(variances, _LEAST_STD_M**2)), axes


def covered(places: Float64Array, stds: Float64Array, radius_m: float) -> Float64Array:
    """Probability that a disc around a Gaussian position covers each place.

    The Gaussian is integrated over the disc around the place: exactly along the axis of the smaller deviation, by
    Gauss-Legendre quadrature along the other.

    Args:
        places: (..., M, 2) m from the mean, along the axes of the Gaussian.
        stds: (..., 2) m, positive.
        radius_m: of the disc.

    Returns:
        (..., M).
    """
    x, y = places[..., 0, None], places[..., 1, None]
    narrow, wide = stds[..., None, None, 0], stds[..., None, None, 1]
    low = np.clip(-_TAIL * wide, y - radius_m, y + radius_m)
    high = np.clip(_TAIL * wide, y - radius_m, y + radius_m)
    along = (low + high) / 2 + (high - low) / 2 * _NODES
    half = np.sqrt(np.maximum(radius_m**2 - (along - y) ** 2, 0))
    inner = ndtr((x + half) / narrow) - ndtr((x - half) / narrow)
    density = np.exp(-0.5 * (along / wide) ** 2) / (np.sqrt(2 * np.pi) * wide)
    return np.clip((inner * density * _WEIGHTS).sum(axis=-1) * (high - low)[..., 0] / 2, 0, 1)


def _rings() -> Float64Array:
    """(37, 2) the centre and three rings around it, in standard deviations."""
    rings = [np.zeros((1, 2))]
    for number, count in enumerate((6, 12, 18), start=1):
        angles = 2 * np.pi * np.arange(count) / count
        rings.append(0.7 * number * np.stack([np.cos(angles), np.sin(angles)], axis=1))
    return np.concatenate(rings)


_PATTERN = _rings()
