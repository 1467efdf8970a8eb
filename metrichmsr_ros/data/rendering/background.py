"""Backgrounds: photographs, panoramas in the perspective of the scene's camera, and procedural rooms."""

from __future__ import annotations

import os
import zlib
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from metrichmsr_ros.data.rendering.textured_room import TexturedRoom, random_texture
from metrichmsr_ros.errors import MetricHMRError
from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.io.image_header import MAX_PIXELS
from metrichmsr_ros.io.images import ImageDataError, decode_image, image_bytes

_MAX_PIXELS = 4 * MAX_PIXELS  # panoramas are large
_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")


class BackgroundsError(MetricHMRError, FileNotFoundError):
    """The folder of backgrounds does not exist or has no images, or an image in it cannot be read."""


@dataclass(frozen=True)
class Backgrounds:
    """Images for backgrounds, HWC uint8 RGB; without images, all backgrounds are procedural rooms.

    Attributes:
        photographs: images of any size.
        panoramas: equirectangular images, twice as wide as high.
    """

    photographs: tuple[np.ndarray, ...] = field(default=(), repr=False)
    panoramas: tuple[np.ndarray, ...] = field(default=(), repr=False)


def load_backgrounds(folder: Path | None, held_out: bool, max_side: int = 1400) -> Backgrounds:
    """Read the images under `folder`; images in a folder named `panoramas` are panoramas.

    About one file of seven, by the checksum of its name, is held out for validation.

    Raises:
        BackgroundsError: `folder` does not exist or has no images for this split, or an image cannot be read.
    """
    if folder is None:
        return Backgrounds()
    photographs: list[np.ndarray] = []
    panoramas: list[np.ndarray] = []
    for path in _images_of_split(Path(folder), held_out):
        try:
            image = decode_image(image_bytes(path, _MAX_PIXELS), upright=True, max_pixels=_MAX_PIXELS)
        except ImageDataError as error:
            raise BackgroundsError(f"backgrounds: {path}: {error}") from None
        scale = min(1.0, max_side / max(image.shape[:2]))
        size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
        (panoramas if "panoramas" in path.parts else photographs).append(image)
    return Backgrounds(tuple(photographs), tuple(panoramas))


def _images_of_split(folder: Path, held_out: bool) -> list[Path]:
    if not folder.is_dir():
        raise BackgroundsError(f"backgrounds: {folder} is not a folder; give a folder of photographs, or omit it")
    images = [path for path in sorted(folder.rglob("*")) if path.suffix.lower() in _SUFFIXES]
    if not images:
        raise BackgroundsError(
            f"backgrounds: {folder} has no images ({', '.join(_SUFFIXES)}); give a folder of photographs, or omit it"
        )
    split = [path for path in images if (zlib.crc32(os.fsencode(path.stem)) % 7 == 0) == held_out]
    if not split:
        use, unused = ("validation", "val_count") if held_out else ("training", "count")
        raise BackgroundsError(
            f"backgrounds: none of the {len(images)} images in {folder} is for {use}: about one of seven, by its name, "
            f"is held out for validation. Give more images, or set {unused} to 0"
        )
    return split


def world_rays(camera: Camera, rotation: np.ndarray, step: int = 1) -> np.ndarray:
    """World ray directions (H/step, W/step, 3) float32 of every step-th pixel; `rotation` maps world to camera."""
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
        room = random_textured_room(sources, eye, rng)
        image = cv2.resize(room.render(world_rays(camera, rotation, 2), eye), size, interpolation=cv2.INTER_LINEAR)
    if rng.random() < 0.35:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.6, 3.0))
    return np.clip(image * rng.uniform(0.75, 1.2), 0, 1)


def panorama_view(panorama: np.ndarray, rays: np.ndarray, heading: float) -> np.ndarray:
    """Sample an equirectangular image, rotated by `heading`, along rays (H, W, 3), y up; float32 in 0..1."""
    height, width = panorama.shape[:2]
    azimuth = np.arctan2(rays[..., 0], -rays[..., 2]) + heading
    elevation = np.arctan2(rays[..., 1], np.hypot(rays[..., 0], rays[..., 2]))
    u = ((azimuth / (2 * np.pi)) % 1.0 * width).astype(np.float32)
    v = ((0.5 - elevation / np.pi) * height).astype(np.float32)
    return cv2.remap(panorama, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP).astype(np.float32) / 255


def photograph_crop(photograph: np.ndarray, size: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """A random part of a photograph, mirrored in half of the cases, stretched to `size` (w, h); float32 in 0..1."""
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


def random_textured_room(sources: Backgrounds, eye: np.ndarray, rng: np.random.Generator) -> TexturedRoom:
    """A room around `eye` whose faces have procedural textures or crops of photographs."""
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
            textures.append(random_texture(rng, plain=face == 3))
            scales.append(rng.uniform(60, 200))
    low, high = np.array([-half[0], 0.0, -half[1]]), np.array([half[0], height, half[1]])
    return TexturedRoom(low, high, heading, tuple(textures), np.array(scales), rng.uniform(0.5, 1.1, 6))
