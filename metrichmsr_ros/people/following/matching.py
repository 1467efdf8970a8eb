"""Whether somebody is the person who is followed: by place, height and shape."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from metrichmsr_ros.people.following.candidate import Candidate
from metrichmsr_ros.people.following.config import FollowConfig
from metrichmsr_ros.types import Float64Array


def squared_distance(candidate: Candidate, position: Float64Array, covariance: Float64Array) -> tuple[float, float]:
    """Squared Mahalanobis distance from a predicted place (3,), and log determinant of its covariance.

    Args:
        candidate: somebody. position: predicted place of the person, m. covariance: (3, 3) of it, m^2.
    """
    spread = covariance + candidate.covariance
    gap = candidate.position - position
    return float(gap @ np.linalg.solve(spread, gap)), float(np.linalg.slogdet(spread)[1])


def shape_difference(one: Candidate, other: Candidate, config: FollowConfig) -> float:
    """Squared differences of height and of shape in their standard deviations."""
    difference = ((one.height - other.height) / config.height_std) ** 2
    if one.body_model == other.body_model:
        difference += float(np.mean((one.betas - other.betas) ** 2)) / config.betas_std**2
    return difference


def the_same(
    looks: Candidate,
    position: Float64Array,
    covariance: Float64Array,
    candidates: Sequence[Candidate],
    config: FollowConfig,
) -> Candidate | None:
    """The one of `candidates` who is the person; None if nobody is, or if two may be.

    The cost is twice the negative log-likelihood of place and shape. It must be lower than that of somebody who has
    newly come into view: the longer the person is lost, the less the place says, and the nearer somebody must be.

    Args:
        looks: the person when last seen.
        position, covariance: where the person is predicted to be, m and m^2.
        candidates: people with other ids who have not been seen together with the person.
    """
    costs = []
    for candidate in candidates:
        distance, spread = squared_distance(candidate, position, covariance)
        shape = shape_difference(looks, candidate, config)
        possible = distance <= config.gate and shape <= config.shape_gate
        costs.append(distance + spread + shape if possible else np.inf)
    if not costs:
        return None
    order = np.argsort(costs)
    best = costs[order[0]]
    second = costs[order[1]] if len(costs) > 1 else np.inf
    is_clear = best < config.nobody and (not np.isfinite(second) or second - best >= config.margin)
    return candidates[order[0]] if is_clear else None
