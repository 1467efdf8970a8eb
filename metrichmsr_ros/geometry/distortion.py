"""Lens distortion on normalised image coordinates (x/z, y/z): the three models that ROS CameraInfo names.

`plumb_bob` and `rational_polynomial` are OpenCV's polynomial model (k1 k2 p1 p2 [k3 [k4 k5 k6 [s1 s2 s3 s4]]]),
`equidistant` is OpenCV's fisheye model (k1 k2 k3 k4). Everything is float64.
"""

from __future__ import annotations

import numpy as np

from metrichmsr_ros.types import Float64Array

POLYNOMIAL_MODELS = ("plumb_bob", "rational_polynomial")
DISTORTION_MODELS = ("none", *POLYNOMIAL_MODELS, "equidistant")

_NEWTON_STEPS = 30
_TOLERANCE = 1e-9  # of a normalised coordinate: about a millionth of a pixel


def coefficient_error(model: str, coefficients: Float64Array) -> str | None:
    """The reason why `coefficients` do not fit `model`, or None if they do."""
    count = coefficients.size
    if model not in DISTORTION_MODELS:
        return f"unknown distortion model '{model}'; known are {', '.join(DISTORTION_MODELS)}"
    if not np.isfinite(coefficients).all():
        return f"distortion coefficients are not finite: {coefficients.tolist()}"
    if model == "none":
        return None if count == 0 else f"distortion model 'none' takes no coefficients, got {count}"
    if model == "equidistant":
        return None if count == 4 else f"distortion model 'equidistant' takes 4 coefficients, got {count}"
    if count not in (4, 5, 8, 12, 14):
        return f"distortion model '{model}' takes 4, 5, 8, 12 or 14 coefficients, got {count}"
    if count == 14 and np.any(coefficients[12:]):
        return "a tilted sensor (coefficients 13 and 14) is not supported; rectify the image before this node"
    return None


def distort(model: str, coefficients: Float64Array, points: Float64Array) -> Float64Array:
    """Map ideal normalised points (..., 2) to distorted normalised points (..., 2)."""
    if model == "none":
        return points.copy()
    if model == "equidistant":
        return _distort_equidistant(coefficients, points)
    return _polynomial(_padded(coefficients), points)[0]


def undistort(model: str, coefficients: Float64Array, points: Float64Array) -> Float64Array:
    """Invert `distort` by Newton steps; points (..., 2) that no ray in front of the camera reaches become NaN."""
    if model == "none":
        return points.copy()
    if model == "equidistant":
        return _undistort_equidistant(coefficients, points)
    return _undistort_polynomial(_padded(coefficients), points)


def _padded(coefficients: Float64Array) -> Float64Array:
    padded = np.zeros(12)
    padded[: min(coefficients.size, 12)] = coefficients[:12]
    return padded


def _polynomial(c: Float64Array, points: Float64Array) -> tuple[Float64Array, Float64Array]:
    """Return the distorted points (..., 2) and the Jacobian (..., 2, 2) of OpenCV's polynomial model."""
    k1, k2, p1, p2, k3, k4, k5, k6, s1, s2, s3, s4 = c
    x, y = points[..., 0], points[..., 1]
    r2 = x * x + y * y
    numerator = 1 + r2 * (k1 + r2 * (k2 + r2 * k3))
    denominator = 1 + r2 * (k4 + r2 * (k5 + r2 * k6))
    radial = numerator / denominator
    radial_slope = (  # d radial / d r2
        (k1 + r2 * (2 * k2 + r2 * 3 * k3)) - radial * (k4 + r2 * (2 * k5 + r2 * 3 * k6))
    ) / denominator
    distorted = np.stack(
        [
            x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x) + r2 * (s1 + r2 * s2),
            y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y + r2 * (s3 + r2 * s4),
        ],
        axis=-1,
    )
    jacobian = np.empty((*points.shape, 2))
    prism_x, prism_y = s1 + 2 * r2 * s2, s3 + 2 * r2 * s4
    jacobian[..., 0, 0] = radial + 2 * x * x * radial_slope + 2 * p1 * y + 6 * p2 * x + 2 * x * prism_x
    jacobian[..., 0, 1] = 2 * x * y * radial_slope + 2 * p1 * x + 2 * p2 * y + 2 * y * prism_x
    jacobian[..., 1, 0] = 2 * x * y * radial_slope + 2 * p1 * x + 2 * p2 * y + 2 * x * prism_y
    jacobian[..., 1, 1] = radial + 2 * y * y * radial_slope + 6 * p1 * y + 2 * p2 * x + 2 * y * prism_y
    return distorted, jacobian


def _undistort_polynomial(c: Float64Array, points: Float64Array) -> Float64Array:
    guess = points.copy()
    with np.errstate(all="ignore"):  # points beyond the model's turning point diverge and become NaN below
        for _ in range(_NEWTON_STEPS):
            distorted, jacobian = _polynomial(c, guess)
            error = distorted - points
            if np.nanmax(np.abs(error), initial=0.0) < 1e-14:
                break
            (a, b), (d, e) = np.moveaxis(jacobian[..., 0, :], -1, 0), np.moveaxis(jacobian[..., 1, :], -1, 0)
            determinant = a * e - b * d
            step_x = (e * error[..., 0] - b * error[..., 1]) / determinant
            step_y = (a * error[..., 1] - d * error[..., 0]) / determinant
            guess = guess - np.stack([step_x, step_y], axis=-1)
        distorted, jacobian = _polynomial(c, guess)
        determinant = np.linalg.det(np.where(np.isfinite(jacobian), jacobian, 0.0))
        # A negative determinant is a root beyond the model's turning point: no real ray arrives there.
        good = (np.abs(distorted - points).max(axis=-1) < _TOLERANCE) & (determinant > 0)
    return np.where(good[..., None], guess, np.nan)


def _distort_equidistant(c: Float64Array, points: Float64Array) -> Float64Array:
    radius = np.linalg.norm(points, axis=-1, keepdims=True)
    theta = np.arctan(radius)
    small = radius < 1e-9  # theta_d / r -> 1
    scale = np.where(small, 1.0, _theta_distorted(c, theta)[0] / np.where(small, 1.0, radius))
    return points * scale


def _theta_distorted(c: Float64Array, theta: Float64Array) -> tuple[Float64Array, Float64Array]:
    """Return theta_d and d theta_d / d theta."""
    k1, k2, k3, k4 = c
    t2 = theta * theta
    value = theta * (1 + t2 * (k1 + t2 * (k2 + t2 * (k3 + t2 * k4))))
    slope = 1 + t2 * (3 * k1 + t2 * (5 * k2 + t2 * (7 * k3 + t2 * 9 * k4)))
    return value, slope


def _undistort_equidistant(c: Float64Array, points: Float64Array) -> Float64Array:
    target = np.linalg.norm(points, axis=-1, keepdims=True)
    theta = np.minimum(target, 1.5)
    with np.errstate(all="ignore"):
        for _ in range(_NEWTON_STEPS):
            value, slope = _theta_distorted(c, theta)
            theta = theta - (value - target) / slope
        value, slope = _theta_distorted(c, theta)
        good = (np.abs(value - target) < _TOLERANCE) & (slope > 0) & (theta >= 0) & (theta < np.pi / 2 - 1e-6)
        scale = np.where(target < 1e-9, 1.0, np.tan(theta) / np.where(target < 1e-9, 1.0, target))
    return np.where(good, points * scale, np.nan)
