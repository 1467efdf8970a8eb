"""Lens distortion on normalised image coordinates (x/z, y/z): the three models that ROS CameraInfo names.

`plumb_bob` and `rational_polynomial` are OpenCV's polynomial model (k1 k2 p1 p2 [k3 [k4 k5 k6 [s1 s2 s3 s4]]]),
`equidistant` is OpenCV's fisheye model (k1 k2 k3 k4). Everything is float64.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from metrichmsr_ros.geometry.lens_names import OTHER_PROJECTIONS, REMEDIES
from metrichmsr_ros.geometry.turning_point import equidistant_turning_angle, polynomial_turning_radius
from metrichmsr_ros.types import Float64Array

POLYNOMIAL_MODELS = ("plumb_bob", "rational_polynomial")
DISTORTION_MODELS = ("none", *POLYNOMIAL_MODELS, "equidistant")

_VECTORS = ((3, 2), (8, 10), (9, 11))
"""Of the polynomial model, places of the x and y of its vectors: p2 and p1, s1 and s3, s2 and s4."""
_NEWTON_STEPS = 30
_LARGEST = 1e12  # coefficient of any lens: the products of larger ones are not finite
_TOLERANCE = 1e-9  # of a normalised coordinate: about a millionth of a pixel


def coefficient_error(model: str, coefficients: Float64Array) -> str | None:
    """The reason why `coefficients` do not fit `model`, or None if they do."""
    count = coefficients.size
    if not np.isfinite(coefficients).all():
        return f"distortion coefficients are not finite: {coefficients.tolist()}"
    if (np.abs(coefficients) > _LARGEST).any():
        return f"distortion coefficients are beyond any lens: {coefficients.tolist()}; calibrate the camera again"
    if model in OTHER_PROJECTIONS:
        return (
            f"distortion model '{model}' is another projection than {', '.join(DISTORTION_MODELS)}; publish rectified "
            "images, or calibrate the camera with one of these"
        )
    if model in REMEDIES:
        return (
            f"distortion model '{model}' takes no coefficients, got {coefficients.tolist()}: {REMEDIES[model]}"
            if count
            else None
        )
    if model not in DISTORTION_MODELS:
        return f"unknown distortion model '{model}'; known are {', '.join(DISTORTION_MODELS)}"
    if model == "equidistant":
        return None if count == 4 else f"distortion model 'equidistant' takes 4 coefficients, got {count}"
    if count not in (4, 5, 8, 12, 14):
        return f"distortion model '{model}' takes 4, 5, 8, 12 or 14 coefficients, got {count}"
    if count == 14 and np.any(coefficients[12:]):
        return "a tilted sensor (coefficients 13 and 14) is not supported; rectify the image before this node"
    return None


def has_distortion(model: str, coefficients: Float64Array) -> bool:
    """Whether K alone does not describe the lens. A fisheye is none of K's even where all its coefficients are zero."""
    return model == "equidistant" or model in OTHER_PROJECTIONS or bool(np.any(coefficients))  # true for NaN


def rotated_coefficients(model: str, coefficients: Float64Array, rotation: Float64Array) -> Float64Array:
    """Coefficients (n,) of the same lens on a camera that is rotated about its optical axis.

    Args:
        model, coefficients: of the camera as it is.
        rotation: (2, 2) from its normalised coordinates to those of the rotated one.
    """
    rotated = coefficients.copy()
    if model in POLYNOMIAL_MODELS:
        for pair in _VECTORS:
            if coefficients.size > max(pair):
                rotated[list(pair)] = rotation @ coefficients[list(pair)]
    return rotated


def distort(model: str, coefficients: Float64Array, points: Float64Array) -> Float64Array:
    """Map ideal normalised points (..., 2) to distorted normalised points (..., 2).

    Points beyond the model's turning point become NaN: no image has them.
    """
    if model == "none":
        return points.copy()
    if model == "equidistant":
        return _distort_equidistant(coefficients, points)
    return _distort_polynomial(_padded(coefficients), points)


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


def _distort_polynomial(c: Float64Array, points: Float64Array) -> Float64Array:
    with np.errstate(all="ignore"):  # far beyond the turning point numbers overflow, and become NaN below
        distorted, jacobian = _polynomial(c, points)
        return np.where(_grows(c, points, jacobian)[..., None], distorted, np.nan)


def _grows(c: Float64Array, points: Float64Array, jacobian: Float64Array) -> NDArray[np.bool_]:
    """Whether ideal points (..., 2) with their Jacobian (..., 2, 2) lie before the model's turning point."""
    determinant = jacobian[..., 0, 0] * jacobian[..., 1, 1] - jacobian[..., 0, 1] * jacobian[..., 1, 0]
    before = np.linalg.norm(points, axis=-1) < polynomial_turning_radius(c)
    return np.asarray(before & (determinant > 0))


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
        # A root beyond the model's turning point is no real ray.
        good = (np.abs(distorted - points).max(axis=-1) < _TOLERANCE) & _grows(c, guess, jacobian)
    return np.where(good[..., None], guess, np.nan)


def _distort_equidistant(c: Float64Array, points: Float64Array) -> Float64Array:
    radius = np.linalg.norm(points, axis=-1, keepdims=True)
    theta = np.arctan(radius)
    small = radius < 1e-9  # theta_d / r -> 1
    scale = np.where(small, 1.0, _theta_distorted(c, theta)[0] / np.where(small, 1.0, radius))
    return np.where(theta < equidistant_turning_angle(c), points * scale, np.nan)


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
        farthest = min(np.pi / 2 - 1e-6, equidistant_turning_angle(c))
        good = (np.abs(value - target) < _TOLERANCE) & (slope > 0) & (theta >= 0) & (theta < farthest)
        scale = np.where(target < 1e-9, 1.0, np.tan(theta) / np.where(target < 1e-9, 1.0, target))
    return np.where(good, points * scale, np.nan)
