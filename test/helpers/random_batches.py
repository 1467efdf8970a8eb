"""Crops of nobody: random landmarks in random crops of cameras with random focal lengths."""

from __future__ import annotations

import numpy as np
import torch

from metrichmsr_ros.geometry.crop import crop_matrix
from metrichmsr_ros.hmr.network.batch import CropBatch


def intrinsics(focal: float, width: int = 640, height: int = 480) -> np.ndarray:
    """(3, 3) of a camera that looks through the middle of its image; lengths in px."""
    return np.array([[focal, 0, (width - 1) / 2], [0, focal, (height - 1) / 2], [0, 0, 1.0]])


def random_batch(count: int = 3, seed: int = 0) -> CropBatch:
    """`count` people in crops of 256 px out of images of 640 x 480 px."""
    rng = np.random.default_rng(seed)
    K = np.stack([intrinsics(f) for f in rng.uniform(300, 900, count)])
    crops = [crop_matrix(rng.uniform(100, 380, 2), rng.uniform(60, 400), 256, rng.normal(0, 0.5)) for _ in range(count)]
    arrays = {
        "landmarks": rng.uniform(0, 255, (count, 39, 3)),
        "visibility": rng.uniform(0, 1, (count, 39)),
        "presence": rng.uniform(0, 1, (count, 39)),
        "world": rng.normal(0, 0.4, (count, 39, 3)),
        "crop_intrinsics": np.stack(crops) @ K,
        "intrinsics": K,
        "image_size": np.tile([640, 480], (count, 1)),
        "bbox": np.tile([100, 100, 300, 400], (count, 1)),
    }
    return CropBatch(**{k: torch.tensor(v, dtype=torch.float32) for k, v in arrays.items()}, crop_size=(256, 256))
