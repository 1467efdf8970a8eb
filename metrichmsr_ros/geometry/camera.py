"""One pinhole camera with optional lens distortion: intrinsics, size, projection and their inverses.

Camera frame: optical (x right, y down, z forward), metres. Pixels: integer centres as in OpenCV and ROS, so the
centre of the top-left pixel is (0, 0) and the middle of a W x H image is ((W-1)/2, (H-1)/2).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from metrichmsr_ros.errors import MetricHMRError
from metrichmsr_ros.geometry.calibration_checks import (
    doubtful_intrinsics,
    doubtful_pair,
    impossible_intrinsics,
)
from metrichmsr_ros.geometry.distortion import POLYNOMIAL_MODELS, coefficient_error, distort, has_distortion, undistort
from metrichmsr_ros.geometry.lens_names import lens_of
from metrichmsr_ros.types import Float64Array


class CameraError(MetricHMRError, ValueError):
    """Invalid or contradictory camera parameters; the message names the parameter and the remedy."""


@dataclass(frozen=True, eq=False)
class Camera:
    """A calibrated camera. Immutable, comparable and hashable by value, so it can key a cache.

    Attributes:
        width: image width in pixels.
        height: image height in pixels.
        intrinsics: K (3, 3) float64 with last row 0 0 1; skew is allowed (rotated crops have it).
        distortion_model: "none", "plumb_bob", "rational_polynomial" or "equidistant"; other programs' names of these
            are replaced.
        distortion: coefficients (n,) float64 in OpenCV's order, empty for "none"; zeros that only pad them are left
            out.
        source: where the intrinsics come from: "given", "camera_info", "fov", "long_side" or "anycalib" (estimated
            from the image).
        rectified_intrinsics: K (3, 3) of the rectified image (P of CameraInfo); None means the same K.
        rectification: R (3, 3) of CameraInfo, raw camera frame to rectified camera frame.
    """

    width: int
    height: int
    intrinsics: Float64Array
    distortion_model: str = "none"
    distortion: Float64Array = field(default_factory=lambda: np.zeros(0))
    source: str = "given"
    rectified_intrinsics: Float64Array | None = None
    rectification: Float64Array = field(default_factory=lambda: np.eye(3))

    def __post_init__(self) -> None:
        """Validate every parameter at construction, so that later code can rely on it."""
        width, height = _checked_size(self.width, self.height)
        object.__setattr__(self, "width", width)
        object.__setattr__(self, "height", height)
        self._freeze("intrinsics", checked_intrinsics(self.intrinsics, "K"))
        if not isinstance(self.distortion_model, str):
            raise CameraError(f"distortion_model is {self.distortion_model!r}; give its name, such as 'none'")
        model, coefficients = lens_of(self.distortion_model, _numbers(self.distortion, "D"))
        object.__setattr__(self, "distortion_model", model)
        self._freeze("distortion", coefficients)
        problem = coefficient_error(model, coefficients)
        if problem:
            raise CameraError(problem)
        if self.rectified_intrinsics is not None:
            self._freeze("rectified_intrinsics", checked_intrinsics(self.rectified_intrinsics, "P"))
        self._freeze("rectification", checked_rotation(self.rectification, "R"))

    def _freeze(self, name: str, value: Float64Array) -> None:
        value = value.copy()
        value.setflags(write=False)
        object.__setattr__(self, name, value)

    def _identity(self) -> tuple[Any, ...]:
        rectified = None if self.rectified_intrinsics is None else self.rectified_intrinsics.tobytes()
        return (
            self.width,
            self.height,
            self.intrinsics.tobytes(),
            self.distortion_model,
            self.distortion.tobytes(),
            self.source,
            rectified,
            self.rectification.tobytes(),
        )

    def __eq__(self, other: object) -> bool:
        """Equal by value."""
        return isinstance(other, Camera) and self._identity() == other._identity()

    def __hash__(self) -> int:
        """Hash of the same values that make two cameras equal."""
        return hash(self._identity())

    @classmethod
    def from_fov(cls, width: int, height: int, fov_x: float) -> Camera:
        """Ideal camera from its horizontal field of view `fov_x` in radians."""
        width, height = _checked_size(width, height)
        if not isinstance(fov_x, (int, float, np.number)) or not 0 < fov_x < np.pi:
            raise CameraError(f"horizontal field of view is {fov_x} rad; it must lie between 0 and pi (not degrees)")
        return cls._centred(width, height, width / 2 / np.tan(fov_x / 2), "fov")

    @classmethod
    def long_side(cls, width: int, height: int) -> Camera:
        """The paper's fallback for unknown intrinsics: focal length = long image side, principal point = centre."""
        width, height = _checked_size(width, height)
        return cls._centred(width, height, float(max(width, height)), "long_side")

    @classmethod
    def _centred(cls, width: int, height: int, focal: float, source: str) -> Camera:
        k = np.array([[focal, 0, (width - 1) / 2], [0, focal, (height - 1) / 2], [0, 0, 1]])
        return cls(width, height, k, source=source)

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self.width, self.height

    @property
    def fov_x(self) -> float:
        """Horizontal field of view of the undistorted pinhole, radians."""
        return float(2 * np.arctan(self.width / 2 / self.intrinsics[0, 0]))

    @property
    def is_distorted(self) -> bool:
        """Whether the image must be rectified before pinhole geometry (K alone) holds."""
        return has_distortion(self.distortion_model, self.distortion)

    def project(self, points_cam: ArrayLike) -> Float64Array:
        """Project camera-frame points (..., 3) in metres to pixels (..., 2).

        NaN for z <= 0 and beyond the lens model's turning point.
        """
        points = np.asarray(points_cam, np.float64)
        z = np.where(points[..., 2:] > 0, points[..., 2:], np.nan)
        ideal = points[..., :2] / z
        distorted = distort(self.distortion_model, self.distortion, ideal) if self.is_distorted else ideal
        return distorted @ self.intrinsics[:2, :2].T + self.intrinsics[:2, 2]

    def back_project(self, pixels: ArrayLike, depth: ArrayLike) -> Float64Array:
        """Points (..., 3) in the camera frame for pixels (..., 2) at `depth` (...) = z in metres.

        Pixels that the lens model cannot invert give NaN.
        """
        pixel = np.asarray(pixels, np.float64)
        distorted = (pixel - self.intrinsics[:2, 2]) @ np.linalg.inv(self.intrinsics[:2, :2]).T
        ideal = undistort(self.distortion_model, self.distortion, distorted) if self.is_distorted else distorted
        z = np.broadcast_to(np.asarray(depth, np.float64), ideal.shape[:-1])[..., None]
        return np.concatenate([ideal * z, z], axis=-1)

    def transformed(self, matrix: ArrayLike, size: tuple[int, int]) -> Camera:
        """Camera of the image warped by the affine `matrix` A (3, 3), K' = A K, with new `size` (width, height).

        Exact for distorted cameras too, because the lens acts before K.
        """
        a = np.asarray(matrix, np.float64)
        return replace(
            self,
            width=size[0],
            height=size[1],
            intrinsics=a @ self.intrinsics,
            rectified_intrinsics=None if self.rectified_intrinsics is None else a @ self.rectified_intrinsics,
        )

    def rectified(self) -> Camera:
        """Ideal camera of the rectified image: K of P where CameraInfo gave one, else the same K; no distortion."""
        k = self.intrinsics if self.rectified_intrinsics is None or not self.is_distorted else self.rectified_intrinsics
        return Camera(self.width, self.height, k, source=self.source)


def checked_intrinsics(matrix: ArrayLike, name: str) -> Float64Array:
    """Return `matrix` as (3, 3) float64.

    Raises:
        CameraError: not nine finite numbers, no focal length, mirrored, or a last row other than 0 0 1; names `name`.
    """
    k = _numbers(matrix, name)
    if k.size != 9:
        raise CameraError(f"{name} must have 9 numbers (3x3), got shape {k.shape}")
    k = k.reshape(3, 3)
    if not np.isfinite(k).all():
        raise CameraError(f"{name} contains NaN or infinity: {k.ravel().tolist()}; calibrate the camera")
    if k[0, 0] == 0 or k[1, 1] == 0:
        raise CameraError(f"{name} has zero focal length: the camera is uncalibrated; publish a calibrated CameraInfo")
    if np.linalg.det(k[:2, :2]) <= 0:
        raise CameraError(f"{name} is singular or mirrored: {k.ravel().tolist()}")
    if (np.abs(k[2] - (0, 0, 1)) > 1e-9).any():
        raise CameraError(f"{name} must end in the row 0 0 1, got {k[2].tolist()}")
    return k


def checked_rotation(matrix: ArrayLike, name: str) -> Float64Array:
    """Return the rectification `matrix` as (3, 3) float64.

    Raises:
        CameraError: not nine finite numbers, no rotation, or one to where the camera does not look; names `name`.
    """
    rotation = _numbers(matrix, name)
    if rotation.size != 9 or not np.allclose(rotation.reshape(3, 3) @ rotation.reshape(3, 3).T, np.eye(3), atol=1e-3):
        raise CameraError(f"{name} is not a rotation: {rotation.ravel().tolist()}")
    rotation = rotation.reshape(3, 3)
    if np.linalg.det(rotation) < 0 or rotation[2, 2] <= 0:
        raise CameraError(
            f"{name} mirrors the image or turns it to where the camera does not look: {rotation.ravel().tolist()}"
        )
    return rotation


def _numbers(values: ArrayLike, name: str) -> Float64Array:
    try:
        return np.asarray(values, np.float64)
    except (TypeError, ValueError):
        raise CameraError(f"{name} must be numbers, got {values!r}") from None


def _checked_size(width: Any, height: Any) -> tuple[int, int]:
    for side in (width, height):
        if not isinstance(side, (int, float, np.number)) or not math.isfinite(side) or side != int(side):
            raise CameraError(f"image size is {width!r}x{height!r}; both sides must be whole numbers of pixels")
    if width < 1 or height < 1:
        raise CameraError(f"image size is {width}x{height}; both sides must be at least 1 pixel")
    return int(width), int(height)


def calibration_doubts(camera: Camera, name: str = "K") -> list[str]:
    """What is unusual about a camera whose image is whole, neither cut out nor binned; each text has the remedy.

    Args:
        camera: with the intrinsics to judge.
        name: what the user calls them.

    Raises:
        CameraError: K cannot be the calibration of an image of this size.
    """
    problem = impossible_intrinsics(camera.intrinsics, camera.size, name)
    if problem:
        raise CameraError(problem)
    found = doubtful_intrinsics(camera.intrinsics, camera.size, name)
    if camera.rectified_intrinsics is not None:
        found += doubtful_pair(camera.intrinsics, camera.rectified_intrinsics)
    return found + lens_doubts(camera)


def lens_doubts(camera: Camera) -> list[str]:
    """Whether the polynomial of a lens turns back before the image's edges, so that it cannot be this lens."""
    if camera.distortion_model not in POLYNOMIAL_MODELS:
        return []
    right, bottom = camera.width - 1, camera.height - 1
    edges = [[0, bottom / 2], [right, bottom / 2], [right / 2, 0], [right / 2, bottom]]
    unseen = np.isnan(camera.back_project(edges, 1.0)).any(axis=-1)
    if not unseen.any():
        return []
    return [
        f"the lens model {camera.distortion_model} with D {camera.distortion.tolist()} turns back inside the image: "
        f"no ray reaches pixel {edges[int(unseen.argmax())]}; what lies beyond stays black. Calibrate again with views "
        "at the image's edges"
    ]
