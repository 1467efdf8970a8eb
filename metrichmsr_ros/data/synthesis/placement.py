"""Placement of the camera, people and objects of a rendered scene. World: y up, floor at y = 0."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from metrichmsr_ros.data.rendering.bodies import ColouredBox, PlacedCamera
from metrichmsr_ros.geometry.camera import Camera

_SIZES = ((640, 480), (640, 360), (848, 480), (480, 640), (960, 540), (1280, 720), (320, 240))
_SIZE_SHARES = (0.42, 0.12, 0.16, 0.1, 0.1, 0.05, 0.05)


@dataclass(frozen=True)
class PlacedPerson:
    """A body in the world.

    Attributes:
        pose_world: (72,) axis-angle, the root in the world. betas: (10,). root: (3,) place of the root joint, m.
        kind: of the pose, one of `pose_sampler.KINDS`.
    """

    pose_world: np.ndarray
    betas: np.ndarray
    root: np.ndarray
    kind: str


def random_camera(rng: np.random.Generator) -> Camera:
    """A pinhole camera of a common size and field of view; the principal point is slightly off the image's centre."""
    width, height = _SIZES[rng.choice(len(_SIZES), p=_SIZE_SHARES)]
    long_side = max(width, height)
    fov = np.deg2rad(rng.uniform(25, 120) if rng.random() < 0.4 else np.clip(rng.normal(65, 14), 30, 110))
    focal = long_side / 2 / np.tan(fov / 2)
    k = np.array([[focal, 0, (width - 1) / 2], [0, focal * rng.normal(1, 0.004), (height - 1) / 2], [0, 0, 1.0]])
    k[:2, 2] += rng.normal(0, 0.012, 2) * long_side
    return Camera(width, height, k, "none", np.zeros(0), "given")


def place_camera(camera: Camera, person: PlacedPerson, rng: np.random.Generator) -> PlacedCamera:
    """A camera on any side of the person, 0.8-15 m away, with some part of the person in view."""
    distance = float(np.exp(rng.uniform(np.log(1.2), np.log(7.0)))) if rng.random() < 0.88 else rng.uniform(3.0, 15.0)
    height = float(
        rng.choice([rng.uniform(0.25, 1.0), rng.normal(1.5, 0.25), rng.uniform(1.9, 3.2)], p=[0.35, 0.4, 0.25])
    )
    eye = np.array([0.0, height, distance]) + person.root * [1, 0, 1]
    # Image position of a point of the person: mostly well inside the image.
    target = person.root + np.array([0.0, rng.normal(0.05, 0.3), 0.0])
    spread = 0.45 if rng.random() < 0.85 else 0.9
    place = (rng.uniform(-spread, spread, 2) * camera.size + np.array(camera.size)) / 2
    roll = rng.normal(0, 0.04) if rng.random() < 0.92 else rng.normal(0, 0.3)
    return PlacedCamera.aimed(camera, eye, target, place, roll)


def scattered(person: PlacedPerson, view: PlacedCamera, rng: np.random.Generator) -> PlacedPerson:
    """The person moved to a random place on the floor: near the world's origin, or in view up to 12 m away."""
    if rng.random() < 0.5:
        place = rng.normal(0, 0.9, 2)
    else:
        pixel = np.array([rng.uniform(0, view.camera.width), view.camera.intrinsics[1, 2], 1.0])
        ray = view.rotation.T @ np.linalg.inv(view.camera.intrinsics) @ pixel
        level = ray[[0, 2]] / (np.linalg.norm(ray[[0, 2]]) + 1e-9)
        place = view.eye[[0, 2]] + level * rng.uniform(1.2, 12.0)
    return PlacedPerson(person.pose_world, person.betas, np.array([place[0], person.root[1], place[1]]), person.kind)


def apart(people: list[PlacedPerson], gap: float = 0.5) -> list[PlacedPerson]:
    """The people without those closer than `gap` (m, on the floor) to an earlier one, in the same order."""
    kept: list[PlacedPerson] = []
    for person in people:
        if all(np.linalg.norm((person.root - other.root)[[0, 2]]) > gap for other in kept):
            kept.append(person)
    return kept


def random_things(people: list[PlacedPerson], view: PlacedCamera, rng: np.random.Generator) -> list[ColouredBox]:
    """Seats under sitting people, and sometimes objects between people and the camera."""
    things = []
    for person in people:
        if person.kind == "sitting" and rng.random() < 0.8:
            top = max(0.05, person.root[1] - 0.13)
            size = np.array([rng.uniform(0.4, 0.7), top, rng.uniform(0.35, 0.6)])
            facing = Rotation.from_rotvec(person.pose_world[:3]).apply([0.0, 0, 1])
            heading = float(np.arctan2(facing[0], facing[2]))
            centre = person.root * [1, 0, 1] - 0.1 * facing * [1, 0, 1] + [0, top / 2, 0]
            things.append(ColouredBox.upright(centre, size, heading, _dull(rng)))
    if rng.random() < 0.14:
        for _ in range(int(rng.integers(1, 3))):
            target = people[rng.integers(len(people))].root
            share = rng.uniform(0.25, 0.85)
            place = view.eye + share * (target - view.eye) + rng.normal(0, 0.35, 3)
            size = rng.uniform([0.1, 0.3, 0.1], [1.0, 1.3, 0.6])
            place[1] = size[1] / 2 if rng.random() < 0.8 else rng.uniform(0.5, 1.8)
            if np.linalg.norm(place - view.eye) > 0.5 + size.max() / 2:
                things.append(ColouredBox.upright(place, size, rng.uniform(0, 3.2), _dull(rng)))
    return things


def counter_before(person: PlacedPerson, view: PlacedCamera, rng: np.random.Generator) -> ColouredBox | None:
    """A counter, table or low wall between the person and the camera; None where there is no room for it.

    Its upper edge hides the person below a height between the thighs and the chest, as far as such things are 0.4 to
    1.7 m high.
    """
    towards = (view.eye - person.root) * [1, 0, 1]
    distance = float(np.linalg.norm(towards))
    towards /= distance
    gap, thickness = rng.uniform(0.25, 0.9), rng.uniform(0.05, 0.8)
    if distance < gap + thickness + 0.4:
        return None
    hidden_below = person.root[1] + rng.uniform(-0.25, 0.45)
    top = float(np.clip(view.eye[1] + (hidden_below - view.eye[1]) * (1 - gap / distance), 0.4, 1.7))
    aside = np.array([towards[2], 0, -towards[0]]) * rng.normal(0, 0.4)
    centre = person.root * [1, 0, 1] + towards * (gap + thickness / 2) + aside + [0, top / 2, 0]
    heading = float(np.arctan2(towards[0], towards[2]) + rng.normal(0, 0.25))
    return ColouredBox.upright(centre, np.array([rng.uniform(1.0, 4.0), top, thickness]), heading, _dull(rng))


def _dull(rng: np.random.Generator) -> np.ndarray:
    """A furniture colour (3,)."""
    return np.clip(rng.uniform(0.08, 0.9) + rng.normal(0, 0.08, 3), 0.03, 0.97)
