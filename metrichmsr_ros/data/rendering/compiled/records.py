"""Outfits, cloths and lights as structured NumPy arrays, which compiled functions can read field by field."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from metrichmsr_ros.data.rendering.clothing import Cloth, Outfit
from metrichmsr_ros.data.rendering.lighting import Light

Records = NDArray[Any]
"""A structured array of one of the dtypes below."""
Record = Any
"""One row of it, whose fields compiled functions read as attributes."""

PLAIN, STRIPES, HOOPS, CHECKS, DOTS, CAMOUFLAGE, LOGO, PRINT = range(8)
_PATTERNS = ("plain", "stripes", "hoops", "checks", "dots", "camouflage", "logo", "print")
TROUSERS, SHIRT, SHOES = range(3)

CLOTH = np.dtype(
    [
        ("colour", "f4", 3),
        ("second", "f4", 3),
        ("pattern", "i4"),
        ("size", "f4"),
        ("phase", "f4", 3),
        ("folds", "f4"),
        ("creases", "f4", (3, 3)),
        ("picture", "i4"),
        ("tinted", "i4"),
    ],
    align=True,
)
"""One fabric.

`creases` are the directions of three waves of folds, `picture` is the number of a texture for the pattern "print";
`tinted` multiplies it by the colour.
"""

OUTFIT = np.dtype(
    [
        ("sleeve", "f4"),
        ("shirt_hem", "f4"),
        ("trouser_hem", "f4"),
        ("shoe_top", "f4"),
        ("neckline", "f4"),
        ("hair_low", "f4"),
        ("hairline", "f4"),
        ("skin", "f4", 3),
        ("hair", "f4", 3),
        ("thickness", "f4", 3),
        ("beard", "i4"),
        ("mask", "i4"),
        ("gloves", "i4"),
        ("cap", "i4"),
        ("glasses", "i4"),
        ("first_cloth", "i4"),
    ],
    align=True,
)
"""One outfit; its trousers, shirt and shoes are the cloths `first_cloth`, + 1 and + 2."""

LIGHT = np.dtype(
    [("towards", "f4", 3), ("sun", "f4", 3), ("sky", "f4", 3), ("ground", "f4", 3), ("gloss", "f4")], align=True
)
"""One lighting, as `lighting.Light`."""


def cloth_record(cloth: Cloth, picture: int = -1, tinted: bool = False) -> Records:
    """A fabric as an array (1,) of `CLOTH`; `picture` >= 0 prints that texture on it."""
    record = np.zeros(1, CLOTH)
    for name in ("colour", "second", "size", "phase", "folds"):
        record[name] = getattr(cloth, name)
    directions = np.sin(np.asarray(cloth.phase) + 2.1 * np.arange(3)[:, None])
    record["creases"] = directions / (np.linalg.norm(directions, axis=1, keepdims=True) + 1e-6)
    record["pattern"] = PRINT if picture >= 0 else _PATTERNS.index(cloth.pattern)
    record["picture"], record["tinted"] = max(picture, 0), tinted
    return record


def outfit_record(outfit: Outfit, first_cloth: int = 0) -> Records:
    """An outfit as an array (1,) of `OUTFIT`, whose cloths start at row `first_cloth` of the scene's cloths."""
    record = np.zeros(1, OUTFIT)
    for name in OUTFIT.names or ():
        record[name] = first_cloth if name == "first_cloth" else getattr(outfit, name)
    return record


def light_record(light: Light) -> Records:
    """A light as an array (1,) of `LIGHT`."""
    record = np.zeros(1, LIGHT)
    for name in LIGHT.names or ():
        record[name] = getattr(light, name)
    return record
