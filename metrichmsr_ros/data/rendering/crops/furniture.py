"""Seats under sitting people, tables and counters before them, things in the way: boxes that stand on the floor."""

from __future__ import annotations

import numpy as np

from metrichmsr_ros.data.rendering.clothing import Cloth
from metrichmsr_ros.data.rendering.compiled.meshes import Mesh, box, rounded, turn_about_y
from metrichmsr_ros.data.rendering.compiled.records import Records, cloth_record
from metrichmsr_ros.data.rendering.crops.people import Person
from metrichmsr_ros.types import Float64Array

_SEAT_DROP = 0.11  # m from the pelvis to what it sits on
_LEG = 0.05  # m
_JACKET = 0.25  # share of chairs' backs


def random_fabric(rng: np.random.Generator, pictures: int) -> Records:
    """Wood, metal, plastic or upholstery: a dull colour, a pattern, or a texture."""
    if rng.random() < 0.5:
        colour = np.clip(rng.uniform(0.05, 0.92) + rng.normal(0, 0.05, 3), 0.03, 0.97)
    else:
        colour = np.clip(np.array([0.55, 0.36, 0.2]) * rng.uniform(0.3, 1.6) + rng.normal(0, 0.05, 3), 0.03, 0.97)
    second = np.clip(colour * rng.uniform(0.6, 1.3), 0.02, 0.97)
    pattern = str(rng.choice(["plain", "plain", "plain", "stripes", "checks"]))
    cloth = Cloth(colour, second, pattern, rng.uniform(0.01, 0.1), rng.uniform(0, 6.28, 3), 0.0)
    picture = int(rng.integers(pictures)) if pictures and rng.random() < 0.4 else -1
    return cloth_record(cloth, picture, bool(rng.random() < 0.6))


def _random_wool(rng: np.random.Generator) -> Records:
    """The cloth of a jacket: mostly dark, with folds."""
    colour = np.clip(rng.uniform(0.03, 0.5) + rng.normal(0, 0.04, 3), 0.02, 0.97)
    return cloth_record(Cloth(colour, colour, "plain", 0.05, rng.uniform(0, 6.28, 3), rng.uniform(0.2, 0.5)))


def is_seated(person: Person) -> bool:
    """Whether a person sits: both thighs are raised, and the hips are as high as a seat or the pose is meant to sit."""
    if person.kind == "sitting":
        return True
    thighs = person.joints[[4, 5]] - person.joints[[1, 2]]
    raised = -thighs[:, 1] < 0.6 * np.linalg.norm(thighs, axis=1)
    return bool(raised.all() and 0.3 < person.joints[0, 1] < 0.75 and person.kind in ("captured", "joined", "reaching"))


def random_seat(person: Person, rng: np.random.Generator, pictures: int) -> list[Mesh]:
    """A stool, chair, armchair or bench under a sitting person who faces +z; it stands on the floor."""
    top = float(person.joints[0, 1]) - _SEAT_DROP
    if top < 0.06:
        return []
    fabric, frame = random_fabric(rng, pictures), random_fabric(rng, pictures)
    root = person.joints[0]
    kind = rng.choice(["stool", "chair", "armchair", "bench"], p=[0.12, 0.5, 0.2, 0.18])
    width = {"stool": 0.38, "chair": 0.44, "armchair": 0.62, "bench": rng.uniform(1.2, 2.4)}[str(kind)]
    depth, board = rng.uniform(0.38, 0.52), 0.05 if kind in ("stool", "chair") else min(0.16, top)
    middle = np.array([root[0], top - board / 2, root[2] + depth / 2 - rng.uniform(0.14, 0.24)])
    if kind == "bench":
        middle[0] += rng.uniform(-0.4, 0.4)
    parts = [box(middle, np.array([width, board, depth]), np.eye(3), fabric)]
    if top - board > 0.04:
        parts += _legs(middle, width, depth, top - board, frame)
    if kind in ("chair", "armchair") or (kind == "bench" and rng.random() < 0.5):
        parts += _back(person, middle, top, width, depth, rng, fabric)
    if kind == "armchair":
        for side in (-1, 1):
            arm = np.array([middle[0] + side * (width / 2 + 0.04), (top + 0.2) / 2, middle[2]])
            parts.append(box(arm, np.array([0.08, top + 0.2, depth]), np.eye(3), fabric))
    return parts


def _legs(middle: Float64Array, width: float, depth: float, height: float, frame: Records) -> list[Mesh]:
    corners = [(x, z) for x in (-1, 1) for z in (-1, 1)]
    return [
        box(
            np.array([middle[0] + x * (width / 2 - _LEG), height / 2, middle[2] + z * (depth / 2 - _LEG)]),
            np.array([_LEG, height, _LEG]),
            np.eye(3),
            frame,
        )
        for x, z in corners
    ]


def _back(
    person: Person,
    middle: Float64Array,
    top: float,
    width: float,
    depth: float,
    rng: np.random.Generator,
    cloth: Records,
) -> list[Mesh]:
    """A back that touches the person's back instead of cutting through it, some with a jacket over it."""
    height = rng.uniform(0.3, 0.6)
    body = person.body
    near = (body[:, 1] > top + 0.15) & (body[:, 1] < top + height) & (np.abs(body[:, 0] - middle[0]) < width / 2)
    behind = float(body[near, 2].min()) if near.any() else middle[2] - depth / 2
    z = min(middle[2] - depth / 2, behind - 0.03)
    parts = [box(np.array([middle[0], top + height / 2, z]), np.array([width, height, 0.05]), np.eye(3), cloth)]
    if rng.random() < _JACKET:
        low = rng.uniform(-0.3, 0.1)
        centre = np.array([middle[0], top + (height + low) / 2, z - 0.03])
        radii = np.array([width / 2 + 0.02, (height - low) / 2 + 0.03, rng.uniform(0.05, 0.09)])
        parts.append(rounded(centre, radii, np.eye(3), rng.uniform(0.3, 0.7), _random_wool(rng)))
    return parts


def random_table(person: Person, rng: np.random.Generator, pictures: int) -> list[Mesh]:
    """A table or counter in front of a person who faces +z; it hides legs, from some cameras all of them."""
    sitting = is_seated(person)
    low, high = (0.68, 0.78) if sitting else (0.85, 1.15)
    top = float(rng.uniform(low, high))
    if sitting:
        top = max(top, float(person.joints[[4, 5], 1].max()) + 0.1)
    body = person.body
    belly = body[(np.abs(body[:, 1] - top) < 0.12) & (np.abs(body[:, 0] - person.joints[0, 0]) < 0.14)]
    start = (float(belly[:, 2].max()) if len(belly) else float(person.joints[0, 2])) + rng.uniform(0.02, 0.25)
    depth, width = rng.uniform(0.4, 0.9), rng.uniform(0.7, 2.2)
    middle = np.array([person.joints[0, 0] + rng.uniform(-0.3, 0.3), top - 0.02, start + depth / 2])
    fabric = random_fabric(rng, pictures)
    parts = [box(middle, np.array([width, 0.04, depth]), np.eye(3), fabric)]
    if rng.random() < (0.35 if sitting else 0.8):  # a desk or counter with a closed front
        front = np.array([middle[0], (top - 0.04) / 2, middle[2] + depth / 2 - 0.03])
        parts.append(box(front, np.array([width, top - 0.04, 0.04]), np.eye(3), random_fabric(rng, pictures)))
    else:
        parts += _legs(middle, width, depth, top - 0.04, random_fabric(rng, pictures))
    return parts + _on_table(middle, width, depth, top, rng, pictures)


def _on_table(
    middle: Float64Array, width: float, depth: float, top: float, rng: np.random.Generator, pictures: int
) -> list[Mesh]:
    """Screens, boxes, cups on a table."""
    things = []
    for _ in range(rng.integers(0, 4)):
        size = rng.uniform((0.05, 0.05, 0.03), (0.45, 0.4, 0.25))
        spread = rng.uniform(-0.5, 0.5, 2) * (max(width - size[0], 0.01), max(depth - size[2], 0.01))
        centre = np.array([middle[0] + spread[0], top + size[1] / 2, middle[2] + spread[1]])
        fabric = random_fabric(rng, pictures)
        if rng.random() < 0.3:
            things.append(rounded(centre, size / 2, np.eye(3), 0.5, fabric))
        else:
            things.append(box(centre, size, turn_about_y(rng.normal(0, 0.3)), fabric))
    return things


def random_obstacle(person_place: Float64Array, eye: Float64Array, rng: np.random.Generator, pictures: int) -> Mesh:
    """A cupboard, post, sign or plant between the camera and a person, on the floor or hanging."""
    share = rng.uniform(0.3, 0.9)
    place = eye + share * (person_place - eye)
    reach = float(np.linalg.norm(person_place - eye)) * share
    place += np.array([rng.normal(0, 0.25), 0, 0]) * min(1.0, reach / 2) * rng.choice([1.0, 2.0])
    size = rng.uniform((0.04, 0.3, 0.04), (0.7, 1.4, 0.5)) * min(1.0, 0.3 + reach / 3)
    place[1] = size[1] / 2 if rng.random() < 0.75 else rng.uniform(0.5, 2.0)
    fabric = random_fabric(rng, pictures)
    if rng.random() < 0.25:
        return rounded(place, size / 2, np.eye(3), float(rng.uniform(0.4, 1.0)), fabric)
    return box(place, size, turn_about_y(rng.uniform(0, 3.2)), fabric)
