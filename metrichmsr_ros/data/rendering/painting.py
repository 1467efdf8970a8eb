"""Clothes, skin and hair as functions of the position on the mean body in its rest pose, so that they follow the pose.

Each pixel of a body has the coordinates of its point on the open body's template (T-pose, y up, metres). Hems, sleeves,
patterns and faces are functions of these coordinates, sharp at any distance. The plain outfits of the demo are vertex
colours.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from metrichmsr_ros.body.open_tables import OpenTables
from metrichmsr_ros.data.rendering.clothing import Cloth, Outfit, PlainOutfit

_SHOULDER_X, _WRIST_X, _ARM_Y = 0.185, 0.651, 0.30
_WAIST_Y, _HIP_Y, _KNEE_Y, _ANKLE_Y, _NECK_Y = 0.11, -0.02, -0.384, -0.807, 0.515
_EYE, _BROW_Y = np.array([0.0305, 0.668, 0.125]), 0.688
_MOUTH = np.array([0.0, 0.598, 0.14])

# Parts of plain outfits by SMPL joint.
_SHIRT = (3, 6, 9, 13, 14)  # spine and collars
_UPPER_ARMS = (16, 17)
_TROUSERS = (0, 1, 2, 4, 5)
_SHOES = (7, 8, 10, 11)
_HEAD = 15


def regions(points: np.ndarray, outfit: Outfit) -> dict[str, np.ndarray]:
    """Bool masks (N,) of template points (N, 3) for each part of the outfit; later parts cover earlier ones."""
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


def cloth_offsets(points: np.ndarray, outfit: Outfit) -> np.ndarray:
    """Distance (N,) in metres between clothed surface and body at template points (N, 3)."""
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


def vertex_colours(body: OpenTables, outfit: PlainOutfit) -> NDArray[np.float64]:
    """Colours (V, 3) of the vertices of the open body: short sleeves, long trousers, shoes, hair."""
    part = body.weights.argmax(axis=1)
    rest = body.template.astype(np.float32)
    colours = np.tile(np.array(outfit.skin, np.float64), (len(part), 1))
    colours[np.isin(part, _SHIRT)] = outfit.shirt
    sleeves = np.isin(part, _UPPER_ARMS)
    elbow_x = np.abs(rest[sleeves, 0]).max()
    colours[sleeves & (np.abs(rest[:, 0]) < 0.85 * elbow_x)] = outfit.shirt
    colours[np.isin(part, _TROUSERS)] = outfit.trousers
    colours[np.isin(part, _SHOES)] = outfit.shoes
    colours[_is_hair(rest, part == _HEAD)] = outfit.hair
    return colours


def _is_hair(rest: NDArray[np.float32], head: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(V,) True for vertices of the crown and the back of the head."""
    low, high = rest[head].min(axis=0), rest[head].max(axis=0)
    up = (rest[:, 1] - low[1]) / (high[1] - low[1])
    front = (rest[:, 2] - low[2]) / (high[2] - low[2])
    mask: NDArray[np.bool_] = head & ((up > 0.86) | ((front < 0.45) & (up > 0.35)))
    return mask
