"""Covariance intersection: estimates of one position whose errors may be correlated in any way.

Cameras that see the same person share errors: the person's unknown stature makes all distances too long or too short
together, and the cameras run the same network. How strongly is not known, so the estimates are not multiplied as if
they were independent. With weights w_i >= 0 that sum to 1,

    P^-1 = sum_i w_i P_i^-1,    x = P sum_i w_i P_i^-1 x_i

is consistent for every correlation (Julier and Uhlmann 1997; Uhlmann 2003 for more than two): the true covariance of x
is never larger than P. The weights minimise det P. That is the D-optimal design of experiments, whose multiplicative
algorithm (Silvey, Titterington, Torsney 1978) rises monotonically, and whose equivalence theorem says when to stop.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from metrichmsr_ros.types import Float64Array

TOLERANCE = 1e-2  # any weights are consistent; these make the determinant less than 3 % too large
_MAX_ROUNDS = 500


class Intersection(NamedTuple):
    """Position (3,), its covariance (3, 3), and the weight of each estimate (N,)."""

    position: Float64Array
    covariance: Float64Array
    weights: Float64Array

    def share(self, number: int, covariance: Float64Array) -> Float64Array:
        """(3, 3) factor of an estimate, with this `covariance` (3, 3), in the position; all sum to the identity."""
        return np.asarray(self.weights[number] * self.covariance @ np.linalg.inv(covariance), np.float64)


def intersect(positions: Float64Array, covariances: Float64Array) -> Intersection:
    """Fuse estimates of one position.

    Args:
        positions: (N, 3) m, N >= 1.
        covariances: (N, 3, 3) m^2, positive definite.
    """
    information = np.asarray(np.linalg.inv(covariances), np.float64)
    weights = _d_optimal(information)
    covariance = np.linalg.inv(np.einsum("n,nij->ij", weights, information))
    position = covariance @ np.einsum("n,nij,nj->i", weights, information, positions)
    return Intersection(position, (covariance + covariance.T) / 2, weights)


def _d_optimal(information: Float64Array) -> Float64Array:
    """Weights (N,) that maximise det(sum w_i I_i), within a factor of exp(-d TOLERANCE) for d dimensions."""
    count, dimensions = information.shape[:2]
    weights = np.full(count, 1.0 / count)
    for _ in range(_MAX_ROUNDS if count > 1 else 0):
        covariance = np.linalg.inv(np.einsum("n,nij->ij", weights, information))
        gains = np.einsum("ij,nji->n", covariance, information) / dimensions  # all <= 1 at the optimum
        if gains.max() <= 1.0 + TOLERANCE:
            break
        weights = weights * gains  # still sum to 1
    return weights / weights.sum()
