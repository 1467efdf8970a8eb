"""Which sighting of one camera belongs to which person: by position, size, shape and the camera's own ids."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.optimize import linear_sum_assignment

from metrichmsr_ros.fusion.config import FusionConfig
from metrichmsr_ros.fusion.sighting import CameraSighting
from metrichmsr_ros.fusion.track import FusedTrack
from metrichmsr_ros.types import Float64Array

_MOST_SHAPE = 9.0  # shape is a hint: it never outweighs what three standard deviations of position say


def associate(
    tracks: Sequence[FusedTrack], sightings: Sequence[CameraSighting], stamp_s: float, config: FusionConfig
) -> dict[int, int]:
    """The assignment of least cost, as numbers of tracks by numbers of sightings; those without a track are left out.

    The cost is twice the negative log-likelihood: squared Mahalanobis distance and log determinant of the position,
    squared differences of height and shape, and the odds that a camera's id has not passed to somebody else. A sighting
    that somebody new explains better is left out.

    Args:
        tracks: people known so far.
        sightings: of one camera at one time, so that no two are the same person.
        stamp_s: time of the comparison, s.
        config: assumptions.
    """
    if not tracks or not sightings:
        return {}
    distance, log_det = mahalanobis(tracks, sightings, stamp_s, config)
    is_same = np.array([[s.key in t.keys for s in sightings] for t in tracks])
    allowed = distance <= np.where(is_same, config.same_id_gate, config.gate)
    cost = distance + log_det + _shape_distance(tracks, sightings, config)
    cost -= is_same * 2.0 * math.log(config.id_kept / (1.0 - config.id_kept))
    nobody = -2.0 * math.log(config.new_density) - 3.0 * math.log(2.0 * math.pi)
    gain = np.where(allowed, np.minimum(cost - nobody, 0.0), 0.0)  # against starting a new person
    rows, columns = linear_sum_assignment(gain)
    return {int(s): int(t) for t, s in zip(rows, columns, strict=True) if gain[t, s] < 0.0}


def mahalanobis(
    tracks: Sequence[FusedTrack], sightings: Sequence[CameraSighting], stamp_s: float, config: FusionConfig
) -> tuple[Float64Array, Float64Array]:
    """Squared Mahalanobis distance and log determinant of its covariance, both (tracks, sightings)."""
    motions = [track.at(stamp_s) for track in tracks]
    places = np.array([[t.aligned(s, stamp_s).position for s in sightings] for t in tracks])
    gaps = places - np.stack([m.position for m in motions])[:, None]
    spread = np.stack([t.spread(stamp_s) for t in tracks])[:, None] + np.stack([s.spread(config) for s in sightings])
    return np.einsum("tsi,tsij,tsj->ts", gaps, np.linalg.inv(spread), gaps), np.linalg.slogdet(spread)[1]


def _shape_distance(
    tracks: Sequence[FusedTrack], sightings: Sequence[CameraSighting], config: FusionConfig
) -> Float64Array:
    """Squared difference of height and of shape in their standard deviations, limited."""
    heights = np.subtract.outer([t.best.height for t in tracks], [s.height for s in sightings]) / config.height_std
    betas = np.stack([t.best.betas for t in tracks])[:, None] - np.stack([s.betas for s in sightings])
    is_comparable = np.array([[t.best.body_model == s.body_model for s in sightings] for t in tracks])
    shape = (betas**2).mean(axis=2) / config.betas_std**2 * is_comparable
    return np.minimum(heights**2 + shape, _MOST_SHAPE)
