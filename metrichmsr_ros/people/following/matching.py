"""Whether somebody is the person who is followed: by place, height and shape."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import linear_sum_assignment

from metrichmsr_ros.people.following.candidate import Candidate
from metrichmsr_ros.people.following.config import FollowConfig
from metrichmsr_ros.people.following.memory import Missing
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
    person: Missing, others: Sequence[Missing], candidates: Sequence[Candidate], config: FollowConfig
) -> Candidate | None:
    """The one of `candidates` who is the person; None if nobody is, or if somebody else may be.

    Every candidate is the person, another missing person, or somebody who has newly come into view. The cost of an
    explanation is twice the negative log-likelihood of places and shapes. The longer somebody is missing, the less the
    place says, and the nearer a candidate must be. Explanations in which another candidate is the person, or in which
    the candidate is another missing person, must be worse by a margin.

    Args:
        person: who is looked for.
        others: who were seen beside the person, and are missing too.
        candidates: people with ids who have not been seen together with the person.
        config: assumptions.
    """
    if not candidates:
        return None
    gains = np.array([[_gain(one, candidate, config) for candidate in candidates] for one in (person, *others)])
    totals = [_with(gains, 0, column) for column in range(len(candidates))]
    chosen = int(np.argmin(totals))
    rivals = [total for column, total in enumerate(totals) if column != chosen]
    rivals += [_with(gains, row, chosen) for row in range(1, len(gains))]
    is_clear = gains[0, chosen] < 0 and all(total - totals[chosen] >= config.margin for total in rivals)
    return candidates[chosen] if is_clear else None


def _gain(missing: Missing, candidate: Candidate, config: FollowConfig) -> float:
    """Cost if the candidate is the missing person, less that of a newcomer; infinite where it cannot be."""
    distance, spread = squared_distance(candidate, missing.position, missing.covariance)
    shape = shape_difference(missing.looks, candidate, config)
    is_possible = distance <= config.gate and shape <= config.shape_gate
    return distance + spread + shape - config.nobody if is_possible else np.inf


def _with(gains: Float64Array, row: int, column: int) -> float:
    """Cost of the best explanation in which this candidate is this missing person."""
    if not np.isfinite(gains[row, column]):
        return np.inf
    rest = np.minimum(np.delete(np.delete(gains, row, axis=0), column, axis=1), 0.0)  # or each one is newly there
    return float(gains[row, column] + rest[linear_sum_assignment(rest)].sum())
