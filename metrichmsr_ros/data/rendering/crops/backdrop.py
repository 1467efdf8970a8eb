"""Backgrounds of crops: photographs as walls, textured floors in perspective, and shadows on them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from metrichmsr_ros.data.rendering.background import Backgrounds, random_textured_room, world_rays
from metrichmsr_ros.data.rendering.bodies import PlacedCamera
from metrichmsr_ros.data.rendering.compiled.floors import Tiles, lay, trace_pixels
from metrichmsr_ros.data.rendering.compiled.shading import Shadows
from metrichmsr_ros.data.rendering.compiled.zbuffer import Float32
from metrichmsr_ros.types import Float64Array

PICTURE_SIDE = 256
"""Side of the square textures, px."""
LEVELS = 6
"""Of a floor texture's pyramid."""


@dataclass(frozen=True)
class Floor:
    """The floor y = 0 of one scene.

    Attributes:
        levels: texture pyramid, each (S, S, 3) float32 0..1.
        tile: edge of one tile, m.
        wall: horizontal distance from the camera's position at which the wall begins, m.
        turn: (2, 2) rotation of the tiles.
    """

    levels: tuple[Float32, ...]
    tile: float
    wall: float
    turn: Float64Array


def random_backdrop(
    sources: Backgrounds, view: PlacedCamera, rng: np.random.Generator, procedural: float = 0.08
) -> NDArray[np.float32]:
    """A picture (H, W, 3) float32 0..1 for the camera `view`: part of a photograph, or a room.

    Args:
        sources: photographs. view: the camera of the picture.
        rng: random generator. procedural: share of rooms among the backdrops; all are rooms without photographs.
    """
    width, height = view.camera.width, view.camera.height
    if not sources.photographs or rng.random() < procedural:
        room = random_textured_room(sources, view.eye, rng)
        small = room.render(world_rays(view.camera, view.rotation, 2), view.eye)
        return cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR).astype(np.float32)
    photograph = sources.photographs[rng.integers(len(sources.photographs))]
    rows, columns = photograph.shape[:2]
    tilt, share = 0.1 * rng.standard_normal(), math.exp(rng.uniform(math.log(0.25), 0))
    pace = share * min(columns / width, rows / height)  # px of the photograph for one of the picture
    flip = -1 if rng.random() < 0.5 else 1
    cos, sin = pace * math.cos(tilt), pace * math.sin(tilt)
    matrix = np.array([[flip * cos, -sin, 0.0], [flip * sin, cos, 0.0]])
    middle = np.array([columns, rows]) / 2
    middle += rng.uniform(-0.5, 0.5, 2) * np.maximum(np.array([columns, rows]) - pace * np.array([width, height]), 0)
    matrix[:, 2] = middle - matrix[:, :2] @ [width / 2, height / 2]
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    if pace > 1.5:  # shrink without aliasing
        flags = cv2.INTER_AREA | cv2.WARP_INVERSE_MAP
    picture = cv2.warpAffine(photograph, matrix, (width, height), flags=flags, borderMode=cv2.BORDER_REFLECT)
    if rng.random() < 0.3:
        picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.6, 3.0))
    return picture.astype(np.float32) * np.float32(rng.uniform(0.5, 1.15) / 255)


def random_floor(pictures: NDArray[np.uint8], reach: float, rng: np.random.Generator) -> Floor:
    """A floor of one colour or with a texture, that ends at a wall somewhat behind a person at `reach` m."""
    grey = rng.uniform(0.1, 0.85)
    colour = np.clip(grey + rng.normal(0, 0.05, 3), 0.03, 0.95).astype(np.float32)
    base = np.broadcast_to(colour, (PICTURE_SIDE, PICTURE_SIDE, 3))
    if len(pictures) and rng.random() < 0.75:
        base = _floor_texture(pictures[rng.integers(len(pictures))], colour, rng)
    levels = [np.ascontiguousarray(base, np.float32)]
    while len(levels) < LEVELS:
        side = levels[-1].shape[0] // 2
        smaller = cv2.resize(levels[-1], (side, side), interpolation=cv2.INTER_AREA)
        levels.append(np.asarray(smaller, np.float32))
    angle = rng.uniform(0, np.pi)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    wall = reach + rng.uniform(0.6, 6.0) * (1 + reach / 10)
    return Floor(tuple(levels), float(np.exp(rng.uniform(np.log(0.25), np.log(2.5)))), wall, turn)


def _floor_texture(texture: NDArray[np.uint8], colour: Float32, rng: np.random.Generator) -> Float32:
    """A texture in muted colours, in most cases tinted to `colour` (3,)."""
    grey = cv2.cvtColor(cv2.cvtColor(texture, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    share = float(rng.uniform(0.0, 0.6))
    muted = cv2.addWeighted(texture, share, grey, 1 - share, 0).astype(np.float32) / 255
    if rng.random() < 0.6:
        tint = colour / np.float32(max(0.2, float(cv2.mean(grey)[0]) / 255))
        return np.asarray(np.clip(muted * tint, 0, 1), np.float32)
    return np.asarray(muted, np.float32)


def lay_floor(
    picture: Float32, floor: Floor | None, view: PlacedCamera, shadows: Shadows, lamp: float, feet: Float64Array
) -> Float32:
    """The picture with a floor, where the view shows it nearer than the wall, and with shadows of the scene on it.

    Args:
        picture: (H, W, 3) the backdrop. floor: None leaves the photograph's own floor and only casts shadows.
        view: the camera. shadows: of the scene.
        lamp: share of the lamp in the light on the floor, 0..1; a shadow is this much darker.
        feet: (N, 2) x and z of what stands on the floor, which is darker there.
    """
    height, width = picture.shape[:2]
    small = np.zeros((max(1, height // 2), max(1, width // 2), 5), np.float32)
    rows, columns = small.shape[:2]
    rays, eye = floor_rays(view, columns, rows), view.eye.astype(np.float32)
    near, flat = feet.astype(np.float32).reshape(-1, 2), small.reshape(-1, 5)
    trace_pixels(0, 0, columns, rows, columns, rays, eye, *tiles_of(floor), *shadows, near, flat)
    full = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
    laid = np.ascontiguousarray(picture, np.float32)
    lay(laid, np.asarray(full, np.float32), lamp)
    return laid


def floor_rays(view: PlacedCamera, width: int, height: int) -> Float32:
    """The matrix (3, 3) from px of the view's picture, scaled to `width` x `height`, to rays in the world."""
    scale = np.diag([width / view.camera.width, height / view.camera.height, 1.0])
    inverse: Float32 = (view.rotation.T @ np.linalg.inv(scale @ view.camera.intrinsics)).astype(np.float32)
    return inverse


def tiles_of(floor: Floor | None) -> Tiles:
    """A floor as compiled functions take it; None: a floor that only shows shadows."""
    texture = floor or Floor((np.zeros((1, 1, 3), np.float32),), 1.0, 60.0, np.eye(2))
    sizes = np.array([len(level) for level in texture.levels])
    starts = np.concatenate([[0], np.cumsum(sizes**2)]).astype(np.int64)
    texels = np.concatenate([level.reshape(-1, 3) for level in texture.levels])
    return Tiles(texels, starts, sizes, texture.tile, texture.wall, texture.turn.astype(np.float32))
