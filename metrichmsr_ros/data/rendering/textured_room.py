"""A room with a texture on each face, as a background behind rendered people. World: y up, floor at y = 0."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from metrichmsr_ros.data.rendering.boxes import wall_intersections


@dataclass(frozen=True)
class TexturedRoom:
    """A box around the camera; floor at y = 0.

    Attributes:
        low: lowest corner (3,) in the room's axes, metres.
        high: highest corner (3,) in the room's axes, metres.
        heading: rotation about y from world to room axes, radians.
        textures: six images (h, w, 3) float32, for -x, +x, floor, ceiling, -z, +z.
        scales: texture pixels per metre, (6,).
        light: brightness (6,) of the faces.
    """

    low: np.ndarray
    high: np.ndarray
    heading: float
    textures: tuple[np.ndarray, ...]
    scales: np.ndarray
    light: np.ndarray

    def render(self, rays: np.ndarray, eye: np.ndarray, depth: np.ndarray | None = None) -> np.ndarray:
        """Image (H, W, 3) float32 in 0..1 along world rays (H, W, 3) from `eye` (3,).

        Args:
            rays: rays of any length; with length 1 along the optical axis, `depth` is z.
            eye: a point inside the room.
            depth: (H, W) output array for the distance in units of the rays' lengths.
        """
        cos, sin = np.cos(self.heading), np.sin(self.heading)
        turn = np.array([[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]], np.float32)
        d = rays @ turn.T
        origin = (turn @ eye).astype(np.float32)
        t, axis, is_high = wall_intersections(origin, d, self.low.astype(np.float32), self.high.astype(np.float32))
        hit = origin + t[..., None] * d
        if depth is not None:
            depth[...] = t
        face = 2 * axis + is_high
        image = np.empty(rays.shape, np.float32)
        for index in range(6):
            where = face == index
            if where.any():
                across, along = ((2, 1), (0, 2), (0, 1))[index // 2]
                uv = hit[where][:, (across, along)] * self.scales[index]
                image[where] = self.light[index] * _sample_texture(self.textures[index], uv, index // 2 != 1)
        return image


def _sample_texture(texture: np.ndarray, uv: np.ndarray, upright: bool) -> np.ndarray:
    height, width = texture.shape[:2]
    column = uv[:, 0].astype(np.int64) % width
    row = ((-uv[:, 1] if upright else uv[:, 1]) - 1).astype(np.int64) % height
    found: np.ndarray = texture[row, column]
    return found


def random_texture(rng: np.random.Generator, plain: bool = False, size: int = 256) -> np.ndarray:
    """A random repeating texture (size, size, 3) float32 in 0..1: paint, tiles, planks, bricks or carpet."""
    base = np.clip(rng.uniform(0.15, 0.95) + rng.normal(0, 0.08, 3), 0.02, 1)
    texture = np.tile(base, (size, size, 1))
    kind = 0 if plain else int(rng.integers(5))
    y, x = np.mgrid[:size, :size]
    cell = size // int(rng.choice([1, 2, 4, 8]))
    if kind in (1, 2):  # tiles, planks
        length = cell if kind == 1 else size
        tone = rng.normal(0, 0.06, (size // cell + 1, size // cell + 1))
        texture += tone[y // cell, x // length][..., None]
        joint = (y % cell < 2) | (x % length < 2)
        texture[joint] = base * rng.uniform(0.4, 0.9)
    elif kind == 3:  # chequers
        other = np.clip(base + rng.normal(0, 0.3, 3), 0.02, 1)
        texture[((y // cell) + (x // cell)) % 2 == 0] = other
    elif kind == 4:  # bricks
        row = y // 16
        texture += rng.normal(0, 0.05, (size // 16, size // 32 + 2))[row, ((x + 16 * (row % 2)) % size) // 32][
            ..., None
        ]
        texture[(y % 16 < 2) | ((x + 16 * (row % 2)) % 32 < 2)] = np.clip(base * 1.4, 0, 1)
    coarse = rng.normal(0, 1, (size // 16, size // 16, 1)).astype(np.float32)
    cloud = cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC)[..., None]
    grain = rng.normal(0, rng.uniform(0.005, 0.05), (size, size, 1))
    texture += 0.03 * cloud
    texture += grain
    return np.clip(texture, 0, 1, out=texture).astype(np.float32)
