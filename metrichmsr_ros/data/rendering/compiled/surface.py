"""Compiled clothes, skin and hair: the same functions of the template's coordinates as `painting`, for one point."""

from __future__ import annotations

import math

import numpy as np

from metrichmsr_ros.data.rendering.compiled.compilation import compiled
from metrichmsr_ros.data.rendering.compiled.records import (
    CAMOUFLAGE,
    CHECKS,
    DOTS,
    HOOPS,
    LOGO,
    PLAIN,
    PRINT,
    SHIRT,
    SHOES,
    STRIPES,
    TROUSERS,
    Record,
    Records,
)
from metrichmsr_ros.data.rendering.compiled.zbuffer import Float32, UInt8, floored

Colour = tuple[float, float, float]
SKIN, HAIR, CAP, GLOVES = 3, 4, 5, 6
"""Parts beside `TROUSERS`, `SHIRT` and `SHOES`."""
_SHOULDER_X, _WRIST_X, _ARM_Y = 0.185, 0.651, 0.30
_WAIST_Y, _NECK_Y = 0.11, 0.515
_EYE_X, _EYE_Y, _MOUTH_Y, _BROW_Y = 0.0305, 0.668, 0.598, 0.688


@compiled
def part_at(x: float, y: float, z: float, outfit: Record) -> int:
    """The part of the outfit at a template point; `painting.regions` for one point, the uppermost part only."""
    x = abs(x)
    along = (x - _SHOULDER_X) / (_WRIST_X - _SHOULDER_X)
    arm = along > 0 and y > _ARM_Y
    head = y > _NECK_Y and not arm
    if arm and along > 0.97 and outfit.gloves:
        return GLOVES
    if head and y > 0.715 - 0.15 * (z - 0.03) and outfit.cap:
        return CAP
    front = y > outfit.hairline - 0.5 * max(x - 0.03, 0.0) or z < 0.045 - 0.5 * (0.66 - y)
    if ((head and front) or (z < -0.02 and x < 0.13 and not arm)) and y > outfit.hair_low:
        return HAIR
    if not arm and y < outfit.shoe_top:
        return SHOES
    open_neck = outfit.neckline * min(max(1 - x / 0.12, 0.0), 1.0) if z > 0.02 else 0.0
    collar = _NECK_Y - open_neck - 0.02
    if (not arm and y > outfit.shirt_hem and y < collar) or (arm and along < outfit.sleeve):
        return SHIRT
    if not arm and y < _WAIST_Y and y > outfit.trouser_hem:
        return TROUSERS
    return SKIN


@compiled
def offset_at(x: float, y: float, z: float, outfit: Record, cloths: Records) -> float:
    """Distance (m) of the clothed surface from the body, as `painting.cloth_offsets`."""
    along = (abs(x) - _SHOULDER_X) / (_WRIST_X - _SHOULDER_X)
    part, arm = part_at(x, y, z, outfit), along > 0 and y > _ARM_Y
    off = 0.0
    if not arm and y < _WAIST_Y and y > outfit.trouser_hem:
        off = outfit.thickness[1] * (0.6 + 0.8 * min(max(-y / 0.8, 0.0), 1.0))
    if part == SHIRT:
        off = max(off, outfit.thickness[0])
    if part == SHOES:
        off = 0.008
    if part in (HAIR, CAP):
        off = outfit.thickness[2]
    phase = cloths[outfit.first_cloth + SHIRT].phase
    wave = math.sin(23 * x + phase[0]) + math.sin(23 * y + phase[1]) + math.sin(23 * z + phase[2])
    return off * (1 + 0.35 * wave / 3)


@compiled
def dress(vertices: Float32, normals: Float32, template: Float32, outfits: Records, cloths: Records) -> Float32:
    """Vertices (V, 3) moved along their normals onto the clothes' surface; `outfits` (1,), `cloths` (3,)."""
    out = np.empty_like(vertices)
    for v in range(len(vertices)):
        off = np.float32(offset_at(template[v, 0], template[v, 1], template[v, 2], outfits[0], cloths))
        for c in range(3):
            out[v, c] = vertices[v, c] + off * normals[v, c]
    return out


@compiled
def cloth_at(x: float, y: float, z: float, cloth: Record, pictures: UInt8) -> Colour:
    """Colour 0..1 of a fabric at a point. `pictures` (N, 256, 256, 3) uint8 are the textures of prints."""
    kind = cloth.pattern
    if kind == PRINT:
        scale = 256 * (2 + 20 * cloth.size)
        row = floored(y * scale) % 256
        column = floored((x + 0.5 * z) * scale) % 256
        texel = pictures[cloth.picture, row, column]
        r, g, b = texel[0] / 255.0, texel[1] / 255.0, texel[2] / 255.0
        if cloth.tinted:
            return r * cloth.colour[0], g * cloth.colour[1], b * cloth.colour[2]
        return r, g, b
    second = False
    if kind != PLAIN:
        pace = math.pi / cloth.size
        u = math.sin(x * pace + cloth.phase[0])
        v = math.sin(y * pace + cloth.phase[1])
        if kind == STRIPES:
            second = u > 0
        elif kind == HOOPS:
            second = v > 0
        elif kind == CHECKS:
            second = u * v > 0
        elif kind == DOTS:
            second = abs(u * v) > 0.7
        elif kind == CAMOUFLAGE:
            w = math.sin(z * pace + cloth.phase[2])
            second = math.sin(9 * x + 2 * v) + math.sin(9 * y + 2 * w) + math.sin(9 * z + 2 * u) > 0.2
        elif kind == LOGO:
            second = abs(x) < 0.08 and abs(y - 0.33) < 0.06 and z > 0
    c = cloth.second if second else cloth.colour
    return c[0], c[1], c[2]


@compiled
def face_at(x: float, y: float, outfit: Record) -> Colour:
    """Colour of the front of the head: eyes, brows, mouth, beard, glasses, mask; skin elsewhere."""
    x = abs(x)
    if outfit.mask and y < 0.64 and y > 0.56:
        return 0.75, 0.85, 0.92
    if outfit.glasses and abs(math.hypot(x - 0.032, y - _EYE_Y) - 0.023) < 0.003:
        return 0.08, 0.08, 0.08
    hair, skin = outfit.hair, outfit.skin
    if abs(y - _BROW_Y) < 0.0045 and abs(x - 0.032) < 0.02:
        return 0.8 * hair[0], 0.8 * hair[1], 0.8 * hair[2]
    if math.hypot(x - _EYE_X, y - _EYE_Y) < 0.0065:
        return 0.12, 0.09, 0.07
    if math.hypot((x - _EYE_X) / 1.6, y - _EYE_Y) < 0.011:
        return 0.85, 0.85, 0.85
    if math.hypot(x / 3.0, y - _MOUTH_Y) < 0.008:
        return 0.85 * skin[0], 0.55 * skin[1], 0.55 * skin[2]
    if y < 0.615 and outfit.beard:
        return hair[0], hair[1], hair[2]
    return skin[0], skin[1], skin[2]


@compiled
def colour_at(
    x: float, y: float, z: float, outfit: Record, cloths: Records, pictures: UInt8
) -> tuple[float, float, float, float]:
    """Colour 0..1 and strength of folds at a template point, as `painting.paint`."""
    part, first = part_at(x, y, z, outfit), outfit.first_cloth
    if part <= SHOES:
        cloth = cloths[first + part]
        r, g, b = cloth_at(x, y, z, cloth, pictures)
        return r, g, b, cloth.folds
    folds = 0.0
    if part == HAIR:
        strand = 1 + 0.12 * math.sin(x * 1100 + 3 * math.sin(y * 60))  # finer than the painter's: people are near
        return outfit.hair[0] * strand, outfit.hair[1] * strand, outfit.hair[2] * strand, folds
    if part == CAP:
        c = cloths[first + SHOES].second
        return c[0], c[1], c[2], folds
    if part == GLOVES:
        c = cloths[first + SHOES].colour
        return c[0], c[1], c[2], folds
    if y > 0.55 and z > 0.06:
        r, g, b = face_at(x, y, outfit)
        return r, g, b, folds
    return outfit.skin[0], outfit.skin[1], outfit.skin[2], folds
