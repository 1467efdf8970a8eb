"""Clothes, skin and hair as functions of a point's place on the unposed mean body, so that they follow every pose.

A pixel that shows a body carries the coordinates of its point on the open body's template (T-pose, y up, metres); all
hems, sleeves, patterns and features of the face are painted there, crisp at any distance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_SHOULDER_X, _WRIST_X, _ARM_Y = 0.185, 0.651, 0.30
_WAIST_Y, _HIP_Y, _KNEE_Y, _ANKLE_Y, _NECK_Y = 0.11, -0.02, -0.384, -0.807, 0.515
_EYE, _BROW_Y = np.array([0.0305, 0.668, 0.125]), 0.688
_MOUTH = np.array([0.0, 0.598, 0.14])
_LONG_Y = -0.14  # hems below are those of jackets, coats, dresses and skirts
PATTERNS = ("plain", "plain", "plain", "stripes", "hoops", "checks", "dots", "camouflage", "logo")


@dataclass(frozen=True)
class Cloth:
    """One fabric: two colours (3,) in 0..1, a pattern of `PATTERNS`, its size (m) and phase (3,), depth of folds."""

    colour: np.ndarray
    second: np.ndarray
    pattern: str
    size: float
    phase: np.ndarray
    folds: float


@dataclass(frozen=True)
class Outfit:
    """What one person wears.

    Attributes:
        shirt, trousers, shoes: fabrics.
        sleeve: where sleeves end: 0 at the shoulder, 1 at the wrist.
        shirt_hem, trouser_hem, shoe_top: heights y on the template, m; a hem below the hips makes a dress or coat.
        neckline: how deep the neck is cut, m.
        skin, hair: colours (3,). hair_low: how far hair falls, y on the template; above the head means bald.
        hairline: y of the forehead's hairline. beard: True for a painted beard.
        thickness: how far shirt, trousers and hair stand off the body, m (3,).
        hangs_to: where a skirt or coat ends that hangs around both legs, y on the template; None: nothing hangs.
        flare: how much wider what hangs gets for each metre that it falls, m.
        mask, gloves, cap, glasses: extras.
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


def _colour(rng: np.random.Generator) -> np.ndarray:
    """A cloth colour: mostly muted, black, white, grey and blue more often than chance would."""
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
    """Draw an outfit: shirts and trousers, shorts, dresses and coats, bare arms and long sleeves, all skins."""
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
    """Tucked in, worn over the trousers, or long: a jacket, coat or dress."""
    low, high = ((0.0, 0.1), (_LONG_Y, 0.0), (-0.5, _LONG_Y))[rng.choice(3, p=[0.3, 0.46, 0.24])]
    return float(rng.uniform(low, high))


def _thickness(shirt_hem: float, rng: np.random.Generator) -> float:
    """Of what covers the trunk, m: long things are thicker, since coats are among them."""
    return float(0.002 + 0.04 * rng.random() ** (1 if shirt_hem < _LONG_Y else 2))


def regions(points: np.ndarray, outfit: Outfit) -> dict[str, np.ndarray]:
    """Which parts of the outfit template points (N, 3) belong to, as bool masks (N,); later ones cover earlier ones."""
    x, y, z = np.abs(points[:, 0]), points[:, 1], points[:, 2]
    along = (x - _SHOULDER_X) / (_WRIST_X - _SHOULDER_X)
    arm = (along > 0) & (y > _ARM_Y)
    head = (y > _NECK_Y) & ~arm
    collar = _NECK_Y - np.where(z > 0.02, outfit.neckline * np.clip(1 - x / 0.12, 0, 1), 0.0) - 0.02
    hair = head & ((y > outfit.hairline - 0.5 * np.maximum(x - 0.03, 0)) | (z < 0.045 - 0.5 * (0.66 - y)))
    hair = (hair | ((z < -0.02) & (x < 0.13) & ~arm)) & (y > outfit.hair_low)
    return {
        "trousers": ~arm & (y < _WAIST_Y) & (y > outfit.trouser_hem),
        "shirt": (~arm & (y > outfit.shirt_hem) & (y < collar)) | (arm & (along < outfit.sleeve)),
        "shoes": ~arm & (y < outfit.shoe_top),
        "hair": hair,
        "cap": head & (y > 0.715 - 0.15 * (z - 0.03)) & np.full(len(y), outfit.cap),
        "gloves": arm & (along > 0.97) & np.full(len(y), outfit.gloves),
    }


def stand_off(points: np.ndarray, outfit: Outfit) -> np.ndarray:
    """How far (N,) metres the clothed surface lies outside the body at template points (N, 3)."""
    part = regions(points, outfit)
    shirt, trousers, hair = outfit.thickness
    off = np.where(part["trousers"], trousers * (0.6 + 0.8 * np.clip((-points[:, 1]) / 0.8, 0, 1)), 0.0)
    off = np.where(part["shirt"], np.maximum(off, shirt), off)
    off = np.where(part["shoes"], 0.008, off)
    off = np.where(part["hair"], hair, off)
    wave = np.sin(23 * points + outfit.shirt.phase).sum(1) / 3
    return off * (1 + 0.35 * wave)


def paint(points: np.ndarray, outfit: Outfit) -> tuple[np.ndarray, np.ndarray]:
    """Colours (N, 3) float32 in 0..1 and strength of folds (N,) at template points (N, 3)."""
    colour = np.broadcast_to(outfit.skin, points.shape).astype(np.float32)
    folds = np.zeros(len(points), np.float32)
    _paint_face(points, outfit, colour)
    part = regions(points, outfit)
    for name, cloth in (("trousers", outfit.trousers), ("shirt", outfit.shirt), ("shoes", outfit.shoes)):
        mask = part[name]
        if mask.any():
            colour[mask] = _pattern(points[mask], cloth)
            folds[mask] = cloth.folds
    strands = 1 + 0.25 * np.sin(points[:, 0] * 400 + 3 * np.sin(points[:, 1] * 60))
    colour[part["hair"]] = (outfit.hair * strands[part["hair"], None]).astype(np.float32)
    colour[part["cap"]] = outfit.shoes.second
    colour[part["gloves"]] = outfit.shoes.colour
    return colour, folds


def _paint_face(points: np.ndarray, outfit: Outfit, colour: np.ndarray) -> None:
    rows = np.flatnonzero((points[:, 1] > 0.55) & (points[:, 2] > 0.06))
    face = points[rows]
    x, y = np.abs(face[:, 0]), face[:, 1]
    eye = np.hypot((x - _EYE[0]) / 1.6, y - _EYE[1])
    lips = np.hypot((x - _MOUTH[0]) / 3.0, y - _MOUTH[1])
    jaw = (y < 0.615) & (y > 0.5) & outfit.beard
    colour[rows[jaw]] = outfit.hair
    colour[rows[lips < 0.008]] = outfit.skin * np.array([0.85, 0.55, 0.55])
    colour[rows[eye < 0.011]] = 0.85
    colour[rows[np.hypot(x - _EYE[0], y - _EYE[1]) < 0.0065]] = (0.12, 0.09, 0.07)
    colour[rows[(np.abs(y - _BROW_Y) < 0.0045) & (np.abs(x - 0.032) < 0.02)]] = outfit.hair * 0.8
    if outfit.glasses:
        rim = np.abs(np.hypot(x - 0.032, y - _EYE[1]) - 0.023) < 0.003
        colour[rows[rim]] = 0.08
    if outfit.mask:
        colour[rows[(y < 0.64) & (y > 0.56)]] = (0.75, 0.85, 0.92)


def _pattern(points: np.ndarray, cloth: Cloth) -> np.ndarray:
    wave = np.sin(points * (np.pi / cloth.size) + cloth.phase)
    if cloth.pattern == "stripes":
        share = wave[:, 0] > 0
    elif cloth.pattern == "hoops":
        share = wave[:, 1] > 0
    elif cloth.pattern == "checks":
        share = wave[:, 0] * wave[:, 1] > 0
    elif cloth.pattern == "dots":
        share = np.abs(wave[:, 0] * wave[:, 1]) > 0.7
    elif cloth.pattern == "camouflage":
        share = np.sin(9 * points + 2 * wave[:, [1, 2, 0]]).sum(1) > 0.2
    elif cloth.pattern == "logo":
        share = (np.abs(points[:, 0]) < 0.08) & (np.abs(points[:, 1] - 0.33) < 0.06) & (points[:, 2] > 0)
    else:
        return np.broadcast_to(cloth.colour, points.shape)
    return np.where(share[:, None], cloth.second, cloth.colour)
