"""Ray-box intersection, for rooms seen from inside and objects seen from outside.

Used by the demo's room (`room`), the rooms behind rendered people (`textured_room`) and the training scenes of the
depth refiner (`depth_rooms`).
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
    """A box in any orientation: `rotation` (3, 3) maps world to box axes, `half` (3,) are half the edges, metres."""

    centre: Float64Array
    half: Float64Array
    rotation: Float64Array


def slab_crossings(
    origin: FloatingArray, rays: FloatingArray, low: FloatingArray, high: FloatingArray
) -> tuple[FloatingArray, FloatingArray]:
    """Intersect rays with the slab between the planes `low` and `high` of each axis; all arguments broadcast.

    Args:
        origin: start of the rays.
        rays: directions of any length.
        low: lowest corner of the box.
        high: highest corner of the box.

    Returns:
        Entry and exit distance for each slab, in units of the rays' lengths; infinite for rays parallel to the slab.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        first, second = (low - origin) / rays, (high - origin) / rays
    into, out = np.minimum(first, second), np.maximum(first, second)
    into[np.isnan(into)], out[np.isnan(out)] = -np.inf, np.inf  # 0 / 0 for a ray in the plane of a face
    return into, out


def wall_intersections(
    origin: FloatingArray, rays: FloatingArray, low: FloatingArray, high: FloatingArray
) -> tuple[FloatingArray, NDArray[np.int64], NDArray[np.bool_]]:
    """Intersect rays (..., 3) from a point inside a box, with corners `low` and `high` (3,), with its walls.

    Returns:
        All (...,): the distance in units of the rays' lengths, the axis normal to the wall, and whether the wall is
        the one at `high`.
    """
    _, out = slab_crossings(origin, rays, low, high)
    axis = out.argmin(axis=-1)[..., None]
    reach, along = np.take_along_axis(out, axis, axis=-1), np.take_along_axis(rays, axis, axis=-1)
    return reach[..., 0], axis[..., 0], along[..., 0] > 0


def cast(
    boxes: list[OrientedBox], camera: Camera, camera_from_world: Float64Array, eye: Float64Array
) -> tuple[Float64Array, NDArray[np.int32]]:
    """Depth (H, W) in metres, NaN for sky, and the index of the visible box, -1 for sky.

    A box that contains the camera shows its walls from inside.

    Args:
        boxes: boxes in the world.
        camera: camera without distortion.
        camera_from_world: (3, 3) rotation of the camera.
        eye: (3,) position of the camera in the world, metres.
    """
    u, v = np.meshgrid(np.arange(camera.width), np.arange(camera.height))
    rays = (camera.back_project(np.stack([u, v], axis=-1).reshape(-1, 2), 1.0) @ camera_from_world).T  # (3, H W)
    depth, part = np.full(u.size, np.inf), np.full(u.size, -1, np.int32)
    for number, box in enumerate(boxes):
        origin, half = box.rotation @ (eye - box.centre), box.half[:, None]
        into, out = slab_crossings(origin[:, None], box.rotation @ rays, -half, half)
        enter, leave = into.max(axis=0), out.min(axis=0)
        distance = np.where(enter > 0, enter, leave)
        nearer = (enter <= leave) & (distance > 0) & (distance < depth)
        depth[nearer], part[nearer] = distance[nearer], number
    sky = depth > MAX_DEPTH
    depth[sky], part[sky] = np.nan, -1
    return depth.reshape(u.shape), part.reshape(u.shape)
