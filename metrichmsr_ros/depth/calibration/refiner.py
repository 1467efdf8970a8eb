"""The learned refiner: a U-Net with a transformer bottleneck, from initial depth, human depth and mask to s(x), b(x).

It predicts smooth deviations from the best closed form, `planes.fit_planes`. They are zero before training, so an
untrained network equals that closed form; without people nothing changes. Its inputs are dimensionless, on a small
grid of fixed size: depths over the scene's median after the closed form, surface normals, and the camera's rays, from
which the network infers the aspect ratio.

The fields, not the depth, are upsampled: z = s z_in + b keeps every detail of the initial depth.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from metrichmsr_ros.config import check_ranges
from metrichmsr_ros.depth.anchor import Anchor
from metrichmsr_ros.depth.calibration.affine import IDENTITY, Calibration, Field
from metrichmsr_ros.depth.calibration.planes import enlarged, fit_planes, thinned, thinning
from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.types import Float32Array

# log depth, known, anchor residual, anchor weight, log human depth, inverse depth, y of the point, surface normal (3),
# ray x, ray y, and the result of the closed form: log of its scale, its offset
INPUT_CHANNELS = 14
MIRROR_CHANNELS = (7, 10)  # x of the normal, ray x: they change sign under mirroring
NORMAL_SMOOTHING = 1.0  # grid cells: sigma of the smoothing of depth before its normals are computed
NEAREST = 0.02  # of the median human depth: nearer results of the closed form are clamped to this


@dataclass(frozen=True)
class RefinerConfig:
    """Size of the refiner.

    Attributes:
        width, height: size of the internal grid, multiples of 8.
        channels: channels of the three U-Net levels (1/2, 1/4, 1/8 of the grid).
        dim, layers, heads: size of the transformer at 1/8.
    """

    width: int = 96
    height: int = 72
    channels: tuple[int, int, int] = (16, 32, 64)
    dim: int = 96
    layers: int = 2
    heads: int = 4

    def __post_init__(self) -> None:
        """Reject sizes that do not fit the network; ValueError names them."""
        check_ranges(self, width=(8, 4096), height=(8, 4096), channels=(4, 4096))
        check_ranges(self, dim=(1, 8192), layers=(1, 256), heads=(1, 256))
        if self.width % 8 or self.height % 8:
            raise ValueError(f"refiner grid {self.width}x{self.height} must be multiples of 8")
        if self.dim % self.heads:
            raise ValueError(f"refiner dim {self.dim} is not a multiple of its {self.heads} heads")


REFINERS = {
    "small": RefinerConfig(),
    "paper": RefinerConfig(width=512, height=384, channels=(64, 128, 256), dim=768, layers=12, heads=12),
}


class RefinerEngine(Protocol):
    """One refiner, ready to run on arrays."""

    @property
    def config(self) -> RefinerConfig:
        """Size of the network."""

    def __call__(self, channels: Float32Array) -> Float32Array:
        """Inputs (B, INPUT_CHANNELS, h, w) -> deviations (B, 2, h/4, w/4): log scale, offset over the median depth."""


@dataclass(frozen=True, eq=False)
class RefinerInputs:
    """Inputs of one image: `channels` (14, h, w) float32, and the values that make the output metric.

    `base` is the calibration of the closed form; `median` (m) is the scene's median depth after it.
    """

    channels: Float32Array
    base: Calibration
    median: float


def refiner_inputs(depth: Float32Array, anchor: Anchor, camera: Camera, config: RefinerConfig) -> RefinerInputs | None:
    """Resample one image to the network's grid; None if no anchored pixel has an initial depth.

    Args:
        depth: (H, W) initial depth in metres, NaN where unknown.
        anchor: human depth on the same grid.
        camera: undistorted camera of that grid.
    """
    base = fit_planes(depth, anchor)
    if base is IDENTITY:
        return None
    size = (config.width, config.height)
    known_here = np.nan_to_num(depth) > 0
    nearest = NEAREST * float(np.median(anchor.depth[anchor.mask]))
    log_here = np.log(np.maximum(np.where(known_here, base.scale * depth + base.offset, 1), nearest))
    log_human_here = np.log(np.where(anchor.mask, anchor.depth, 1))
    log_depth, known = _shrunk(log_here, known_here, size)
    log_human, human = _shrunk(log_human_here, anchor.mask, size)
    # Subtracted before downsampling: at silhouettes the two means are over different pixels.
    residual, _ = _shrunk(np.clip(log_human_here - log_here, -1, 1), anchor.mask & known_here, size)
    weight = cv2.resize(anchor.weight, size, interpolation=cv2.INTER_AREA)
    middle = float(np.median(log_depth[known > 0]))
    relative = np.where(known > 0, np.clip(log_depth - middle, -4, 4), 0)
    ray_x, ray_y = _ray_channels(camera, size)
    channels = [
        relative,
        known,
        5 * residual,
        weight,
        np.where(human > 0, log_human - middle, 0),
        np.where(known > 0, np.minimum(np.exp(-relative), 5), 0),
        np.where(known > 0, np.clip(ray_y * np.exp(relative), -3, 3), 0),
        *_normals(relative, known, ray_x, ray_y),
        ray_x,
        ray_y,
        np.clip(np.log(np.maximum(_small(base.scale, size), 1e-3)), -1, 1),
        np.clip(5 * _small(base.offset, size) * np.exp(-middle), -1, 1),
    ]
    return RefinerInputs(np.stack(channels).astype(np.float32), base, float(np.exp(middle)))


def calibration_from_fields(fields: Float32Array, inputs: RefinerInputs, shape: tuple[int, int]) -> Calibration:
    """Network fields (2, h, w) -> s and b of full `shape` (H, W)."""
    size = (shape[1], shape[0])
    log_grow, shift = (cv2.resize(np.ascontiguousarray(f), size, interpolation=cv2.INTER_LINEAR) for f in fields)
    grow = np.exp(log_grow)
    offset = np.asarray(grow * inputs.base.offset + shift * np.float32(inputs.median), np.float32)
    return Calibration(np.asarray(grow * inputs.base.scale, np.float32), offset, "refiner")


def refine(refiner: RefinerEngine, depth: Float32Array, anchor: Anchor, camera: Camera) -> Calibration:
    """Calibration fields of one image; the identity without anchored pixels. Arguments as in `refiner_inputs`."""
    step, shape = thinning(depth.shape), depth.shape
    if step > 1:  # fields are smooth and need no full resolution
        depth, anchor = depth[::step, ::step], thinned(anchor, step)
        camera = camera.transformed(np.diag([1 / step, 1 / step, 1.0]), (depth.shape[1], depth.shape[0]))
    inputs = refiner_inputs(depth, anchor, camera, refiner.config)
    if inputs is None:
        return IDENTITY
    if not isinstance(inputs.base.scale, np.ndarray):  # measured depth gets no field
        return replace(inputs.base, method="refiner")
    fields = refiner(inputs.channels[None])[0]
    calibration = calibration_from_fields(fields, inputs, (depth.shape[0], depth.shape[1]))
    return enlarged(calibration, shape) if step > 1 else calibration


def _small(field: Field, size: tuple[int, int]) -> Float32Array:
    return np.asarray(cv2.resize(np.asarray(field, np.float32), size, interpolation=cv2.INTER_LINEAR), np.float32)


def _shrunk(values: Float32Array, known: NDArray[np.bool_], size: tuple[int, int]) -> tuple[Float32Array, Float32Array]:
    """Mean of the known values per cell, and the known share of each cell."""
    total = cv2.resize(np.where(known, values, 0).astype(np.float32), size, interpolation=cv2.INTER_AREA)
    share = cv2.resize(known.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    return np.asarray(total / np.maximum(share, 1e-6), np.float32), np.asarray(share, np.float32)


def _normals(log_depth: Float32Array, known: Float32Array, ray_x: Float32Array, ray_y: Float32Array) -> Float32Array:
    """Unit surface normals (3, h, w) towards the camera, 0 where depth is unknown."""
    share = cv2.GaussianBlur(known, (0, 0), NORMAL_SMOOTHING)
    depth = np.exp(cv2.GaussianBlur(log_depth * known, (0, 0), NORMAL_SMOOTHING) / np.maximum(share, 1e-3))
    points = np.stack([ray_x * depth, ray_y * depth, depth])
    down, across = np.gradient(points, axis=(1, 2))
    normal = np.cross(down, across, axis=0)
    length = np.maximum(np.linalg.norm(normal, axis=0), 1e-9)
    return np.where(known > 0, normal / length, 0).astype(np.float32)


def _ray_channels(camera: Camera, size: tuple[int, int]) -> list[Float32Array]:
    u = (np.arange(size[0]) + 0.5) * camera.width / size[0] - 0.5
    v = (np.arange(size[1]) + 0.5) * camera.height / size[1] - 0.5
    grid = np.stack(np.meshgrid(u, v), axis=-1)
    rays = camera.back_project(grid, 1.0)
    return [rays[..., 0].astype(np.float32), rays[..., 1].astype(np.float32)]
