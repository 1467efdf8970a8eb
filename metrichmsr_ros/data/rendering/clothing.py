"""Random outfits: fabrics, hems, sleeves, skin and hair. `painting` applies them to bodies.

Heights are y on the open body's template, metres: T-pose, y up.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_LONG_Y = -0.14  # lower hems belong to jackets, coats, dresses and skirts
Rgb = tuple[int, int, int]
"""0..255."""
PATTERNS = ("plain", "plain", "plain", "stripes", "hoops", "checks", "dots", "camouflage", "logo")


@dataclass(frozen=True)
class Cloth:
    """One fabric: two colours (3,) in 0..1, a pattern of `PATTERNS`, its size (m), phase (3,), and fold depth."""

    colour: np.ndarray
    second: np.ndarray
    pattern: str
    size: float
    phase: np.ndarray
    folds: float


@dataclass(frozen=True)
class Outfit:
    """The outfit of one person.

    Attributes:
        shirt: fabric of the shirt.
        trousers: fabric of the trousers.
        shoes: fabric of the shoes.
        sleeve: end of the sleeves: 0 at the shoulder, 1 at the wrist.
        shirt_hem: height y of the hem on the template, m; below the hips it makes a dress or coat.
        trouser_hem: height y of the trousers' hem, m.
        shoe_top: height y of the shoes' upper edge, m.
        neckline: depth of the neckline, m.
        skin: colour (3,).
        hair: colour (3,).
        hair_low: height y of the hair's lower end; a value above the head means bald.
        hairline: height y of the hairline on the forehead.
        beard: True for a painted beard.
        thickness: distance of shirt, trousers and hair from the body, m (3,).
        hangs_to: height y of the hem of a skirt or coat around both legs; None without one.
        flare: widening of this skirt or coat per metre of length, m.
        mask, gloves, cap, glasses: True for a painted mask, gloves, cap or glasses.
    """

    shirt: Cloth
    trousers: Cloth
    shoes: Cloth
    sleeve: float
    shirt_hem: float
    trouser_hem: float
    shoe_top: float
    neckline: float
    skin: np.ndarray
    hair: np.ndarray
    hair_low: float
    hairline: float
    beard: bool
    thickness: np.ndarray
    hangs_to: float | None
    flare: float
    mask: bool
    gloves: bool
    cap: bool
    glasses: bool


@dataclass(frozen=True)
class PlainOutfit:
    """Five colours, for the demo's walkers: short sleeves, long trousers, shoes."""

    shirt: Rgb
    trousers: Rgb
    skin: Rgb
    hair: Rgb
    shoes: Rgb = (48, 44, 44)


def _colour(rng: np.random.Generator) -> np.ndarray:
    """A cloth colour: mostly muted; black, white, grey and blue are frequent."""
    kind = rng.random()
    if kind < 0.35:
        return np.clip(rng.choice([0.05, 0.12, 0.3, 0.5, 0.8, 0.93]) + rng.normal(0, 0.03, 3), 0.02, 0.97)
    if kind < 0.55:
        return np.clip(np.array([0.15, 0.22, 0.4]) * rng.uniform(0.4, 1.8) + rng.normal(0, 0.03, 3), 0.02, 0.97)
    hue, saturation, value = rng.random(), rng.beta(2, 2), rng.uniform(0.15, 0.95)
    wheel = np.clip(np.abs((hue * 6 + np.array([0, 4, 2])) % 6 - 3) - 1, 0, 1)
    return np.clip(value * (1 - saturation * (1 - wheel)), 0.02, 0.97)


def _cloth(rng: np.random.Generator, plain: float = 0.4) -> Cloth:
    pattern = "plain" if rng.random() < plain else str(rng.choice(PATTERNS))
    return Cloth(
        _colour(rng), _colour(rng), pattern, rng.uniform(0.02, 0.12), rng.uniform(0, 6.28, 3), rng.uniform(0.05, 0.45)
    )


def random_outfit(rng: np.random.Generator) -> Outfit:
    """Draw a random outfit: shirts, trousers, shorts, dresses, coats, short and long sleeves, all skin colours."""
    tone = rng.beta(1.4, 1.6)
    skin = (1 - tone) * np.array([0.93, 0.76, 0.66]) + tone * np.array([0.28, 0.17, 0.12])
    hairs = np.array([[0.05, 0.04, 0.04], [0.15, 0.1, 0.07], [0.35, 0.22, 0.12], [0.7, 0.55, 0.3], [0.6, 0.6, 0.6]])
    suit = rng.random() < 0.12  # one fabric from neck to ankle
    trousers = _cloth(rng, 0.75)
    trouser_hem = float(rng.choice([rng.uniform(-0.8, -0.72), rng.uniform(-0.42, -0.2)], p=[0.75, 0.25]))
    shirt_hem, is_skirt = _shirt_hem(rng), rng.random() < 0.08
    if is_skirt:
        trouser_hem = float(rng.uniform(-0.65, -0.2))
    hangs_to = min(shirt_hem, trouser_hem if is_skirt else 0.0)
    return Outfit(
        shirt=trousers if suit else _cloth(rng),
        trousers=trousers,
        shoes=_cloth(rng, 0.9),
        sleeve=float(rng.choice([0.0, rng.uniform(0.15, 0.45), rng.uniform(0.9, 1.02)], p=[0.1, 0.42, 0.48])),
        shirt_hem=shirt_hem,
        trouser_hem=trouser_hem,
        shoe_top=float(rng.choice([-0.82, -0.79, -0.7], p=[0.5, 0.35, 0.15])),
        neckline=float(rng.uniform(-0.03, 0.14)),
        skin=np.clip(skin * rng.uniform(0.9, 1.08) + rng.normal(0, 0.015, 3), 0.03, 1),
        hair=np.clip(hairs[rng.integers(5)] + rng.normal(0, 0.02, 3), 0.02, 0.95),
        hair_low=float(rng.choice([rng.uniform(0.55, 0.63), rng.uniform(0.36, 0.52), 0.9], p=[0.58, 0.34, 0.08])),
        hairline=float(rng.uniform(0.705, 0.745)),
        beard=bool(rng.random() < 0.12),
        thickness=np.array([_thickness(shirt_hem, rng), rng.uniform(0.002, 0.028), rng.uniform(0.005, 0.03)]),
        hangs_to=hangs_to if hangs_to < _LONG_Y and rng.random() < 0.8 else None,
        flare=float(0.15 * rng.random() ** 2),
        mask=bool(rng.random() < 0.05),
        gloves=bool(rng.random() < 0.04),
        cap=bool(rng.random() < 0.12),
        glasses=bool(rng.random() < 0.15),
    )


def _shirt_hem(rng: np.random.Generator) -> float:
    """Hem of a shirt that is tucked in, worn over the trousers, or long (a jacket, coat or dress)."""
    low, high = ((0.0, 0.1), (_LONG_Y, 0.0), (-0.5, _LONG_Y))[rng.choice(3, p=[0.3, 0.46, 0.24])]
    return float(rng.uniform(low, high))


def _thickness(shirt_hem: float, rng: np.random.Generator) -> float:
    """Thickness of the clothes on the trunk, m; long ones are thicker, because some are coats."""
    return float(0.002 + 0.04 * rng.random() ** (1 if shirt_hem < _LONG_Y else 2))
