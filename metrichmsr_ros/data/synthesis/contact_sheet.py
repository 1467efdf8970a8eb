"""A contact sheet of shards: small images with the landmarks found (green) and the true ones (red)."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import cv2
import numpy as np

from metrichmsr_ros.data.formats.tar_samples import ShardError, tar_samples
from metrichmsr_ros.io.images import ImageDataError, decode_image
from metrichmsr_ros.types import AnyArray


def contact_sheet(shards: list[Path], columns: int = 6, rows: int = 5, side: int = 320) -> np.ndarray | None:
    """Up to columns x rows of the JPEGs in the shards, as one RGB image; None if the shards hold no JPEG."""
    tiles: list[np.ndarray] = []
    for shard in shards:
        pictured = (sample for sample in tar_samples(shard) if {"jpg", "npz"} <= sample.files.keys())
        for sample in islice(pictured, columns * rows - len(tiles)):
            try:
                image = decode_image(sample.read("jpg"), upright=False)
            except ImageDataError as error:
                raise ShardError(f"{shard}:{sample.key}.jpg: {error}") from None
            tiles.append(_tile(image, sample.arrays(), side))
    if not tiles:
        return None
    tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % columns)
    lines = [np.concatenate(tiles[i : i + columns], 1) for i in range(0, len(tiles), columns)]
    return np.concatenate(lines, 0)


def _tile(image: np.ndarray, arrays: dict[str, AnyArray], side: int) -> np.ndarray:
    """One image, scaled to fit into a square of `side` px."""
    scale = side / max(image.shape[:2])
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    for points in arrays["landmarks_cam"]:
        pixels = points @ arrays["intrinsics"].T
        _dots(small, scale * pixels[:, :2] / np.maximum(pixels[:, 2:], 0.05), (255, 40, 40))
    for points in arrays["pixels"]:
        _dots(small, scale * points[:33], (60, 255, 60))
    tile = np.zeros((side, side, 3), np.uint8)
    tile[: small.shape[0], : small.shape[1]] = small
    return tile


def _dots(image: np.ndarray, points: np.ndarray, colour: tuple[int, int, int]) -> None:
    for u, v in np.clip(points, -9999, 9999):
        cv2.circle(image, (round(float(u)), round(float(v))), 1, colour, -1)
