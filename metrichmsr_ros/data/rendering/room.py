"""The demo's procedural room: tiled floor, walls with pictures, ceiling. World: x forward, y left, z up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metrichmsr_ros.data.rendering.boxes import wall_intersections
from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.types import Float64Array


@dataclass(frozen=True)
class TiledRoom:
    """An axis-aligned box around the camera in the world frame, metres; the floor is z = 0."""

    low: tuple[float, float, float] = (-3.0, -5.0, 0.0)
    high: tuple[float, float, float] = (9.5, 5.0, 3.0)
    tile: float = 0.6


def render_tiled_room(
    room: TiledRoom, camera: Camera, T_world_cam: Float64Array
) -> tuple[Float64Array, NDArray[np.float32], Float64Array]:
    """Render the empty room from `camera`.

    Args:
        room: the box around the camera.
        camera: camera without distortion.
        T_world_cam: (4, 4) camera optical frame to world.

    Returns:
        image (H, W, 3) float64 0..255 RGB, depth (H, W) float32 metres along the optical axis, and the surface points
        (H, W, 3) in the world frame.
    """
    u, v = np.meshgrid(np.arange(camera.width), np.arange(camera.height))
    rays = camera.back_project(np.stack([u, v], axis=-1), 1.0) @ T_world_cam[:3, :3].T
    origin = T_world_cam[:3, 3]
    depth, axis, is_high = wall_intersections(origin, rays, np.array(room.low), np.array(room.high))
    points = origin + depth[..., None] * rays  # rays have z_cam = 1, so the distance along them is depth
    return _paint(room, points, axis, is_high), depth.astype(np.float32), points


def _paint(room: TiledRoom, points: Float64Array, axis: NDArray[np.int64], is_high: NDArray[np.bool_]) -> Float64Array:
    x, y, z = np.moveaxis(points, -1, 0)
    image = np.empty(points.shape)
    wall = (axis != 2)[..., None]
    along = np.where(axis == 0, y, x)
    image[...] = np.where(
        wall, _wall(along, z, axis), np.where(is_high[..., None], [232.0, 230.0, 224.0], _floor(room, x, y))
    )
    corner = np.minimum(np.minimum(z - room.low[2], room.high[2] - z), 0.6) / 0.6  # darker near edges
    image *= np.where(wall[..., 0], 0.72 + 0.28 * corner, 1.0)[..., None]
    return image


def _floor(room: TiledRoom, x: Float64Array, y: Float64Array) -> Float64Array:
    i, j = np.floor(x / room.tile), np.floor(y / room.tile)
    mottle = np.modf(np.sin(i * 12.9898 + j * 78.233) * 43758.5453)[0]  # a fixed shade for each tile
    to_joint = np.minimum(
        np.abs(x / room.tile - np.round(x / room.tile)), np.abs(y / room.tile - np.round(y / room.tile))
    )
    joint = np.clip(1 - to_joint / 0.02, 0, 1)
    shade = 150 + 14 * mottle + 10 * ((i + j) % 2)
    return (shade * (1 - 0.35 * joint))[..., None] * np.array([1.0, 0.93, 0.84])


def _wall(along: Float64Array, z: Float64Array, axis: NDArray[np.int64]) -> Float64Array:
    colour = np.where((axis == 0)[..., None], [188.0, 199.0, 205.0], [214.0, 205.0, 186.0])
    colour = np.where((z < 0.12)[..., None], [120.0, 108.0, 96.0], colour)  # skirting board
    frame = _inside(along, z, 0.62, 0.42)
    picture = _inside(along, z, 0.56, 0.36)
    hue = np.floor(along / 2.5)
    art = np.stack(
        [120 + 70 * np.sin(hue * 2.1 + 4 * z), 120 + 60 * np.sin(hue * 1.3 + 3 * along), 140 + 60 * np.cos(hue)], -1
    )
    colour = np.where(frame[..., None], [72.0, 58.0, 46.0], colour)
    return np.where(picture[..., None], art, colour)


def _inside(along: Float64Array, z: Float64Array, half_width: float, half_height: float) -> NDArray[np.bool_]:
    offset = along / 2.5 - np.floor(along / 2.5) - 0.5
    return (np.abs(offset * 2.5) < half_width) & (np.abs(z - 1.65) < half_height)
