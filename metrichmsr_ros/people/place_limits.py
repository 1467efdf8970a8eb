"""Places of people in a fixed frame, and their covariances, that can be computed with."""

from __future__ import annotations

import numpy as np

from metrichmsr_ros.types import Float64Array

FARTHEST_M = 1e6
"""Of a place from the origin of the fixed frame: the squares of larger numbers leave no digit for a person's size."""

VARIANCES_M2 = (1e-12, 1e12)
"""Smallest and largest variance along any direction of a covariance that can be inverted."""


def is_usable_covariance(covariance: Float64Array) -> bool:
    """Whether a symmetric matrix is finite and positive definite, with variances within `VARIANCES_M2`."""
    if not np.isfinite(covariance).all():
        return False
    variances = np.linalg.eigvalsh(covariance)
    return bool(VARIANCES_M2[0] <= variances[0] and variances[-1] <= VARIANCES_M2[1])
