"""Things that people wear or carry: hair that stands off the head, hats, scarves, bags, boxes in both hands.

Each is a rounded shape that moves with one joint. Places are those on the mean body in its rest pose.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from metrichmsr_ros.data.rendering.clothing import Cloth, Outfit
from metrichmsr_ros.data.rendering.compiled.meshes import Mesh, rounded
from metrichmsr_ros.data.rendering.compiled.records import Records, cloth_record
from metrichmsr_ros.types import Float64Array

_HEAD, _NECK, _CHEST, _PELVIS, _LEFT_HAND, _RIGHT_HAND = 15, 12, 9, 0, 22, 23


@dataclass(frozen=True)
class PosedSkeleton:
    """Where the joints are.

    Attributes:
        rest: (24, 3) joints of the mean body in its rest pose, m.
        joints: (24, 3) posed joints, m.
        turns: (24, 3, 3) rotation of each joint, rest to posed.
        scale: stature as a share of the mean body's.
    """

    rest: Float64Array
    joints: Float64Array
    turns: Float64Array
    scale: float


def random_accessories(skeleton: PosedSkeleton, outfit: Outfit, rng: np.random.Generator, standing: bool) -> list[Mesh]:
    """The things one person wears; `standing` people may carry bags in their hands and on their backs."""
    worn = _random_hair(skeleton, outfit, rng)
    if outfit.cap and rng.random() < 0.6:
        brim = (0.09, 0.012, 0.12) if rng.random() < 0.6 else (0.17, 0.012, 0.19)
        worn.append(_attached(skeleton, _HEAD, (0, 0.725, 0.09 if brim[0] < 0.1 else 0.02), brim, 1.0, outfit.shoes))
    if rng.random() < 0.08:
        scarf = _plain(_bag_colour(rng))
        worn.append(_attached(skeleton, _NECK, (0, 0.50, 0.02), (0.10, rng.uniform(0.03, 0.06), 0.10), 0.9, scarf))
    worn += _random_bags(skeleton, rng, standing)
    return worn


def _random_hair(skeleton: PosedSkeleton, outfit: Outfit, rng: np.random.Generator) -> list[Mesh]:
    """Volume on the crown, a bun, a tail or long hair on the back; nothing for the bald."""
    if outfit.hair_low > 0.8:
        return []
    hair = _plain(outfit.hair, folds=0.12, second=outfit.hair * 0.88, size=0.004)
    shapes = []
    long_hair = outfit.hair_low < 0.53
    kind = rng.random()
    if kind < 0.22 and not outfit.cap:
        grow = rng.uniform(0.85, 1.25)
        shapes.append(((0, 0.70, -0.012), (0.088 * grow, 0.088 * grow, 0.098 * grow), 0.9))
    if long_hair and kind < 0.6:
        length = rng.uniform(0.10, 0.24)
        shapes.append(((0, 0.66 - length, -0.062), (rng.uniform(0.085, 0.12), length, rng.uniform(0.035, 0.055)), 0.8))
    elif long_hair and kind < 0.8:
        length = rng.uniform(0.08, 0.16)
        shapes.append(((0, 0.69 - length, -0.10), (0.03, length, 0.03), 0.9))
    elif long_hair:
        size = rng.uniform(0.035, 0.06)
        shapes.append(((0, rng.uniform(0.68, 0.78), -0.085), (size, size, size), 1.0))
    return [_attached(skeleton, _HEAD, place, radii, corners, hair) for place, radii, corners in shapes]


def _random_bags(skeleton: PosedSkeleton, rng: np.random.Generator, standing: bool) -> list[Mesh]:
    bags = []
    if rng.random() < (0.12 if standing else 0.02):
        radii = rng.uniform((0.12, 0.17, 0.06), (0.17, 0.25, 0.12))
        bags.append(
            _attached(skeleton, _CHEST, (0, rng.uniform(0.24, 0.36), -0.13 - radii[2]), radii, 0.5, _random_cloth(rng))
        )
    if rng.random() < 0.08:
        side = rng.choice([-1.0, 1.0])
        radii = rng.uniform((0.04, 0.08, 0.10), (0.08, 0.16, 0.17))
        place = (side * (0.17 + radii[0]), rng.uniform(-0.1, 0.08), rng.uniform(-0.05, 0.08))
        bags.append(_attached(skeleton, _PELVIS, place, radii, 0.5, _random_cloth(rng)))
    if standing and rng.random() < 0.1:
        hand = _LEFT_HAND if rng.random() < 0.5 else _RIGHT_HAND
        radii = rng.uniform((0.05, 0.10, 0.10), (0.10, 0.22, 0.20))
        centre = skeleton.joints[hand] - [0, radii[1] + 0.08, 0]
        bags.append(rounded(centre, radii, np.eye(3), 0.4, _random_cloth(rng)))
    gap = skeleton.joints[_LEFT_HAND] - skeleton.joints[_RIGHT_HAND]
    if np.linalg.norm(gap) < 0.5 and rng.random() < 0.12:  # a box, parcel or tablet between both hands
        half = max(0.04, float(np.linalg.norm(gap)) / 2 - 0.03)
        x = gap / (np.linalg.norm(gap) + 1e-6)
        z = np.cross(x, [0.0, 1.0, 0.0])
        z /= np.linalg.norm(z) + 1e-6
        axes = np.stack([x, np.cross(z, x), z], 1)
        centre = (skeleton.joints[_LEFT_HAND] + skeleton.joints[_RIGHT_HAND]) / 2
        bags.append(rounded(centre, np.array([half, rng.uniform(0.02, 0.2), 0.1]), axes, 0.2, _random_cloth(rng)))
    return bags


def _attached(
    skeleton: PosedSkeleton,
    joint: int,
    place: tuple[float, float, float],
    radii: tuple[float, float, float] | Float64Array,
    corners: float,
    cloth: Cloth | Records,
) -> Mesh:
    """A rounded shape at `place` on the mean body, moved with `joint`."""
    turn = skeleton.turns[joint]
    centre = skeleton.joints[joint] + turn @ ((np.array(place) - skeleton.rest[joint]) * skeleton.scale)
    fabric = cloth_record(cloth) if isinstance(cloth, Cloth) else cloth
    return rounded(centre, np.array(radii) * skeleton.scale, turn, corners, fabric)


def _plain(
    colour: Float64Array, folds: float = 0.15, second: Float64Array | None = None, size: float = 0.05
) -> Records:
    pattern = "plain" if second is None else "stripes"
    other = colour if second is None else second
    return cloth_record(Cloth(np.asarray(colour), np.asarray(other), pattern, size, np.zeros(3), folds))


def _random_cloth(rng: np.random.Generator) -> Records:
    colour, second = _bag_colour(rng), _bag_colour(rng)
    pattern = str(rng.choice(["plain", "plain", "plain", "stripes", "checks", "dots"]))
    return cloth_record(
        Cloth(colour, second, pattern, rng.uniform(0.02, 0.08), rng.uniform(0, 6.28, 3), rng.uniform(0, 0.3))
    )


def _bag_colour(rng: np.random.Generator) -> Float64Array:
    grey = rng.random() < 0.6
    colour = np.full(3, rng.uniform(0.03, 0.5)) if grey else rng.random(3) * rng.uniform(0.2, 0.9)
    return np.clip(colour + rng.normal(0, 0.03, 3), 0.02, 0.97)
