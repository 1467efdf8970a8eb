"""The camera of the options `--intrinsics`, or `--fov` in degrees."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from metrichmsr_ros.geometry.calibration_checks import (
    SHORTEST_FOCAL_LENGTH,
    Doubt,
    focal_length_error,
    warn_of_calibration,
)
from metrichmsr_ros.geometry.camera import Camera, CameraError, calibration_doubts

Intrinsics = tuple[float, float, float, float]  # fx, fy, cx, cy in pixels
_FIRST_QUARTER_TURN = 5  # EXIF orientations from 5 on swap width and height
LEAST_FOV_DEG, LARGEST_FOV_DEG = 1.0, 168.0  # a wider one has too short a focal length


@dataclass(frozen=True)
class CameraOptions:
    """Intrinsics that the user gives for a camera without CameraInfo; false if none are given.

    Attributes:
        fov_x: horizontal field of view, rad.
        intrinsics: fx, fy, cx, cy in pixels; takes precedence over `fov_x`.

    Raises:
        CameraError: a value is not finite or out of range.
    """

    fov_x: float | None = None
    intrinsics: Intrinsics | None = None

    @classmethod
    def from_degrees(cls, fov: float | None, intrinsics: Intrinsics | None) -> CameraOptions:
        """Options of the command line, with `fov` in degrees."""
        if fov is not None and not LEAST_FOV_DEG <= fov <= LARGEST_FOV_DEG:
            allowed = f"{LEAST_FOV_DEG:g} to {LARGEST_FOV_DEG:g}"
            raise CameraError(f"--fov {fov}: give the horizontal field of view in degrees, {allowed}")
        return cls(None if fov is None else math.radians(fov), intrinsics)

    def __post_init__(self) -> None:
        """Validate the values."""
        if self.fov_x is not None and not 0 < self.fov_x < math.pi:
            raise CameraError(f"horizontal field of view is {self.fov_x} rad; it must lie between 0 and pi")
        numbers = self.intrinsics
        if numbers is not None and (not all(map(math.isfinite, numbers)) or min(numbers[:2]) <= 0):
            raise CameraError(f"--intrinsics {numbers}: give finite fx fy cx cy in pixels with fx, fy > 0")

    def __bool__(self) -> bool:
        """Whether anything is stated."""
        return self.fov_x is not None or self.intrinsics is not None

    def __str__(self) -> str:
        """For a report."""
        if self.intrinsics is not None:
            return "intrinsics " + " ".join(f"{number:g}" for number in self.intrinsics)
        return "nothing" if self.fov_x is None else f"field of view {math.degrees(self.fov_x):g} degrees"

    def camera(self, width: int, height: int, orientation: int = 1, doubt: Doubt = warn_of_calibration) -> Camera:
        """Camera of an image of this size, without distortion.

        Args:
            width: of the image, upright. height: likewise.
            orientation: EXIF orientation, 1 to 8, of the pixels as they are stored. Intrinsics describe the stored
                pixels, as calibrations do, and are turned with them. The field of view is that of the upright image.
            doubt: called with a text about each thing that is unusual about intrinsics of this image.

        Raises:
            CameraError: nothing is stated, or the intrinsics or the field of view cannot be those of an image of this
                size.
        """
        if self.intrinsics is not None:
            return _given(self.intrinsics, (width, height), orientation, doubt)
        if self.fov_x is None:
            raise CameraError("the camera is not known: give --fov or --intrinsics")
        camera = Camera.from_fov(width, height, self.fov_x)
        if focal_length_error(camera.intrinsics, camera.size, "K"):
            widest = 2 * math.atan(width / 2 / (SHORTEST_FOCAL_LENGTH * max(camera.size)))
            raise CameraError(
                f"--fov {math.degrees(self.fov_x):g}: too wide or too narrow for an image of {width}x{height}, whose "
                f"horizontal field of view is at most {math.floor(math.degrees(widest))} degrees"
            )
        return camera


def turned_intrinsics(intrinsics: Intrinsics, size: tuple[int, int], orientation: int) -> Intrinsics:
    """Intrinsics of a picture turned upright.

    Args:
        intrinsics: of the stored pixels.
        size: (width, height) of the stored pixels.
        orientation: their EXIF orientation, 1 to 8.
    """
    fx, fy, cx, cy = intrinsics
    right, bottom = size[0] - 1 - cx, size[1] - 1 - cy
    x, y = {
        1: (cx, cy), 2: (right, cy), 3: (right, bottom), 4: (cx, bottom),
        5: (cy, cx), 6: (bottom, cx), 7: (bottom, right), 8: (cy, right),
    }[orientation]  # fmt: skip
    return (fy, fx, x, y) if orientation >= _FIRST_QUARTER_TURN else (fx, fy, x, y)


def _given(intrinsics: Intrinsics, upright: tuple[int, int], orientation: int, doubt: Doubt) -> Camera:
    stored = upright[::-1] if orientation >= _FIRST_QUARTER_TURN else upright
    doubts = calibration_doubts(_pinhole(intrinsics, stored), "--intrinsics")
    cx, cy = intrinsics[2:]
    if _off_middle(cx, cy, upright) < _off_middle(cx, cy, stored):
        doubts = [
            f"--intrinsics has (cx, cy) at ({cx:g}, {cy:g}), nearer to the middle of the upright image of "
            f"{upright[0]}x{upright[1]} than of the stored one of {stored[0]}x{stored[1]}; give those of the stored one"
        ]
    for text in doubts:
        doubt(text)
    return _pinhole(turned_intrinsics(intrinsics, stored, orientation), upright)


def _pinhole(intrinsics: Intrinsics, size: tuple[int, int]) -> Camera:
    fx, fy, cx, cy = intrinsics
    return Camera(*size, np.array([[fx, 0.0, cx], [0.0, fy, cy], [0.0, 0.0, 1.0]]), source="given")


def _off_middle(cx: float, cy: float, size: tuple[int, int]) -> float:
    return math.hypot(cx - (size[0] - 1) / 2, cy - (size[1] - 1) / 2)
