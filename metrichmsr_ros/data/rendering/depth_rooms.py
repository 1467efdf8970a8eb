"""Synthetic scenes with exact depth: furnished rooms, stairs, slopes and streets with open bodies.

All objects are oriented boxes; rays are cast in float64, so depth is exact. World frame: z up, floor at z = 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metrichmsr_ros.body.base import BodyModel
from metrichmsr_ros.data.rendering.boxes import OrientedBox, cast
from metrichmsr_ros.data.rendering.bystanders import stand_people
from metrichmsr_ros.depth.anchor import Anchor, make_anchor, person_weight
from metrichmsr_ros.depth.sources.base import stretched
from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.geometry.raster import rasterize_many
from metrichmsr_ros.types import Float32Array, Float64Array

MAX_PEOPLE = 4


@dataclass(frozen=True, eq=False)
class PlaceGeometry:
    """What one view of a synthetic scene shows, in metres.

    Attributes:
        boxes: of the world (z up); `Place.part` is an index into them.
        camera_from_world: (3, 3) rotation of the camera.
        eye: (3,) position of the camera in the world.
        bodies_cam: true vertices (V, 3) of every person in the camera frame, hidden ones too.
    """

    boxes: tuple[OrientedBox, ...]
    camera_from_world: Float64Array
    eye: Float64Array
    bodies_cam: tuple[Float64Array, ...]


@dataclass(frozen=True, eq=False)
class Place:
    """One view of one synthetic scene.

    Attributes:
        camera: camera without distortion.
        depth: (H, W) float32 true depth in metres with people; NaN is sky.
        part: (H, W) int32 index of the visible box, or -2 - index of the visible person; -1 is sky.
        anchor: human depth with the errors of an estimate.
        people: number of visible people.
        geometry: what the view shows; None for a place that was measured.
    """

    camera: Camera
    depth: Float32Array
    part: NDArray[np.int32]
    anchor: Anchor
    people: int
    geometry: PlaceGeometry | None = None


def make_place(rng: np.random.Generator, body: BodyModel, width: int, height: int, people: int | None = None) -> Place:
    """A random scene of `width` x `height` pixels with exactly `people` visible open bodies (None: one to four).

    The bodies of the anchor have errors like a network's: 4 % in distance, some centimetres laterally, small ones in
    pose and size, independent for each person.
    """
    wanted = int(rng.integers(1, MAX_PEOPLE + 1)) if people is None else people
    for _ in range(100):
        place = _try_place(rng, body, width, height, wanted)
        if place.people == wanted or (people is None and place.people):
            return place
    raise RuntimeError(f"no scene with {wanted} visible people in 100 tries")


def _try_place(rng: np.random.Generator, body: BodyModel, width: int, height: int, wanted: int) -> Place:
    camera = _random_camera(rng, width, height)
    camera_from_world, eye = _random_view(rng)
    boxes, reach = _street(rng, eye) if rng.random() < 0.25 else _furnished_room(rng, eye)
    scene, part = cast(boxes, camera, camera_from_world, eye)
    truth, estimate, faces = stand_people(rng, body, camera, camera_from_world, eye, reach, wanted)
    raster = rasterize_many([(vertices, faces) for vertices in truth], camera)
    in_front = raster.covered & ~(scene < raster.depth)
    depth = np.where(in_front, raster.depth, scene).astype(np.float32)
    part = np.where(in_front, -2 - raster.mesh_id, part).astype(np.int32)
    visible = [person for person in range(len(truth)) if _is_visible(in_front, raster.mesh_id == person)]
    estimate = [estimate[person] for person in visible]
    anchor = make_anchor(estimate, faces, camera, [person_weight(v, camera) for v in estimate], erosion=1)
    geometry = PlaceGeometry(tuple(boxes), camera_from_world, eye, tuple(truth))
    return Place(camera, depth, part, anchor, len(visible), geometry)


def _random_camera(rng: np.random.Generator, width: int, height: int) -> Camera:
    """A camera of 45 to 95 degrees with a common aspect ratio, scaled to the grid (pixels need not be square)."""
    aspect = rng.choice([4 / 3, 16 / 9, 3 / 4], p=[0.6, 0.3, 0.1])
    wide = Camera.from_fov(round(height * aspect), height, np.deg2rad(rng.uniform(45, 95)))
    return stretched(wide, width, height)


def _is_visible(in_front: NDArray[np.bool_], own: NDArray[np.bool_]) -> bool:
    return bool(own.sum() >= 30 and (in_front & own).sum() > 0.4 * own.sum())


def _random_view(rng: np.random.Generator) -> tuple[Float64Array, Float64Array]:
    """Rotation world to camera (optical) and camera position, at a robot's or hand-held height, looking along +x."""
    pitch, roll = np.deg2rad(rng.normal(8, 9)), np.deg2rad(rng.normal(0, 2))
    forward = np.array([np.cos(pitch), 0, -np.sin(pitch)])
    right = np.array([0.0, -1.0, 0.0])
    down = np.cross(forward, right)
    turned = np.stack([np.cos(roll) * right + np.sin(roll) * down, np.cos(roll) * down - np.sin(roll) * right, forward])
    return turned, np.array([0.0, 0.0, rng.uniform(0.35, 2.2)])


def _turn(rng: np.random.Generator, spread: float, tilt: float = 0.0) -> Float64Array:
    yaw = rng.normal(0, spread)
    cos, sin = np.cos(yaw), np.sin(yaw)
    lean = np.array([[np.cos(tilt), 0, np.sin(tilt)], [0, 1, 0], [-np.sin(tilt), 0, np.cos(tilt)]])
    return lean @ np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1.0]])


def _furnished_room(rng: np.random.Generator, eye: Float64Array) -> tuple[list[OrientedBox], float]:
    """A furnished room around the camera; its first box is the room. Also returns the extent of the floor, metres."""
    length, width, height = rng.uniform(3.5, 14), rng.uniform(3, 9), rng.uniform(max(2.3, eye[2] + 0.3), 4.5)
    middle = np.array([length / 2 - rng.uniform(0.1, 1), rng.uniform(-0.3, 0.3) * width, height / 2])
    room = OrientedBox(middle, np.array([length, width, height]) / 2, _turn(rng, 0.1))
    boxes = [room]
    for _ in range(rng.integers(3, 16)):
        half = rng.uniform([0.15, 0.15, 0.15], [1.0, 1.0, 0.6])
        if rng.random() < 0.25:
            half[2] = rng.uniform(0.5, height / 2)  # cupboards, pillars
        where = middle + rng.uniform(-0.95, 0.95, 3) * room.half
        where[2] = half[2] if rng.random() < 0.85 else rng.uniform(0.3, height)  # some are mounted on a wall
        boxes.append(OrientedBox(where, half, _turn(rng, 0.5)))
    if rng.random() < 0.2:
        boxes += _stairs(rng, middle + np.array([0, rng.uniform(-1, 1), -height / 2]))
    return _clear_of_camera(boxes, eye), length + middle[0] - length / 2


def _stairs(rng: np.random.Generator, foot: Float64Array) -> list[OrientedBox]:
    rise, run, half_width = rng.uniform(0.14, 0.2), rng.uniform(0.25, 0.35), rng.uniform(0.5, 1.5)
    steps = np.arange(1, rng.integers(5, 12))
    return [
        OrientedBox(
            foot + np.array([run * step, 0, rise * step / 2]),
            np.array([run / 2, half_width, rise * step / 2]),
            np.eye(3),
        )
        for step in steps
    ]


def _street(rng: np.random.Generator, eye: Float64Array) -> tuple[list[OrientedBox], float]:
    """A ground plate, flat or sloping, with houses along a street and objects."""
    ground = OrientedBox(np.array([0, 0, -0.5]), np.array([200.0, 200, 0.5]), np.eye(3))
    boxes = [ground]
    if rng.random() < 0.4:
        slope = np.deg2rad(rng.uniform(-12, 12))
        boxes.append(
            OrientedBox(np.array([rng.uniform(25, 45), 0, -1.0]), np.array([30.0, 40, 1.0]), _turn(rng, 0.2, slope))
        )
    for _ in range(rng.integers(2, 12)):
        half = rng.uniform([1.5, 2, 2], [10, 10, 9])
        side = rng.choice([-1, 1]) * (half[1] + rng.uniform(2, 15))
        boxes.append(OrientedBox(np.array([rng.uniform(4, 60), side, half[2]]), half, _turn(rng, 0.15)))
    for _ in range(rng.integers(3, 14)):
        half = rng.uniform([0.1, 0.1, 0.3], [1.2, 2.2, 1.4])
        boxes.append(OrientedBox(np.array([rng.uniform(2, 25), rng.uniform(-8, 8), half[2]]), half, _turn(rng, 1.0)))
    return _clear_of_camera(boxes, eye), 12.0


def _clear_of_camera(boxes: list[OrientedBox], eye: Float64Array) -> list[OrientedBox]:
    def clearance(box: OrientedBox) -> float:
        outside = np.maximum(np.abs(box.rotation @ (eye - box.centre)) - box.half, 0)
        return float(np.linalg.norm(outside))

    return [boxes[0], *(box for box in boxes[1:] if clearance(box) > 0.6)]
