"""Synthetic places with exact depth: furnished rooms, stairs, slopes and streets, with open bodies standing in them.

Everything is an oriented box; rays are cast in float64, so depth is exact. World frame: z up, floor at z = 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from metrichmsr_ros.body.model import BodyModel
from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.geometry.raster import rasterize_many

from .anchor import Anchor, make_anchor, person_weight
from .sources import stretched

Array = NDArray[np.float64]
FloatArray = NDArray[np.float32]

MAX_PEOPLE = 4
MAX_DEPTH = 80.0  # metres; beyond is sky
_LEFT_RIGHT_HIP, _KNEES, _SHOULDERS, _ELBOWS = (1, 2), (4, 5), (16, 17), (18, 19)


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
    depth: FloatArray
    part: NDArray[np.int32]
    anchor: Anchor
    people: int


@dataclass(frozen=True)
class _Box:
    """`rotation` (3, 3) takes world to box axes; `half` (3,) half sizes; rooms are seen from inside."""

    centre: Array
    half: Array
    rotation: Array


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
    boxes, reach = _outdoors(rng, eye) if rng.random() < 0.25 else _room(rng, eye)
    scene, part = _cast(boxes, camera, camera_from_world, eye)
    truth, estimate, faces = _stand_people(rng, body, camera, camera_from_world, eye, reach, wanted)
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


def _random_view(rng: np.random.Generator) -> tuple[Array, Array]:
    """Rotation world to camera (optical), and the camera's place: a robot's or a hand's height, looking along +x."""
    pitch, roll = np.deg2rad(rng.normal(8, 9)), np.deg2rad(rng.normal(0, 2))
    forward = np.array([np.cos(pitch), 0, -np.sin(pitch)])
    right = np.array([0.0, -1.0, 0.0])
    down = np.cross(forward, right)
    turned = np.stack([np.cos(roll) * right + np.sin(roll) * down, np.cos(roll) * down - np.sin(roll) * right, forward])
    return turned, np.array([0.0, 0.0, rng.uniform(0.35, 2.2)])


def _turn(rng: np.random.Generator, spread: float, tilt: float = 0.0) -> Array:
    yaw = rng.normal(0, spread)
    cos, sin = np.cos(yaw), np.sin(yaw)
    lean = np.array([[np.cos(tilt), 0, np.sin(tilt)], [0, 1, 0], [-np.sin(tilt), 0, np.cos(tilt)]])
    return lean @ np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1.0]])


def _room(rng: np.random.Generator, eye: Array) -> tuple[list[_Box], float]:
    """A furnished room around the camera; its first box is the room itself. Returns also how far its floor reaches."""
    length, width, height = rng.uniform(3.5, 14), rng.uniform(3, 9), rng.uniform(max(2.3, eye[2] + 0.3), 4.5)
    middle = np.array([length / 2 - rng.uniform(0.1, 1), rng.uniform(-0.3, 0.3) * width, height / 2])
    room = _Box(middle, np.array([length, width, height]) / 2, _turn(rng, 0.1))
    boxes = [room]
    for _ in range(rng.integers(3, 16)):
        half = rng.uniform([0.15, 0.15, 0.15], [1.0, 1.0, 0.6])
        if rng.random() < 0.25:
            half[2] = rng.uniform(0.5, height / 2)  # cupboards, pillars
        where = middle + rng.uniform(-0.95, 0.95, 3) * room.half
        where[2] = half[2] if rng.random() < 0.85 else rng.uniform(0.3, height)  # some hang
        boxes.append(_Box(where, half, _turn(rng, 0.5)))
    if rng.random() < 0.2:
        boxes += _stairs(rng, middle + np.array([0, rng.uniform(-1, 1), -height / 2]))
    return _clear_of_camera(boxes, eye), length + middle[0] - length / 2


def _stairs(rng: np.random.Generator, foot: Array) -> list[_Box]:
    rise, run, half_width = rng.uniform(0.14, 0.2), rng.uniform(0.25, 0.35), rng.uniform(0.5, 1.5)
    steps = np.arange(1, rng.integers(5, 12))
    return [
        _Box(
            foot + np.array([run * step, 0, rise * step / 2]),
            np.array([run / 2, half_width, rise * step / 2]),
            np.eye(3),
        )
        for step in steps
    ]


def _outdoors(rng: np.random.Generator, eye: Array) -> tuple[list[_Box], float]:
    """A ground plate, perhaps sloping away, houses along a street, and things standing about."""
    ground = _Box(np.array([0, 0, -0.5]), np.array([200.0, 200, 0.5]), np.eye(3))
    boxes = [ground]
    if rng.random() < 0.4:
        slope = np.deg2rad(rng.uniform(-12, 12))
        boxes.append(_Box(np.array([rng.uniform(25, 45), 0, -1.0]), np.array([30.0, 40, 1.0]), _turn(rng, 0.2, slope)))
    for _ in range(rng.integers(2, 12)):
        half = rng.uniform([1.5, 2, 2], [10, 10, 9])
        side = rng.choice([-1, 1]) * (half[1] + rng.uniform(2, 15))
        boxes.append(_Box(np.array([rng.uniform(4, 60), side, half[2]]), half, _turn(rng, 0.15)))
    for _ in range(rng.integers(3, 14)):
        half = rng.uniform([0.1, 0.1, 0.3], [1.2, 2.2, 1.4])
        boxes.append(_Box(np.array([rng.uniform(2, 25), rng.uniform(-8, 8), half[2]]), half, _turn(rng, 1.0)))
    return _clear_of_camera(boxes, eye), 12.0


def _clear_of_camera(boxes: list[_Box], eye: Array) -> list[_Box]:
    def clearance(box: _Box) -> float:
        outside = np.maximum(np.abs(box.rotation @ (eye - box.centre)) - box.half, 0)
        return float(np.linalg.norm(outside))

    return [boxes[0], *(box for box in boxes[1:] if clearance(box) > 0.6)]


def _cast(boxes: list[_Box], camera: Camera, camera_from_world: Array, eye: Array) -> tuple[Array, NDArray[np.int32]]:
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


def _stand_people(
    rng: np.random.Generator,
    body: BodyModel,
    camera: Camera,
    camera_from_world: Array,
    eye: Array,
    reach: float,
    count: int,
) -> tuple[list[Array], list[Array], NDArray[np.int64]]:
    """True and misestimated vertices of `count` people on the floor inside the view."""
    pose = _random_poses(rng, count)
    betas = rng.normal(0, 1, (count, 10)) * ([1.0] * 3 + [0.3] * 7)
    angle = rng.uniform(-0.42, 0.42, count) * camera.fov_x
    distance = np.exp(rng.uniform(np.log(1.3), np.log(max(reach - 0.5, 2.5)), count))
    heading = rng.uniform(0, 2 * np.pi, count)
    truth = _posed(body, betas, pose, heading)
    guess = _posed(
        body,
        betas + rng.normal(0, 0.25, betas.shape),
        pose + rng.normal(0, 0.05, pose.shape),
        heading + rng.normal(0, 0.1, count),
    )
    true_vertices, guessed_vertices = [], []
    for person in range(count):
        floor = np.array([distance[person] * np.cos(angle[person]), distance[person] * np.sin(angle[person]), 0])
        floor[2] = -truth[person][:, 2].min()
        error = np.exp(rng.normal(0, 0.04)), rng.normal(0, 0.01, 3)
        true_vertices.append((truth[person] + floor - eye) @ camera_from_world.T)
        guessed = (guess[person] + floor - eye) @ camera_from_world.T
        centre = guessed.mean(axis=0)
        guessed_vertices.append(guessed + centre * (error[0] - 1) + error[1] * centre[2])
    return true_vertices, guessed_vertices, body.faces.numpy()


def _random_poses(rng: np.random.Generator, count: int) -> Array:
    """Standing and walking people, (count, 24, 3) axis-angle: arms down, legs swung, now and then seated."""
    pose = rng.normal(0, 0.08, (count, 24, 3))
    pose[:, 0] = 0
    swing = rng.normal(0, 0.3, count)
    for sign, hip, knee, shoulder, elbow in zip((1, -1), _LEFT_RIGHT_HIP, _KNEES, _SHOULDERS, _ELBOWS, strict=True):
        pose[:, hip, 0] += sign * swing
        pose[:, knee, 0] += np.abs(rng.normal(0, 0.3, count))
        pose[:, shoulder, 2] += -sign * rng.uniform(0.3, 1.4, count)
        pose[:, elbow, 1] += -sign * np.abs(rng.normal(0, 0.5, count))
    seated = rng.random(count) < 0.15
    for hip, knee in zip(_LEFT_RIGHT_HIP, _KNEES, strict=True):
        pose[seated, hip, 0] -= 1.4
        pose[seated, knee, 0] += 1.4
    return pose


def _posed(body: BodyModel, betas: Array, pose: Array, heading: Array) -> list[Array]:
    """Vertices (V, 3) of each person in world axes (z up), turned by `heading` radians, pelvis at the origin."""
    with torch.inference_mode():
        rest = torch.zeros(len(betas), 3)
        posed = body(torch.from_numpy(betas).float(), torch.from_numpy(pose.reshape(-1, 72)).float(), rest)
    z_up = posed.vertices.double().numpy()[..., (2, 0, 1)]
    cos, sin = np.cos(heading), np.sin(heading)
    turn = np.stack([np.stack([cos, sin], -1), np.stack([-sin, cos], -1)], -2)  # row vectors
    z_up[..., :2] = z_up[..., :2] @ turn
    return list(z_up)
