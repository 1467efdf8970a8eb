"""A contact sheet of shards: small pictures with the landmarks found (green) and the true ones (red)."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import cv2
import numpy as np


def contact_sheet(shards: list[Path], columns: int = 6, rows: int = 5, side: int = 320) -> np.ndarray | None:
    """Up to columns x rows pictures of the shards that hold JPEGs, as one RGB picture; None when there are none."""
    tiles: list[np.ndarray] = []
    for shard in shards:
        with tarfile.open(shard) as tar:
            names = [n for n in tar.getnames() if n.endswith(".jpg")]
            for name in names[: columns * rows - len(tiles)]:
                code = np.frombuffer(_read(tar, name), np.uint8)
                image = cv2.imdecode(code, cv2.IMREAD_COLOR)
                if image is None:
                    raise ValueError(f"{shard}: {name} is no picture")
                image = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
                with np.load(io.BytesIO(_read(tar, name[:-3] + "npz"))) as arrays:
                    tiles.append(_tile(image, arrays, side))
        if len(tiles) >= columns * rows:
            break
    if not tiles:
        return None
    tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % columns)
    lines = [np.concatenate(tiles[i : i + columns], 1) for i in range(0, len(tiles), columns)]
    return np.concatenate(lines, 0)


def _read(tar: tarfile.TarFile, name: str) -> bytes:
    member = tar.extractfile(name)
    if member is None:
        raise ValueError(f"{tar.name!r}: {name} is no file")
    return member.read()


def _tile(image: np.ndarray, arrays: np.lib.npyio.NpzFile, side: int) -> np.ndarray:
    """One picture fitted into a square of `side` px."""
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
