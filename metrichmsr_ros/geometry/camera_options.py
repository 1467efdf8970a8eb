"""The camera of the options `--intrinsics`, or `--fov` in degrees."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from metrichmsr_ros.geometry.camera import Camera, CameraError

Intrinsics = tuple[float, float, float, float]  # fx, fy, cx, cy in pixels
LEAST_FOV_DEG, LARGEST_FOV_DEG = 1.0, 170.0


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
            raise CameraError(f"--fov {fov}: give the horizontal field of view in degrees, 1 to 170")
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

    def camera(self, width: int, height: int) -> Camera:
        """Camera of an image of this size, without distortion.

        Raises:
            CameraError: nothing is stated.
        """
        if self.intrinsics is not None:
            fx, fy, cx, cy = self.intrinsics
            return Camera(width, height, np.array([[fx, 0.0, cx], [0.0, fy, cy], [0.0, 0.0, 1.0]]), source="given")
        if self.fov_x is None:
            raise CameraError("the camera is not known: give --fov or --intrinsics")
        return Camera.from_fov(width, height, self.fov_x)
