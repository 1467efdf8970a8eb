"""Shards of landmarks in the layout that training reads, filled with random numbers."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from helpers.layouts.files import add_to_tar
from metrichmsr_ros.data.synthesis.landmark_rows import PERSON_ARRAYS


def write_landmark_shard(path: Path, people_per_image: Sequence[int], drop: Collection[str] = (), **more: Any) -> None:
    """One sample for each image, without the arrays in `drop` and with those in `more`."""
    rng = np.random.default_rng(0)
    shapes = {name: shape for name, shape in PERSON_ARRAYS.items() if name not in drop}
    with tarfile.open(path, "w") as shard:
        for key, count in enumerate(people_per_image):
            arrays = {name: rng.normal(size=(count, *shape)) for name, shape in shapes.items()} | more
            content = io.BytesIO()
            np.savez(content, intrinsics=np.eye(3), image_size=np.array([640, 480]), **arrays)
            add_to_tar(shard, f"{key:04d}.npz", content.getvalue())
