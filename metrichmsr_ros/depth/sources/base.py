"""The protocol of initial depth sources: networks, sensors, files and the ground plane.

A source returns a `DepthMap` on its own pixel grid with the `Camera` of that grid; `resampled` converts it to the
image's grid. Every resize, crop and change of resolution is thus inverted by the K' = A K that describes it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from metrichmsr_ros.errors import MetricHMRError
from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.geometry.quarter_turns import TurnedCamera
from metrichmsr_ros.types import Float32Array, Float64Array

_NODES_PX = 4  # where a lens is computed; between, it is linear within a tenth of a pixel
_SHAPE_TOLERANCE = 0.01  # of the ratio of the sides of an image and its depth
BODY_STD = 0.05  # of a source that separates people from their background as well as from each other


class DepthError(MetricHMRError, ValueError):
    """Depth is not available; the message names the cause and the remedy."""


@dataclass(frozen=True, eq=False)
class DepthMap:
    """Depth on its own grid.

    Attributes:
        depth: (h, w) float32 metres along z of `camera`, NaN where unknown.
        camera: camera of that grid, at the place of the image's camera; depth of another camera must be registered
            first (the sensor's driver does that, or ROS' depth_image_proc). A distorted one may have a rectification.
        source: name of the source for diagnostics, e.g. "fastdepth".
        is_sensor: whether a sensor measured it: resampled by nearest pixel to keep edges, else bilinearly.
        body_std: relative error of the depth of one whole person, beyond that of the scene's scale.
    """

    depth: Float32Array
    camera: Camera
    source: str
    is_sensor: bool = False
    body_std: float = BODY_STD

    def __post_init__(self) -> None:
        """Check that the camera has the size of the grid."""
        if self.depth.shape != (self.camera.height, self.camera.width):
            raise DepthError(
                f"depth from {self.source} is {self.depth.shape[1]}x{self.depth.shape[0]} but its camera is "
                f"{self.camera.width}x{self.camera.height}; give the depth image's own camera_info"
            )

    def upright(self, turns: int) -> DepthMap:
        """The same depth of the upright camera, after quarter turns, 0 to 3, as `TurnedCamera` describes them."""
        turned = TurnedCamera(self.camera, turns)
        return replace(self, depth=turned.depth(self.depth), camera=turned.upright)


@dataclass(frozen=True, eq=False)
class DepthContext:
    """Inputs of a depth source besides the image.

    Attributes:
        vertices_cam: (V, 3) metres per person, camera frame.
        up: (3,) direction against gravity in the camera frame (from TF or an IMU), None if unknown.
        incoming: depth image received with this image, None without one.
        turns: quarter turns of the image, counter-clockwise, since it was taken; see `TurnedCamera`.
    """

    vertices_cam: tuple[Float32Array, ...] = ()
    up: Float32Array | None = None
    incoming: DepthMap | None = None
    turns: int = 0


class DepthSource(Protocol):
    """Predicts the initial depth of one image."""

    name: str

    def predict(self, image: NDArray[np.uint8], camera: Camera, context: DepthContext) -> DepthMap:
        """Depth of one image.

        Args:
            image: (H, W, 3) uint8 RGB, rectified.
            camera: its undistorted camera.
            context: people, gravity and measured depth at the time of the image.

        Raises:
            DepthError: this source has no depth for this image.
        """
        ...


class FileDepth:
    """A depth file for one photograph of the same camera: (h, w) float32 metres, of any size of the same shape."""

    def __init__(self, depth: Float32Array, name: str) -> None:
        self.name = f"file:{name}"
        self._depth = depth

    def predict(self, image: NDArray[np.uint8], camera: Camera, context: DepthContext) -> DepthMap:
        """The depth of the file for an image of its shape.

        Raises:
            DepthError: the sides of image and depth are not in the same ratio, within 1 % or half a pixel.
        """
        depth = np.ascontiguousarray(np.rot90(self._depth, context.turns))
        height, width = depth.shape
        off = abs(width * camera.height - height * camera.width)
        if off > max(_SHAPE_TOLERANCE * height * camera.width, 0.5 * max(camera.size)):
            raise DepthError(
                f"depth {self.name} is {width}x{height}, which is not the shape of the image of "
                f"{camera.width}x{camera.height}; give the depth of the whole image, turned as the image is"
            )
        return DepthMap(depth, stretched(camera, width, height), self.name, is_sensor=True)


class IncomingDepth:
    """The depth received with the image, e.g. from an RGB-D camera or a stereo node."""

    name = "incoming"

    def predict(self, image: NDArray[np.uint8], camera: Camera, context: DepthContext) -> DepthMap:
        """Return `context.incoming`; DepthError without one."""
        if context.incoming is None:
            raise DepthError("no depth image came with this image; connect the depth topic or choose another source")
        return context.incoming


def stretched(camera: Camera, width: int, height: int) -> Camera:
    """Camera of the image resized to `width` x `height` as by cv2.resize: image edges map to image edges."""
    sx, sy = width / camera.width, height / camera.height
    return camera.transformed(np.array([[sx, 0, (sx - 1) / 2], [0, sy, (sy - 1) / 2], [0, 0, 1]]), (width, height))


def resampled(depth_map: DepthMap, camera: Camera) -> Float32Array:
    """Depth (H, W) float32 on the grid of `camera`, an undistorted one at the place of the depth's camera.

    Unknown depth stays NaN: pixels without known neighbours and pixels outside the view of the depth's camera.
    """
    if depth_map.camera.size == camera.size and np.array_equal(depth_map.camera.intrinsics, camera.intrinsics):
        return depth_map.depth if not depth_map.camera.is_distorted else _remapped(depth_map, camera)
    return _remapped(depth_map, camera)


def _remapped(depth_map: DepthMap, camera: Camera) -> Float32Array:
    x, y, share = _source_pixels(depth_map.camera, camera)
    height, width = depth_map.depth.shape
    outside = ~((x > -0.5) & (x < width - 0.5) & (y > -0.5) & (y < height - 0.5))
    if depth_map.is_sensor:
        nearest = cv2.remap(depth_map.depth, x, y, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE)
        result = np.asarray(nearest, np.float32)
    else:
        result = _bilinear(depth_map.depth, x, y)
    result[outside] = np.nan
    return result if share is None else result / share


def _source_pixels(source: Camera, target: Camera) -> tuple[Float32Array, Float32Array, Float32Array | None]:
    """x and y of the target's pixel centres in the source image, (H, W) each.

    Where the source is turned against the target, also the length (H, W) along its z of one metre along the target's.
    """
    if source.is_distorted:
        return _distorted_pixels(source, target)
    u, v = np.arange(target.width), np.arange(target.height)
    m = source.intrinsics @ np.linalg.inv(target.intrinsics)
    x = m[0, 0] * u + (m[0, 1] * v)[:, None] + m[0, 2]
    y = m[1, 0] * u + (m[1, 1] * v)[:, None] + m[1, 2]
    return x.astype(np.float32), y.astype(np.float32), None


@lru_cache(maxsize=2)  # the whole image's, which is the same in a video, and that of the part with people
def _distorted_pixels(source: Camera, target: Camera) -> tuple[Float32Array, Float32Array, Float32Array | None]:
    nodes = [np.arange(0, side + _NODES_PX, _NODES_PX) for side in target.size]
    rays = target.back_project(np.stack(np.meshgrid(*nodes), axis=-1), 1.0) @ source.rectification  # R^T of each ray
    u, v = np.meshgrid(*(np.arange(side, dtype=np.float32) / _NODES_PX for side in target.size))

    def between(values: Float64Array) -> Float32Array:
        return np.asarray(cv2.remap(values.astype(np.float32), u, v, cv2.INTER_LINEAR), np.float32)

    x, y = (np.nan_to_num(between(part), nan=-1e4) for part in np.moveaxis(source.project(rays), -1, 0))
    is_turned = not np.array_equal(source.rectification, np.eye(3))
    return x, y, between(rays[..., 2]) if is_turned else None


def _bilinear(depth: Float32Array, x: Float32Array, y: Float32Array) -> Float32Array:
    """Bilinear interpolation of known neighbours; NaN where their weights sum to half or less."""
    known = np.isfinite(depth)
    if known.all():
        return np.asarray(cv2.remap(depth, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32)
    total = cv2.remap(np.where(known, depth, 0), x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    weight = cv2.remap(known.astype(np.float32), x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    with np.errstate(all="ignore"):
        return np.where(weight > 0.5, total / weight, np.nan).astype(np.float32)
