"""What people of the crops wear: the outfits of `clothing`, with prints of photographed cloth and thicker hair."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from metrichmsr_ros.data.rendering.clothing import Outfit, random_outfit
from metrichmsr_ros.data.rendering.compiled.records import CLOTH, Records, cloth_record, outfit_record

_PRINTED = 0.14  # share of the fabrics that show a texture


@dataclass(frozen=True)
class Clothes:
    """An outfit, and the same as records: `worn` (1,) of `OUTFIT`, `cloths` (3,) of `CLOTH`."""

    outfit: Outfit
    worn: Records
    cloths: Records


def as_clothes(outfit: Outfit, pictures: tuple[int, int, int] = (-1, -1, -1), tinted: bool = False) -> Clothes:
    """The records of an outfit; `pictures` are the textures of trousers, shirt and shoes, -1 for none."""
    fabrics = (outfit.trousers, outfit.shirt, outfit.shoes)
    cloths = [cloth_record(cloth, number, tinted) for cloth, number in zip(fabrics, pictures, strict=True)]
    return Clothes(outfit, outfit_record(outfit), np.concatenate(cloths, dtype=CLOTH))


def random_clothes(rng: np.random.Generator, pictures: int, child: bool = False) -> Clothes:
    """Random clothes; `pictures` is the number of textures for prints. Children have no beards."""
    outfit = random_outfit(rng)
    thickness = np.array([*outfit.thickness[:2], rng.uniform(0.008, 0.035)])
    outfit = replace(outfit, thickness=thickness, beard=outfit.beard and not child)
    printed = [int(rng.integers(pictures)) if pictures and rng.random() < _PRINTED else -1 for _ in range(3)]
    if outfit.shirt is outfit.trousers:
        printed[1] = printed[0]
    return as_clothes(outfit, (printed[0], printed[1], -1), bool(rng.random() < 0.5))
