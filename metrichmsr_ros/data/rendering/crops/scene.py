"""One scene: a person, others beside, behind and before it, furniture and things, all in one world."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from metrichmsr_ros.data.rendering.bodies import PlacedCamera
from metrichmsr_ros.data.rendering.compiled.meshes import Mesh, turn_about_y
from metrichmsr_ros.data.rendering.crops.cameras import place_camera, random_shot
from metrichmsr_ros.data.rendering.crops.framing import Framing
from metrichmsr_ros.data.rendering.crops.furniture import is_seated, random_obstacle, random_seat, random_table
from metrichmsr_ros.data.rendering.crops.people import Person
from metrichmsr_ros.types import Float64Array

_IN_ROW = 0.35  # share of seated people who sit in a row
_GAP = 0.45  # least distance of two people on the floor, m


@dataclass(frozen=True)
class CropScene:
    """What is drawn.

    Attributes:
        person: the person that the crop shows. heading: its rotation about y, radians.
        joints: (24, 3) of the person in the world, m.
        view: the camera. framing: of the person.
        meshes: the person first, then others and things.
        others: number of other people; they follow the person in `meshes`.
        table: True where a table or counter stands before the person.
    """

    person: Person
    heading: float
    joints: Float64Array
    view: PlacedCamera
    framing: Framing
    meshes: tuple[Mesh, ...]
    others: int
    table: bool


def random_scene(number: int, people: Sequence[Person], rng: np.random.Generator, pictures: int) -> CropScene:
    """A scene around person `number` of `people`; the others are drawn from the rest. The camera looks along -z."""
    person = people[number]
    heading = _heading(rng)
    joints = person.joints @ turn_about_y(heading).T
    view, framing = place_camera(joints, random_shot(rng), rng)
    origin = np.zeros(3)
    others, places = [], [origin]
    row = row_of_seats(number, people, heading, rng)
    company = row or [(other, *_beside(joints, view, heading, rng)) for other in _company(number, people, rng)]
    for other, place, turn in company:
        if all(np.linalg.norm(place - taken) > _GAP for taken in places) and _away(place, view.eye):
            places.append(place)
            others.append(other.mesh.turned(turn, place))
            others += [part.turned(turn, place) for part in _seat(other, rng, pictures)]
    things = [part.turned(heading, origin) for part in _seat(person, rng, pictures)]
    table = rng.random() < (0.35 if is_seated(person) else 0.07)
    if table:
        things += [part.turned(heading, origin) for part in random_table(person, rng, pictures)]
    for share in (0.16, 0.06):
        if rng.random() < share:
            things.append(random_obstacle(joints[0], view.eye, rng, pictures))
    things = [thing for thing in things if np.abs(thing.vertices - view.eye).max(1).min() > 0.2]
    meshes = (person.mesh.turned(heading, origin), *others, *things)
    return CropScene(person, heading, joints, view, framing, meshes, len(places) - 1, table)


def _heading(rng: np.random.Generator) -> float:
    """Any direction, more often towards the camera (+z) or away from it."""
    kind = rng.random()
    if kind < 0.5:
        return float(rng.uniform(-np.pi, np.pi))
    if kind < 0.8:
        return float(0.6 * rng.standard_normal())
    return float(np.pi + 0.5 * rng.standard_normal())


def _company(number: int, people: Sequence[Person], rng: np.random.Generator) -> list[Person]:
    """Nobody in half of the scenes, else one to four others."""
    rest = [person for index, person in enumerate(people) if index != number]
    if not rest or rng.random() < 0.5:
        return []
    count = int(rng.choice([1, 2, 3, 4], p=[0.5, 0.28, 0.14, 0.08]))
    return [rest[index] for index in rng.choice(len(rest), min(count, len(rest)), replace=False)]


def row_of_seats(
    number: int, people: Sequence[Person], heading: float, rng: np.random.Generator
) -> list[tuple[Person, Float64Array, float]]:
    """The others of a row of seats in which a seated person sits, as at a table or in a hall; empty for most people."""
    rest = [person for index, person in enumerate(people) if index != number and is_seated(person)]
    if not is_seated(people[number]) or not rest or rng.random() > _IN_ROW:
        return []
    gap, first = rng.uniform(0.5, 0.8), int(rng.integers(-2, 1))
    steps = [step for step in range(first, first + 4) if step][: len(rest)]
    turn = turn_about_y(heading)
    return [
        (rest[index], turn @ [step * gap, 0.0, rng.normal(0, 0.08)], heading + rng.normal(0, 0.15))
        for step, index in zip(steps, rng.permutation(len(rest)), strict=False)
    ]


def _beside(
    joints: Float64Array, view: PlacedCamera, heading: float, rng: np.random.Generator
) -> tuple[Float64Array, float]:
    """Place on the floor and heading of another person: together with, behind or in front of the first."""
    kind = rng.random()
    reach = float(view.eye[2] - joints[0, 2])
    if kind < 0.45:  # one group: side by side, often with the same heading, or face to face
        angle, distance = rng.uniform(-np.pi, np.pi), rng.uniform(0.5, 1.3)
        place = distance * np.array([np.cos(angle), 0, np.sin(angle)])
        turn = heading + 0.3 * rng.standard_normal() if rng.random() < 0.5 else rng.uniform(-np.pi, np.pi)
    elif kind < 0.82:  # further away
        depth = rng.uniform(0.8, 2 + reach)
        place = np.array([rng.normal(0, 0.4) * (reach + depth) * 0.5, 0.0, -depth])
        turn = rng.uniform(-np.pi, np.pi)
    else:  # between the camera and the person
        share = rng.uniform(0.35, 0.85)
        side = rng.choice([-1.0, 1.0]) * rng.uniform(0.1, 0.5)
        place = np.array([share * view.eye[0] + side, 0.0, (1 - share) * reach])
        turn = rng.uniform(-np.pi, np.pi)
    return place, float(turn)


def _away(place: Float64Array, eye: Float64Array) -> bool:
    return bool(np.linalg.norm((place - eye)[[0, 2]]) > 0.8)


def _seat(person: Person, rng: np.random.Generator, pictures: int) -> list[Mesh]:
    if not is_seated(person) or rng.random() < 0.06:
        return []
    return random_seat(person, rng, pictures)
