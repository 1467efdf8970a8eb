"""What stands behind the people: photographs, panoramas seen through the scene's own camera, and rooms made by rule."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from metrichmsr_ros.errors import MetricHMRError
from metrichmsr_ros.geometry.camera import Camera

_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")


class BackgroundsError(MetricHMRError, FileNotFoundError):
    """There is no folder of backgrounds where one was named."""


@dataclass(frozen=True)
class Backgrounds:
    """Pictures to draw backgrounds from, HWC uint8 RGB; with none, rooms made by rule are all there is.

    Attributes:
        photographs: of any size.
        panoramas: equirectangular, twice as wide as high.
    """

    photographs: tuple[np.ndarray, ...] = field(default=(), repr=False)
    panoramas: tuple[np.ndarray, ...] = field(default=(), repr=False)


def load_backgrounds(folder: Path | None, held_out: bool, max_side: int = 1400) -> Backgrounds:
    """Read the pictures under `folder`; those under a folder named `panoramas` are panoramas.

    Every seventh file by checksum of its name belongs to the held-out side.

    Raises:
        BackgroundsError: `folder` does not exist.
    """
    if folder is None:
        return Backgrounds()
    if not Path(folder).is_dir():
        raise BackgroundsError(f"backgrounds: {folder} is no folder; give one with photographs, or none at all")
    photographs: list[np.ndarray] = []
    panoramas: list[np.ndarray] = []
    for path in sorted(Path(folder).rglob("*")):
        if path.suffix.lower() not in _SUFFIXES or (zlib.crc32(path.stem.encode()) % 7 == 0) != held_out:
            continue
        image = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if image is None:
            continue
        scale = min(1.0, max_side / max(image.shape[:2]))
        size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
        image = cv2.cvtColor(cv2.resize(image, size, interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2RGB)
        (panoramas if "panoramas" in path.parts else photographs).append(image)
    return Backgrounds(tuple(photographs), tuple(panoramas))


def world_rays(camera: Camera, rotation: np.ndarray, step: int = 1) -> np.ndarray:
    """Directions (H/step, W/step, 3) float32 in the world of every step-th pixel; `rotation` maps world to camera."""
    offset = (step - 1) / 2
    u, v = np.meshgrid(np.arange(0, camera.width, step) + offset, np.arange(0, camera.height, step) + offset)
    inverse = np.linalg.inv(camera.intrinsics)
    matrix = (rotation.T @ inverse).astype(np.float32)
    rays: np.ndarray = np.stack([u, v, np.ones_like(u)], -1).astype(np.float32) @ matrix.T
    return rays


def random_background(
    sources: Backgrounds, camera: Camera, rotation: np.ndarray, eye: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """A background (H, W, 3) float32 in 0..1 for a camera at `eye` (3,) with world-to-camera `rotation` (3, 3)."""
    size = (camera.width, camera.height)
    kind = rng.random()
    if sources.panoramas and kind < 0.12:
        panorama = sources.panoramas[rng.integers(len(sources.panoramas))]
        small = panorama_view(panorama, world_rays(camera, rotation, 2), rng.uniform(0, 2 * np.pi))
        image = cv2.resize(small, size, interpolation=cv2.INTER_CUBIC)
    elif sources.photographs and kind < 0.5:
        image = photograph_crop(sources.photographs[rng.integers(len(sources.photographs))], size, rng)
    else:
        room = random_room(sources, eye, rng)
        image = cv2.resize(room.render(world_rays(camera, rotation, 2), eye), size, interpolation=cv2.INTER_LINEAR)
    if rng.random() < 0.35:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.6, 3.0))
    return np.clip(image * rng.uniform(0.75, 1.2), 0, 1)


def panorama_view(panorama: np.ndarray, rays: np.ndarray, heading: float) -> np.ndarray:
    """Look up rays (H, W, 3), y up, in an equirectangular picture turned by `heading`; float32 in 0..1."""
    height, width = panorama.shape[:2]
    azimuth = np.arctan2(rays[..., 0], -rays[..., 2]) + heading
    elevation = np.arctan2(rays[..., 1], np.hypot(rays[..., 0], rays[..., 2]))
    u = ((azimuth / (2 * np.pi)) % 1.0 * width).astype(np.float32)
    v = ((0.5 - elevation / np.pi) * height).astype(np.float32)
    return cv2.remap(panorama, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP).astype(np.float32) / 255


def photograph_crop(photograph: np.ndarray, size: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """A random part of a photograph, perhaps mirrored, stretched to `size` (w, h); float32 in 0..1."""
    height, width = photograph.shape[:2]
    share = rng.uniform(0.35, 1.0)
    crop_width = min(width, int(height * share * size[0] / size[1]))
    crop_height = min(height, int(crop_width * size[1] / size[0]))
    x, y = rng.integers(width - crop_width + 1), rng.integers(height - crop_height + 1)
    crop = photograph[y : y + crop_height, x : x + crop_width]
    if rng.random() < 0.5:
        crop = crop[:, ::-1]
    shrinks = crop_width > size[0]
    return (
        cv2.resize(crop, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR).astype(np.float32) / 255
    )


@dataclass(frozen=True)
class Room:
    """A box that the camera stands in; floor at y = 0.

    Attributes:
        low, high: corners (3,) in the room's own axes, metres. heading: turn about y from the world to them.
        textures: six pictures (h, w, 3) float32, for -x, +x, floor, ceiling, -z, +z.
        scales: texture pixels per metre, (6,). light: brightness (6,) of the faces.
    """

    low: np.ndarray
    high: np.ndarray
    heading: float
    textures: tuple[np.ndarray, ...]
    scales: np.ndarray
    light: np.ndarray

    def render(self, rays: np.ndarray, eye: np.ndarray, depth: np.ndarray | None = None) -> np.ndarray:
        """Picture (H, W, 3) float32 in 0..1 along world rays (H, W, 3) from `eye` (3,).

        Args:
            rays: in any length; with length 1 along the camera's axis, `depth` comes out as z.
            eye: inside the room.
            depth: (H, W) array to fill with the distance in units of the rays' length.
        """
        cos, sin = np.cos(self.heading), np.sin(self.heading)
        turn = np.array([[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]], np.float32)
        d = rays @ turn.T
        origin = (turn @ eye).astype(np.float32)
        with np.errstate(divide="ignore"):
            reach = (np.where(d > 0, self.high, self.low).astype(np.float32) - origin) / d  # (H, W, 3)
        reach = np.where(np.isfinite(reach), reach, np.inf)
        axis = reach.argmin(-1)
        t = np.take_along_axis(reach, axis[..., None], -1)
        hit = origin + t * d
        if depth is not None:
            depth[...] = t[..., 0]
        face = 2 * axis + np.take_along_axis(d > 0, axis[..., None], -1)[..., 0]
        image = np.empty(rays.shape, np.float32)
        for index in range(6):
            where = face == index
            if where.any():
                across, along = ((2, 1), (0, 2), (0, 1))[index // 2]
                uv = hit[where][:, (across, along)] * self.scales[index]
                image[where] = self.light[index] * _look_up(self.textures[index], uv, index // 2 != 1)
        return image


def _look_up(texture: np.ndarray, uv: np.ndarray, upright: bool) -> np.ndarray:
    height, width = texture.shape[:2]
    column = uv[:, 0].astype(np.int64) % width
    row = ((-uv[:, 1] if upright else uv[:, 1]) - 1).astype(np.int64) % height
    found: np.ndarray = texture[row, column]
    return found


def random_room(sources: Backgrounds, eye: np.ndarray, rng: np.random.Generator) -> Room:
    """A room around `eye` with made textures, or walls cut from photographs."""
    heading = rng.uniform(0, 2 * np.pi)
    half = rng.uniform(4.0, 18.0, 2)
    height = max(rng.uniform(2.4, 5.0), eye[1] + 0.3)
    textures, scales = [], []
    for face in range(6):
        if sources.photographs and face not in (2, 3) and rng.random() < 0.5:
            photograph = sources.photographs[rng.integers(len(sources.photographs))]
            textures.append(photograph_crop(photograph, (512, 384), rng))
            scales.append(384 / rng.uniform(1.0, 1.3) / height)
        else:
            textures.append(made_texture(rng, plain=face == 3))
            scales.append(rng.uniform(60, 200))
    low, high = np.array([-half[0], 0.0, -half[1]]), np.array([half[0], height, half[1]])
    return Room(low, high, heading, tuple(textures), np.array(scales), rng.uniform(0.5, 1.1, 6))


def made_texture(rng: np.random.Generator, plain: bool = False, size: int = 256) -> np.ndarray:
    """A texture (size, size, 3) float32 in 0..1 that repeats: paint, tiles, planks, bricks or carpet."""
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
    return np.clip(texture + 0.03 * cloud + grain, 0, 1).astype(np.float32)
