"""Convert depth of sensors and files to metres: float32, NaN where unknown (REP-118)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metrichmsr_ros.depth.sources.base import DepthError
from metrichmsr_ros.errors import naming
from metrichmsr_ros.io.images import ImageDataError, decode_as_stored, image_bytes
from metrichmsr_ros.io.npz import NpzError, read_npy
from metrichmsr_ros.types import Float32Array

_MILLIMETRES = ("16UC1", "mono16")
_SATURATED = 65535  # mm: some drivers and simulators, and this package, write it for all that is farther
_METRES = ("32FC1", "64FC1")


def metres(pixels: NDArray[Any], encoding: str) -> Float32Array:
    """Depth image (H, W) -> (H, W) float32 metres; values that were not measured become NaN.

    These are zero, negative and infinite ones, and 65535 mm, the largest number: what is farther, or was not measured.

    Args:
        pixels: uint16 millimetres or floating-point metres, according to the encoding.
        encoding: "16UC1" or "mono16" (mm), "32FC1" or "64FC1" (m).

    Raises:
        DepthError: unknown encoding, or an array whose type contradicts it.
    """
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[..., 0]
    if pixels.ndim != 2:
        raise DepthError(f"a depth image must have one channel, got shape {pixels.shape}")
    if encoding in _MILLIMETRES and pixels.dtype == np.uint16:
        depth = np.where(pixels < _SATURATED, pixels.astype(np.float32) * np.float32(1e-3), np.float32(np.nan))
    elif encoding in _METRES and pixels.dtype.kind == "f":
        depth = pixels.astype(np.float32)
    else:
        raise DepthError(
            f"depth image has encoding '{encoding}' and type {pixels.dtype}; supported are 16UC1 (uint16 millimetres) "
            "and 32FC1 (float metres)"
        )
    return np.where(np.isfinite(depth) & (depth > 0), depth, np.float32(np.nan))


def load_depth(path: str | Path) -> Float32Array:
    """Depth file -> (H, W) float32 metres: .npy in metres, or a 16-bit PNG/TIFF in millimetres, or a float TIFF.

    Raises:
        DepthError: the file does not exist, is not a depth image, or has no pixel of known depth.
    """
    file = Path(path)
    if not file.is_file():
        raise DepthError(f"depth: {file} is not a file; give a .npy in metres or a 16-bit PNG in millimetres")
    if file.suffix == ".npy":
        try:
            pixels = read_npy(file)
        except NpzError as error:
            raise DepthError(str(error)) from None
    else:
        try:
            pixels = decode_as_stored(image_bytes(file))
        except ImageDataError as error:
            raise DepthError(f"{file}: {error} (for depth: .npy, .png or .tiff)") from None
    with naming(DepthError, file):
        depth = metres(pixels, "16UC1" if pixels.dtype == np.uint16 else "32FC1")
    if not np.isfinite(depth).any():
        raise DepthError(f"depth: {file}, {'x'.join(map(str, depth.shape[::-1]))} pixels, has no pixel of known depth")
    return depth
