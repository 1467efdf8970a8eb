"""A small network over landmarks and pixels, and how far two float32 runs of it may differ."""

from __future__ import annotations

from helpers.simulated_people import SMALL_MOE
from metrichmsr_ros.hmr.config import PixelPositionConfig

CONFIG = {
    "image_encoder": {"kind": "blazepose_pixels", "reads_heavy": True},
    "moe": SMALL_MOE,
    "head": {"hidden": 64},
    "pixel_position": {"width": 32, "layers": 1},
}

CORRELATION = PixelPositionConfig().correlation

ROUNDING = {"rtol": 1e-4, "atol": 1e-5}
"""float32 sums differ by their order, which threads and batch sizes choose."""
