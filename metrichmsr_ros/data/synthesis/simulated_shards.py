"""The command that writes shards of simulated people, derived from the rendered people of other shards.

It is about a hundred times as fast as rendering.

    python -m metrichmsr_ros.data.synthesis.simulated_shards "data/open/train-*.tar" data/open 50000

writes `sim-00000.tar ...` in the form of `docs/reference/data_formats.md`, one person in each `KEY.npz`.
"""

from __future__ import annotations

import glob
import sys
from collections.abc import Sequence
from pathlib import Path
from tarfile import TarFile

import numpy as np

from metrichmsr_ros.body.load import load_body
from metrichmsr_ros.body.open_body import OpenBody
from metrichmsr_ros.data.formats.tar_samples import add_arrays, new_shard
from metrichmsr_ros.data.synthesis.landmark_rows import IMAGE_ARRAYS, Rows, read_rows
from metrichmsr_ros.data.synthesis.landmark_simulator import NEEDED, LandmarkSimulator
from metrichmsr_ros.io.whole_files import remove_parts


def simulate(shards: Sequence[Path], out: Path, count: int, seed: int = 0, per_shard: int = 5000) -> int:
    """Write about `count` simulated people derived from those of `shards`; people behind the camera are left out.

    Returns:
        Number of people written.

    Raises:
        ValueError: the shards cannot be read, hold no people, or lack an array of `NEEDED`.
    """
    body = load_body("open_light")
    if not isinstance(body, OpenBody):
        raise TypeError("simulation needs the open body")
    simulator = LandmarkSimulator(read_rows(shards)[0], body)
    out.mkdir(parents=True, exist_ok=True)
    remove_parts(out)
    written = 0
    for number, first in enumerate(range(0, count, per_shard)):
        path = out / f"sim-{number:05d}.tar"
        if path.exists():
            continue
        rng = np.random.default_rng([seed, number])
        wanted = min(per_shard, count - first)
        rows = [simulator.draw(min(500, wanted - done), rng) for done in range(0, wanted, 500)]
        with new_shard(path) as tar:
            written += sum(_add_people(tar, part, f"sim{seed:04d}-{number:05d}-{i:03d}") for i, part in enumerate(rows))
    return written


def _add_people(tar: TarFile, rows: Rows, prefix: str) -> int:
    count = len(rows["pose"])
    for person in range(count):
        arrays = {
            name: rows[name][person] if name in IMAGE_ARRAYS else rows[name][person : person + 1].astype(np.float32)
            for name in NEEDED
        }
        add_arrays(tar, f"{prefix}-{person:03d}.npz", arrays)
    return count


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(f"use: python -m {__spec__.name if __spec__ else __name__} 'SHARDS*.tar' OUT COUNT")
    found = [Path(path) for path in sorted(glob.glob(sys.argv[1]))]
    people = simulate(found, Path(sys.argv[2]), int(sys.argv[3]))
    print(f"{people} people simulated from those of {len(found)} shards, in {sys.argv[2]}")
