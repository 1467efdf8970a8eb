"""Convert sensor_msgs/CameraInfo to a Camera as image_proc and image_geometry do, without importing ROS."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike

from metrichmsr_ros.geometry.calibration_checks import (
    Doubt,
    doubtful_intrinsics,
    doubtful_pair,
    impossible_intrinsics,
    warn_of_calibration,
)
from metrichmsr_ros.geometry.camera import Camera, CameraError, checked_intrinsics, checked_rotation, lens_doubts
from metrichmsr_ros.geometry.distortion import has_distortion
from metrichmsr_ros.geometry.lens_names import lens_of
from metrichmsr_ros.types import Float64Array

SOURCE = "camera_info"


class RegionOfInterestLike(Protocol):
    """sensor_msgs/RegionOfInterest, of rclpy or of a bag."""

    x_offset: int
    y_offset: int
    width: int
    height: int


class CameraInfoLike(Protocol):
    """sensor_msgs/CameraInfo, of rclpy or of a bag."""

    width: int
    height: int
    distortion_model: str
    d: Any
    k: Any
    r: Any
    p: Any
    binning_x: int
    binning_y: int
    roi: RegionOfInterestLike


def camera_from_info(
    info: CameraInfoLike,
    image_size: tuple[int, int] | None = None,
    rectified: bool | None = None,
    doubt: Doubt = warn_of_calibration,
) -> Camera:
    """Camera of the image that travels with a CameraInfo.

    K and D describe the raw image, P the rectified one. `width` and `height` are the calibration's size; the image
    is the region of interest `roi` (all zero = full) taken every `binning` pixels (0 = 1), hence
    fx / binning and (cx - x_offset) / binning as in image_geometry.

    Args:
        info: `width`, `height`: full size in pixels at which the camera was calibrated. `distortion_model`, `d`: lens
            model, also by other programs' names; zeros that pad `d` do not count. `k` (9,): raw intrinsics; all zero
            means uncalibrated and is an error. `r` (9,): rectification rotation; zero means identity (some drivers
            leave it zero). `p` (12,): projection of the rectified image; zero, and numbers that cannot be one, mean
            the same K; its fourth column (stereo baseline) has no meaning for one camera and is ignored.
        image_size: (width, height) of the image; a different size is an error, never a silent rescale.
        rectified: True: the image is already rectified, use P. False: the image is raw. None: rectified if the model
            is not a fisheye and D is zero.
        doubt: called with a text, which names numbers and remedy, for each thing that is unusual about a calibration
            that is used nevertheless. By default it is a `CalibrationWarning`.

    Raises:
        CameraError: uncalibrated, not finite, no calibration of an image of this size, unknown distortion model, or
            contradictory sizes.
    """
    raw = checked_intrinsics(info.k, "CameraInfo.k")
    window, size = _window(info)
    if image_size is not None and tuple(image_size) != size:
        raise CameraError(
            f"image is {image_size[0]}x{image_size[1]} but CameraInfo describes {size[0]}x{size[1]} "
            f"(calibrated {info.width}x{info.height}, binning {max(info.binning_x, 1)}x{max(info.binning_y, 1)}, "
            f"roi {_roi_numbers(info.roi)}); "
            "publish the CameraInfo that belongs to this image"
        )
    full = int(info.width), int(info.height)
    impossible = impossible_intrinsics(raw, full, "CameraInfo.k")
    if impossible:
        raise CameraError(impossible)
    projected = _usable_projection(info.p, full, doubt)
    model, distortion = lens_of(info.distortion_model, info.d)
    is_distorted = has_distortion(model, distortion)
    if rectified or (rectified is None and not is_distorted):
        k, name = (raw, "CameraInfo.k") if projected is None else (projected, "CameraInfo.p")
        _report(doubtful_intrinsics(k, full, name), doubt)
        return Camera(*size, window @ k, source=SOURCE)
    _report(doubtful_intrinsics(raw, full, "CameraInfo.k"), doubt)
    if not is_distorted:
        return Camera(*size, window @ raw, source=SOURCE)
    camera = Camera(
        *size,
        window @ raw,
        distortion_model=model,
        distortion=distortion,
        source=SOURCE,
        rectified_intrinsics=None if projected is None else window @ projected,
        rectification=_usable_rotation(info.r),
    )
    _report(lens_doubts(camera) + ([] if projected is None else doubtful_pair(raw, projected)), doubt)
    return camera


def _report(texts: list[str], doubt: Doubt) -> None:
    for text in texts:
        doubt(text)


def _window(info: CameraInfoLike) -> tuple[Float64Array, tuple[int, int]]:
    """Matrix (3, 3) from calibration pixels to image pixels, and the image's size."""
    width, height = int(info.width), int(info.height)
    if width < 1 or height < 1:
        raise CameraError(f"CameraInfo size is {width}x{height}; the driver must fill in width and height")
    x, y, w, h = _roi_numbers(info.roi)
    if w == 0 and h == 0:
        x, y, w, h = 0, 0, width, height
    if min(x, y) < 0 or min(w, h) < 1 or x + w > width or y + h > height:
        raise CameraError(f"CameraInfo.roi {(x, y, w, h)} does not lie inside its image of {width}x{height}")
    bx, by = max(int(info.binning_x), 1), max(int(info.binning_y), 1)
    if w < bx or h < by:
        raise CameraError(f"CameraInfo binning {bx}x{by} is larger than its image of {w}x{h} pixels")
    return np.array([[1 / bx, 0, -x / bx], [0, 1 / by, -y / by], [0, 0, 1]]), (w // bx, h // by)


def _roi_numbers(roi: RegionOfInterestLike) -> tuple[int, int, int, int]:
    return int(roi.x_offset), int(roi.y_offset), int(roi.width), int(roi.height)


def _usable_projection(p: ArrayLike, size: tuple[int, int], doubt: Doubt) -> Float64Array | None:
    """The left 3x3 of P; None if the driver left it empty, all zero, or at numbers that no image of `size` has."""
    matrix = np.asarray(p, np.float64)
    if matrix.size == 0:
        return None
    if matrix.size not in (9, 12):
        raise CameraError(f"CameraInfo.p must have 12 numbers, got {matrix.size}")
    matrix = matrix.reshape(3, -1)[:, :3]
    if not np.any(matrix):
        return None
    projected = checked_intrinsics(matrix, "CameraInfo.p")
    impossible = impossible_intrinsics(projected, size, "CameraInfo.p")
    if impossible:
        doubt(f"{impossible}. CameraInfo.k is used instead")
        return None
    return projected


def _usable_rotation(r: ArrayLike) -> Float64Array:
    """R, or the identity if the driver left it empty (all zero)."""
    if not np.any(np.asarray(r, np.float64)):
        return np.eye(3)
    return checked_rotation(r, "CameraInfo.r")
