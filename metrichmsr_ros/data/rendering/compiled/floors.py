"""Compiled floors: tiles in perspective, with shadows of the scene on them; and what lies over a picture."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from metrichmsr_ros.data.rendering.compiled.compilation import compiled
from metrichmsr_ros.data.rendering.compiled.shading import lit_at
from metrichmsr_ros.data.rendering.compiled.zbuffer import Float32, floored


class Tiles(NamedTuple):
    """The floor y = 0, as compiled functions take it; of one level it shows only shadows.

    Attributes:
        texels: (T, 3) colours 0..1 of all levels of the texture pyramid, one after the other.
        starts: (L + 1,) first texel of each level. sizes: (L,) side of each level.
        tile: edge of one tile, m. wall: distance from the camera at which the floor ends, m.
        turn: (2, 2) rotation of the tiles.
    """

    texels: Float32
    starts: NDArray[np.int64]
    sizes: NDArray[np.int64]
    tile: float
    wall: float
    turn: Float32


@compiled
def lay(picture: Float32, floor: Float32, lamp: float) -> None:
    """Change `picture` (H, W, 3) where the floor (H, W, 5) of `trace` covers or darkens it."""
    for y in range(picture.shape[0]):
        for x in range(picture.shape[1]):
            dark, clear = 1 - lamp * floor[y, x, 4], 1 - floor[y, x, 3]
            for c in range(3):
                picture[y, x, c] = (picture[y, x, c] * clear + floor[y, x, c]) * dark


@compiled
def compose(picture: Float32, layer: Float32, cover: Float32) -> None:
    """Put a layer (H, W, 3), already multiplied by its cover (H, W), onto `picture` (H, W, 3), which changes."""
    for y in range(picture.shape[0]):
        for x in range(picture.shape[1]):
            for c in range(3):
                picture[y, x, c] = picture[y, x, c] * (1 - cover[y, x]) + layer[y, x, c]


@compiled
def trace_pixels(
    left: int,
    top: int,
    right: int,
    bottom: int,
    width: int,
    rays: Float32,
    eye: Float32,
    texels: Float32,
    starts: NDArray[np.int64],
    sizes: NDArray[np.int64],
    tile: float,
    wall: float,
    turn: Float32,
    depth: Float32,
    axes: Float32,
    centre: Float32,
    shadow_texel: float,
    feet: Float32,
    out: Float32,
) -> None:
    """Write the floor in a rectangle of a picture: on the CPU the whole, on a GPU one pixel a thread.

    Args:
        left, top, right, bottom: of the rectangle, the last two not in it. width: of the picture, px.
        rays: (3, 3) px to rays in the world. eye: (3,) position of the camera.
        texels, starts, sizes, tile, wall, turn: the floor, as in `Tiles`.
        depth, axes, centre, shadow_texel: the scene's `Shadows`. feet: (N, 2) x and z of what stands on the floor.
        out: (H * W, 5) colour (3, times the cover), cover and shadow; 0 where there is no floor, and changed elsewhere.
    """
    slope = abs(rays[0, 0]) + abs(rays[2, 0])  # of the ray for one pixel
    for y in range(top, bottom):
        for x in range(left, right):
            dx = rays[0, 0] * x + rays[0, 1] * y + rays[0, 2]
            dy = rays[1, 0] * x + rays[1, 1] * y + rays[1, 2]
            dz = rays[2, 0] * x + rays[2, 1] * y + rays[2, 2]
            if dy > -1e-4:
                continue
            t = -eye[1] / dy
            px, pz = eye[0] + t * dx, eye[2] + t * dz
            if math.hypot(px - eye[0], pz - eye[2]) > 60.0:
                continue
            dark = 1 - lit_at(px, 0.0, pz, depth, axes, centre, shadow_texel, 0.01)
            for n in range(len(feet)):
                gap = ((px - feet[n, 0]) ** 2 + (pz - feet[n, 1]) ** 2) / (2 * 0.12 * 0.12)
                if gap < 9:
                    dark = 1 - (1 - dark) * (1 - 0.5 * math.exp(-gap))
            out[y * width + x, 4] = dark
            if len(sizes) == 1 or -(pz - eye[2]) > wall:
                continue
            footprint = t * slope / max(0.1, -dy / math.sqrt(dx * dx + dy * dy + dz * dz)) / tile * 256
            level = min(max(int(math.log2(footprint + 1e-6)), 0), len(sizes) - 1)
            side = sizes[level]
            u, v = (turn[0, 0] * px + turn[0, 1] * pz) / tile, (turn[1, 0] * px + turn[1, 1] * pz) / tile
            column = floored((u - math.floor(u)) * side) % side
            row = floored((v - math.floor(v)) * side) % side
            texel = starts[level] + row * side + column
            for c in range(3):
                out[y * width + x, c] = texels[texel, c]
            out[y * width + x, 3] = 1.0
