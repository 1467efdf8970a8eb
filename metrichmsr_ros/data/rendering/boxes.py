"""Rays against boxes: where a ray enters and leaves one, for rooms seen from inside and things seen from outside.

The rooms of all pictures and depth images stand on this: the demo's (`room`), those behind rendered people
(`textured_room`), and the places that the depth refiner learns from (`depth_rooms`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.types import Float64Array, FloatingArray

MAX_DEPTH = 80.0  # metres; beyond is sky


@dataclass(frozen=True)
class OrientedBox:
    """A box anywhere: `rotation` (3, 3) takes world to box axes, `half` (3,) are half its sizes, metres."""

    centre: Float64Array
    half: Float64Array
    rotation: Float64Array


def crossings(
    origin: FloatingArray, rays: FloatingArray, low: FloatingArray, high: FloatingArray
) -> tuple[FloatingArray, FloatingArray]:
    """Where rays cross the slabs between the planes at `low` and at `high`, each axis for itself; all broadcast.

    Args:
        origin: where the rays start. rays: their directions, of any length.
        low, high: the box's corners.

    Returns:
        In units of the rays' lengths: where they come into each slab, and where they go out. Infinite along a slab.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        first, second = (low - origin) / rays, (high - origin) / rays
    into, out = np.minimum(first, second), np.maximum(first, second)
    into[np.isnan(into)], out[np.isnan(out)] = -np.inf, np.inf  # a ray that runs inside a face: 0 / 0
    return into, out


def leave_room(
    origin: FloatingArray, rays: FloatingArray, low: FloatingArray, high: FloatingArray
) -> tuple[FloatingArray, NDArray[np.int64], NDArray[np.bool_]]:
    """Where rays (..., 3) from a point inside a box with corners `low` and `high` (3,) meet its walls.

    Returns:
        All (...,): the distance in units of the rays' lengths, the axis that the wall stands across, and whether it is
        the wall at `high`.
    """
    _, out = crossings(origin, rays, low, high)
    axis = out.argmin(axis=-1)[..., None]
    reach, along = np.take_along_axis(out, axis, axis=-1), np.take_along_axis(rays, axis, axis=-1)
    return reach[..., 0], axis[..., 0], along[..., 0] > 0


def cast(
    boxes: list[OrientedBox], camera: Camera, camera_from_world: Float64Array, eye: Float64Array
) -> tuple[Float64Array, NDArray[np.int32]]:
    """Depth (H, W), NaN for sky, and the index of the box seen. From inside a box its far walls are seen.

    Args:
        boxes: in the world.
        camera: without distortion. camera_from_world: (3, 3) its rotation. eye: (3,) its place in the world.
    """
    u, v = np.meshgrid(np.arange(camera.width), np.arange(camera.height))
    rays = (camera.back_project(np.stack([u, v], axis=-1).reshape(-1, 2), 1.0) @ camera_from_world).T  # (3, H W)
    depth, part = np.full(u.size, np.inf), np.full(u.size, -1, np.int32)
    for number, box in enumerate(boxes):
        origin, half = box.rotation @ (eye - box.centre), box.half[:, None]
        into, out = crossings(origin[:, None], box.rotation @ rays, -half, half)
        enter, leave = into.max(axis=0), out.min(axis=0)
        distance = np.where(enter > 0, enter, leave)
        nearer = (enter <= leave) & (distance > 0) & (distance < depth)
        depth[nearer], part[nearer] = distance[nearer], number
    sky = depth > MAX_DEPTH
    depth[sky], part[sky] = np.nan, -1
    return depth.reshape(u.shape), part.reshape(u.shape)
