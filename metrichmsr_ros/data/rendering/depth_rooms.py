"""Synthetic places with exact depth: furnished rooms, stairs, slopes and streets, with open bodies standing in them.

Everything is an oriented box; rays are cast in float64, so depth is exact. World frame: z up, floor at z = 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metrichmsr_ros.body.base import BodyModel
from metrichmsr_ros.data.rendering.boxes import cast, random_room, random_street
from metrichmsr_ros.data.rendering.bystanders import stand_people
from metrichmsr_ros.depth.anchor import Anchor, make_anchor, person_weight
from metrichmsr_ros.depth.sources.base import stretched
from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.geometry.raster import rasterize_many
from metrichmsr_ros.types import Float32Array, Float64Array

MAX_PEOPLE = 4


@dataclass(frozen=True, eq=False)
class Place:
    """One view of one place.

    Attributes:
        camera: undistorted camera.
        depth: (H, W) float32 truth in metres, people included; NaN is sky.
        part: (H, W) int32, which box or person (negative: -2 - person) is seen; -1 is sky.
        anchor: human depth as an imperfect estimate gives it.
        people: how many are visible.
    """

    camera: Camera
    depth: Float32Array
    part: NDArray[np.int32]
    anchor: Anchor
    people: int


def make_place(rng: np.random.Generator, body: BodyModel, width: int, height: int, people: int | None = None) -> Place:
    """A random place of `width` x `height` pixels with exactly `people` visible open bodies (None: one to four).

    The anchor comes from bodies that were misestimated as a network misestimates them: 4 % in distance, some
    centimetres across, a little in pose and size, each person on its own.
    """
    wanted = int(rng.integers(1, MAX_PEOPLE + 1)) if people is None else people
    for _ in range(100):
        place = _try_place(rng, body, width, height, wanted)
        if place.people == wanted or (people is None and place.people):
            return place
    raise RuntimeError(f"no place with {wanted} visible people in 100 tries")


def _try_place(rng: np.random.Generator, body: BodyModel, width: int, height: int, wanted: int) -> Place:
    camera = _random_camera(rng, width, height)
    camera_from_world, eye = _random_view(rng)
    boxes, reach = random_street(rng, eye) if rng.random() < 0.25 else random_room(rng, eye)
    scene, part = cast(boxes, camera, camera_from_world, eye)
    truth, estimate, faces = stand_people(rng, body, camera, camera_from_world, eye, reach, wanted)
    raster = rasterize_many([(vertices, faces) for vertices in truth], camera)
    in_front = raster.covered & ~(scene < raster.depth)
    depth = np.where(in_front, raster.depth, scene).astype(np.float32)
    part = np.where(in_front, -2 - raster.mesh_id, part).astype(np.int32)
    visible = [person for person in range(len(truth)) if _is_visible(in_front, raster.mesh_id == person)]
    estimate = [estimate[person] for person in visible]
    anchor = make_anchor(estimate, faces, camera, [person_weight(v, camera) for v in estimate], erosion=1)
    return Place(camera, depth, part, anchor, len(visible))


def _random_camera(rng: np.random.Generator, width: int, height: int) -> Camera:
    """45 to 95 degrees wide, of a usual aspect, stretched onto the grid (pixels need not be square)."""
    aspect = rng.choice([4 / 3, 16 / 9, 3 / 4], p=[0.6, 0.3, 0.1])
    wide = Camera.from_fov(round(height * aspect), height, np.deg2rad(rng.uniform(45, 95)))
    return stretched(wide, width, height)


def _is_visible(in_front: NDArray[np.bool_], own: NDArray[np.bool_]) -> bool:
    return bool(own.sum() >= 30 and (in_front & own).sum() > 0.4 * own.sum())


def _random_view(rng: np.random.Generator) -> tuple[Float64Array, Float64Array]:
    """Rotation world to camera (optical), and the camera's place: a robot's or a hand's height, looking along +x."""
    pitch, roll = np.deg2rad(rng.normal(8, 9)), np.deg2rad(rng.normal(0, 2))
    forward = np.array([np.cos(pitch), 0, -np.sin(pitch)])
    right = np.array([0.0, -1.0, 0.0])
    down = np.cross(forward, right)
    turned = np.stack([np.cos(roll) * right + np.sin(roll) * down, np.cos(roll) * down - np.sin(roll) * right, forward])
    return turned, np.array([0.0, 0.0, rng.uniform(0.35, 2.2)])
