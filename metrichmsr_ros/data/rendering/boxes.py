"""Oriented boxes: rooms with furniture, stairs and streets made of them, and exact rays cast at them.

World frame: z up, floor at z = 0, the camera near the origin looking along +x.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.types import Float64Array

MAX_DEPTH = 80.0  # metres; beyond is sky


@dataclass(frozen=True)
class Box:
    """`rotation` (3, 3) takes world to box axes; `half` (3,) half sizes; rooms are seen from inside."""

    centre: Float64Array
    half: Float64Array
    rotation: Float64Array


def _turn(rng: np.random.Generator, spread: float, tilt: float = 0.0) -> Float64Array:
    yaw = rng.normal(0, spread)
    cos, sin = np.cos(yaw), np.sin(yaw)
    lean = np.array([[np.cos(tilt), 0, np.sin(tilt)], [0, 1, 0], [-np.sin(tilt), 0, np.cos(tilt)]])
    return lean @ np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1.0]])


def random_room(rng: np.random.Generator, eye: Float64Array) -> tuple[list[Box], float]:
    """A furnished room around the camera; its first box is the room itself. Returns also how far its floor reaches."""
    length, width, height = rng.uniform(3.5, 14), rng.uniform(3, 9), rng.uniform(max(2.3, eye[2] + 0.3), 4.5)
    middle = np.array([length / 2 - rng.uniform(0.1, 1), rng.uniform(-0.3, 0.3) * width, height / 2])
    room = Box(middle, np.array([length, width, height]) / 2, _turn(rng, 0.1))
    boxes = [room]
    for _ in range(rng.integers(3, 16)):
        half = rng.uniform([0.15, 0.15, 0.15], [1.0, 1.0, 0.6])
        if rng.random() < 0.25:
            half[2] = rng.uniform(0.5, height / 2)  # cupboards, pillars
        where = middle + rng.uniform(-0.95, 0.95, 3) * room.half
        where[2] = half[2] if rng.random() < 0.85 else rng.uniform(0.3, height)  # some hang
        boxes.append(Box(where, half, _turn(rng, 0.5)))
    if rng.random() < 0.2:
        boxes += _stairs(rng, middle + np.array([0, rng.uniform(-1, 1), -height / 2]))
    return _clear_of_camera(boxes, eye), length + middle[0] - length / 2


def _stairs(rng: np.random.Generator, foot: Float64Array) -> list[Box]:
    rise, run, half_width = rng.uniform(0.14, 0.2), rng.uniform(0.25, 0.35), rng.uniform(0.5, 1.5)
    steps = np.arange(1, rng.integers(5, 12))
    return [
        Box(
            foot + np.array([run * step, 0, rise * step / 2]),
            np.array([run / 2, half_width, rise * step / 2]),
            np.eye(3),
        )
        for step in steps
    ]


def random_street(rng: np.random.Generator, eye: Float64Array) -> tuple[list[Box], float]:
    """A ground plate, perhaps sloping away, houses along a street, and things standing about."""
    ground = Box(np.array([0, 0, -0.5]), np.array([200.0, 200, 0.5]), np.eye(3))
    boxes = [ground]
    if rng.random() < 0.4:
        slope = np.deg2rad(rng.uniform(-12, 12))
        boxes.append(Box(np.array([rng.uniform(25, 45), 0, -1.0]), np.array([30.0, 40, 1.0]), _turn(rng, 0.2, slope)))
    for _ in range(rng.integers(2, 12)):
        half = rng.uniform([1.5, 2, 2], [10, 10, 9])
        side = rng.choice([-1, 1]) * (half[1] + rng.uniform(2, 15))
        boxes.append(Box(np.array([rng.uniform(4, 60), side, half[2]]), half, _turn(rng, 0.15)))
    for _ in range(rng.integers(3, 14)):
        half = rng.uniform([0.1, 0.1, 0.3], [1.2, 2.2, 1.4])
        boxes.append(Box(np.array([rng.uniform(2, 25), rng.uniform(-8, 8), half[2]]), half, _turn(rng, 1.0)))
    return _clear_of_camera(boxes, eye), 12.0


def _clear_of_camera(boxes: list[Box], eye: Float64Array) -> list[Box]:
    def clearance(box: Box) -> float:
        outside = np.maximum(np.abs(box.rotation @ (eye - box.centre)) - box.half, 0)
        return float(np.linalg.norm(outside))

    return [boxes[0], *(box for box in boxes[1:] if clearance(box) > 0.6)]


def cast(
    boxes: list[Box], camera: Camera, camera_from_world: Float64Array, eye: Float64Array
) -> tuple[Float64Array, NDArray[np.int32]]:
    """Depth (H, W), NaN for sky, and the index of the box seen. From inside a box its far walls are seen."""
    u, v = np.meshgrid(np.arange(camera.width), np.arange(camera.height))
    rays = (camera.back_project(np.stack([u, v], axis=-1).reshape(-1, 2), 1.0) @ camera_from_world).T  # (3, H W)
    depth, part = np.full(u.size, np.inf), np.full(u.size, -1, np.int32)
    for number, box in enumerate(boxes):
        origin = box.rotation @ (eye - box.centre)
        with np.errstate(divide="ignore", invalid="ignore"):
            per_ray = 1 / (box.rotation @ rays)
        middle, reach = -origin[:, None] * per_ray, box.half[:, None] * np.abs(per_ray)
        enter = np.maximum(np.maximum(middle[0] - reach[0], middle[1] - reach[1]), middle[2] - reach[2])
        leave = np.minimum(np.minimum(middle[0] + reach[0], middle[1] + reach[1]), middle[2] + reach[2])
        distance = np.where(enter > 0, enter, leave)
        nearer = (enter <= leave) & (distance > 0) & (distance < depth)
        depth[nearer], part[nearer] = distance[nearer], number
    sky = depth > MAX_DEPTH
    depth[sky], part[sky] = np.nan, -1
    return depth.reshape(u.shape), part.reshape(u.shape)
