"""Where a lens model stops growing: rays farther out would fall on pixels that nearer rays already have.

A fitted polynomial means something only up to there. The real lens does not turn back.
"""

from __future__ import annotations

import numpy as np
from numpy.polynomial import Polynomial

from metrichmsr_ros.types import Float64Array

_NO_TERM = 1e-30  # share of the largest coefficient: a smaller last one turns nothing that a camera sees


def polynomial_turning_radius(coefficients: Float64Array) -> float:
    """Radius |(x/z, y/z)| at which the radial part of OpenCV's polynomial model turns; infinity if it never does.

    Args:
        coefficients: (12,) k1 k2 p1 p2 k3 k4 k5 k6 s1 s2 s3 s4.
    """
    k1, k2, _, _, k3, k4, k5, k6 = coefficients[:8]
    squared = Polynomial([0, 1])  # r^2
    numerator, denominator = Polynomial([1, k1, k2, k3]), Polynomial([1, k4, k5, k6])
    slope = numerator * denominator + 2 * squared * (  # of r N(r^2) / D(r^2), times D^2
        numerator.deriv() * denominator - numerator * denominator.deriv()
    )
    return float(np.sqrt(min(_first_positive_root(slope), _first_positive_root(denominator))))


def equidistant_turning_angle(coefficients: Float64Array) -> float:
    """Angle from the axis, radians, at which OpenCV's fisheye model (k1 k2 k3 k4) turns; infinity if it never does."""
    k1, k2, k3, k4 = coefficients
    return float(np.sqrt(_first_positive_root(Polynomial([1, 3 * k1, 5 * k2, 7 * k3, 9 * k4]))))


def _first_positive_root(polynomial: Polynomial) -> float:
    size = np.abs(polynomial.coef).max()
    roots = polynomial.trim(_NO_TERM * size).roots()
    real = roots.real[(np.abs(roots.imag) <= 1e-9 * np.abs(roots)) & (roots.real > 0)]
    return float(real.min(initial=np.inf))
