"""Where an initial depth comes from: one protocol for networks, sensors, files and the ground under the feet.

A source answers with a `DepthMap` on its own pixel grid, described by its own `Camera`; `resampled` brings it to the
image. Every stretch, crop and other resolution is thereby undone by the same K' = A K that made it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from metrichmsr_ros.errors import MetricHMRError
from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.types import Float32Array


class DepthError(MetricHMRError, ValueError):
    """No depth can be given; the message says what is missing and the remedy."""


@dataclass(frozen=True, eq=False)
class DepthMap:
    """Depth on its own grid.

    Attributes:
        depth: (h, w) float32 metres along z of `camera`, NaN where unknown.
        camera: camera of that grid; same place and orientation as the image's camera unless said otherwise.
        source: what made it, for diagnostics, e.g. "fastdepth".
        is_sensor: measured values with sharp edges (resampled by nearest pixel), not a network's smooth ones.
    """

    depth: Float32Array
    camera: Camera
    source: str
    is_sensor: bool = False

    def __post_init__(self) -> None:
        """Check that grid and camera fit."""
        if self.depth.shape != (self.camera.height, self.camera.width):
            raise DepthError(
                f"depth from {self.source} is {self.depth.shape[1]}x{self.depth.shape[0]} but its camera is "
                f"{self.camera.width}x{self.camera.height}; give the depth image's own camera_info"
            )


@dataclass(frozen=True, eq=False)
class DepthContext:
    """What else is known about this moment when depth is asked for.

    Attributes:
        vertices_cam: (V, 3) metres per person, camera frame.
        up: (3,) direction against gravity in the camera frame (from TF or an IMU), None when unknown.
        incoming: depth that arrived with this image.
    """

    vertices_cam: tuple[Float32Array, ...] = ()
    up: Float32Array | None = None
    incoming: DepthMap | None = None


class DepthSource(Protocol):
    """Anything that turns one image into depth."""

    name: str

    def predict(self, image: NDArray[np.uint8], camera: Camera, context: DepthContext) -> DepthMap:
        """Depth of one image.

        Args:
            image: (H, W, 3) uint8 RGB, rectified.
            camera: its undistorted camera.
            context: people, gravity and measured depth of the same moment.

        Raises:
            DepthError: this source has nothing to say about this image.
        """
        ...


class FileDepth:
    """One depth image for one picture, seen by the same camera: (h, w) float32 metres, of any size."""

    def __init__(self, depth: Float32Array, name: str) -> None:
        self.name = f"file:{name}"
        self._depth = depth

    def predict(self, image: NDArray[np.uint8], camera: Camera, context: DepthContext) -> DepthMap:
        """The file's depth, whatever the image."""
        height, width = self._depth.shape
        return DepthMap(self._depth, stretched(camera, width, height), self.name, is_sensor=True)


class IncomingDepth:
    """The depth that arrived with the image: an RGB-D camera, a stereo node."""

    name = "incoming"

    def predict(self, image: NDArray[np.uint8], camera: Camera, context: DepthContext) -> DepthMap:
        """Hand on `context.incoming`."""
        if context.incoming is None:
            raise DepthError("no depth image came with this image; connect the depth topic or choose another source")
        return context.incoming


def stretched(camera: Camera, width: int, height: int) -> Camera:
    """Camera of the image stretched to `width` x `height` as cv2.resize does it: edges on edges."""
    sx, sy = width / camera.width, height / camera.height
    return camera.transformed(np.array([[sx, 0, (sx - 1) / 2], [0, sy, (sy - 1) / 2], [0, 0, 1]]), (width, height))


def resampled(depth_map: DepthMap, camera: Camera) -> Float32Array:
    """Depth (H, W) float32 on the grid of `camera`, which stands where the depth's camera stands.

    Unknown stays unknown: a pixel without a known neighbour is NaN, and so is what the depth's camera does not see.
    """
    if depth_map.camera.size == camera.size and np.array_equal(depth_map.camera.intrinsics, camera.intrinsics):
        return depth_map.depth if not depth_map.camera.is_distorted else _remapped(depth_map, camera)
    return _remapped(depth_map, camera)


def _remapped(depth_map: DepthMap, camera: Camera) -> Float32Array:
    x, y = _source_pixels(depth_map.camera, camera)
    height, width = depth_map.depth.shape
    outside = ~((x > -0.5) & (x < width - 0.5) & (y > -0.5) & (y < height - 0.5))
    if depth_map.is_sensor:
        nearest = cv2.remap(depth_map.depth, x, y, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE)
        result = np.asarray(nearest, np.float32)
    else:
        result = _bilinear(depth_map.depth, x, y)
    result[outside] = np.nan
    return result


def _source_pixels(source: Camera, target: Camera) -> tuple[Float32Array, Float32Array]:
    """Where the target's pixel centres lie in the source image, (H, W) each."""
    u, v = np.arange(target.width), np.arange(target.height)
    if source.is_distorted:
        grid = np.stack(np.meshgrid(u, v), axis=-1)
        pixels = np.nan_to_num(source.project(target.back_project(grid, 1.0)), nan=-1e4).astype(np.float32)
        return pixels[..., 0].copy(), pixels[..., 1].copy()
    m = source.intrinsics @ np.linalg.inv(target.intrinsics)
    x = m[0, 0] * u + (m[0, 1] * v)[:, None] + m[0, 2]
    y = m[1, 0] * u + (m[1, 1] * v)[:, None] + m[1, 2]
    return x.astype(np.float32), y.astype(np.float32)


def _bilinear(depth: Float32Array, x: Float32Array, y: Float32Array) -> Float32Array:
    """Bilinear among known neighbours; NaN where they weigh less than half."""
    known = np.isfinite(depth)
    if known.all():
        return np.asarray(cv2.remap(depth, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32)
    total = cv2.remap(np.where(known, depth, 0), x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    weight = cv2.remap(known.astype(np.float32), x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    with np.errstate(all="ignore"):
        return np.where(weight > 0.5, total / weight, np.nan).astype(np.float32)
