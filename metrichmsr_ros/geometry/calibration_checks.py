"""Numbers that cannot be the calibration of an image are refused; numbers that are unusual are doubted.

Pixels of a real camera: its focal length is at least a twentieth of the image (a fisheye that sees half a turn across
has a third), its pixels are about square, and its axis meets the image near the middle. The limits leave room for
wide fisheyes, anamorphic lenses (a ratio of 2) and images cut out of larger ones.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np

from metrichmsr_ros.errors import CalibrationWarning
from metrichmsr_ros.types import Float64Array

SHORTEST_FOCAL_LENGTH = 0.05  # of the image side along the same axis
LONGEST_FOCAL_LENGTH = 30.0  # of the longer side: a field of view of two degrees
_IMPOSSIBLY_LONG = 1000.0  # of the longer side: no telescope on a robot
_OBLONG, _TOO_OBLONG = 2.1, 4.0  # fx / fy or fy / fx
_OFF_CENTRE = 0.2  # of the image side, along one axis
_OFF_DIAGONAL = 0.1  # along both axes by the same share, as where the size of the image changed

Doubt = Callable[[str], None]


def warn_of_calibration(text: str) -> None:
    """Issue a `CalibrationWarning`."""
    warnings.warn(text, CalibrationWarning, stacklevel=3)


def focal_length_error(k: Float64Array, size: tuple[int, int], name: str) -> str | None:
    """Why K (3, 3), called `name`, has no focal length of an image of `size` (width, height); None if it may have."""
    fx, fy = k[0, 0], k[1, 1]
    if max(fx, fy) > _IMPOSSIBLY_LONG * max(size):
        return (
            f"{name} has focal lengths {fx:.5g} and {fy:.5g} px, too long for an image of {size[0]}x{size[1]}: give "
            "pixels of this image"
        )
    if fx >= SHORTEST_FOCAL_LENGTH * size[0] and fy >= SHORTEST_FOCAL_LENGTH * size[1]:
        return None
    if min(fx, fy) <= 0:
        return f"{name} has focal lengths {fx:.5g} and {fy:.5g} px; they are positive, so calibrate the camera again"
    text = f"{name} has focal lengths {fx:.4g} and {fy:.4g} px, too short for an image of {size[0]}x{size[1]}: "
    if np.array_equal(k, np.eye(3)):
        return text + "it is the identity, which drivers publish before they are calibrated; calibrate the camera"
    if max(k[0, 2], k[1, 2]) <= 1:
        return text + "these look like shares of the image; multiply fx, cx by its width and fy, cy by its height"
    return text + "give pixels of this image, not millimetres or pixels of a smaller one"


def impossible_intrinsics(k: Float64Array, size: tuple[int, int], name: str) -> str | None:
    """Why K (3, 3), called `name`, cannot belong to an image of `size` (width, height), with the remedy; else None."""
    problem = focal_length_error(k, size, name)
    if problem:
        return problem
    fx, fy, cx, cy = k[0, 0], k[1, 1], k[0, 2], k[1, 2]
    image = f"an image of {size[0]}x{size[1]}"
    if _ratio(fx, fy) > _TOO_OBLONG:
        return f"{name} has fx {fx:.5g} and fy {fy:.5g} px, which differ too much for {image}: calibrate the camera"
    if cx == 0 and cy == 0:
        return f"{name} has its principal point (cx, cy) at (0, 0), the corner of {image}: fill in cx and cy"
    if not (-size[0] <= cx <= 2 * size[0] and -size[1] <= cy <= 2 * size[1]):
        return (
            f"{name} has its principal point (cx, cy) at ({cx:.5g}, {cy:.5g}), far outside {image}: publish the "
            "calibration of this image's resolution and region of interest"
        )
    return None


def doubtful_intrinsics(k: Float64Array, size: tuple[int, int], name: str) -> list[str]:
    """What is unusual about K (3, 3), called `name`, for an image of `size` (width, height); each with the remedy."""
    fx, fy = k[0, 0], k[1, 1]
    found = [*_off_centre(k, size, name)]
    if _ratio(fx, fy) > _OBLONG:
        found.append(f"{name} has fx {fx:.5g} and fy {fy:.5g} px: is the image squeezed, or K transposed? Calibrate it")
    if max(fx, fy) > LONGEST_FOCAL_LENGTH * max(size):
        found.append(
            f"{name} has focal lengths {fx:.5g} and {fy:.5g} px, very long for an image of {size[0]}x{size[1]}: "
            "give pixels of this image"
        )
    if abs(k[0, 1]) > 0.1 * fx or abs(k[1, 0]) > 0.1 * fy:
        found.append(f"{name} has skew {k[0, 1]:.4g} and {k[1, 0]:.4g}: pixels of a camera are rectangular; check K")
    return found


def doubtful_pair(k: Float64Array, p: Float64Array) -> list[str]:
    """What is unusual about the rectified intrinsics P (3, 3) of a camera with K (3, 3)."""
    if max(_ratio(p[0, 0], k[0, 0]), _ratio(p[1, 1], k[1, 1])) <= _TOO_OBLONG:
        return []
    return [
        f"CameraInfo.p has fx {p[0, 0]:.5g} px and CameraInfo.k {k[0, 0]:.5g} px: one of them belongs to another "
        "resolution; publish both for this image"
    ]


def _off_centre(k: Float64Array, size: tuple[int, int], name: str) -> list[str]:
    centre = k[:2, 2]
    off = centre / size - (np.array(size) - 1) / 2 / size
    scaled = abs(off[0] - off[1]) < 0.03 and abs(off).min() > _OFF_DIAGONAL
    if abs(off).max() <= _OFF_CENTRE and not scaled:
        return []
    middle_of = 2 * centre + 1
    other = f", but in the middle of one of {middle_of[0]:.0f}x{middle_of[1]:.0f}" if min(middle_of) >= 1 else ""
    return [
        f"{name} has its principal point (cx, cy) at ({centre[0]:.5g}, {centre[1]:.5g}), far from the middle of an "
        f"image of {size[0]}x{size[1]}{other}: is it the calibration of another resolution, or of an image that was "
        "cut without its roi?"
    ]


def _ratio(a: float, b: float) -> float:
    return float(max(a / b, b / a))
