"""Shards of simulated people, drawn around the rendered people of other shards: about a hundred times as quick.

    python -m metrichmsr_ros.data.synthesis.simulated_shards "data/open/train-*.tar" data/open 50000

writes `sim-00000.tar ...` in the form of `docs/reference/data_formats.md`, one person in each `KEY.npz`.
"""

from __future__ import annotations

import glob
import io
import sys
import tarfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from metrichmsr_ros.body.load import load_body
from metrichmsr_ros.body.open_body import OpenBody
from metrichmsr_ros.data.synthesis.landmark_noise import NEEDED, LandmarkNoise, Rows

_PER_IMAGE = ("intrinsics", "image_size")


def read_rows(shards: Sequence[Path]) -> Rows:
    """The `NEEDED` arrays of all people in the shards, stacked (N, ...).

    Raises:
        ValueError: the shards hold nobody, or lack an array.
    """
    parts: dict[str, list[np.ndarray]] = {name: [] for name in NEEDED}
    for shard in shards:
        with tarfile.open(shard) as tar:
            for member in tar:
                content = tar.extractfile(member) if member.name.endswith(".npz") else None
                if content is None:
                    continue
                with np.load(io.BytesIO(content.read())) as arrays:
                    sample = dict(arrays)
                people = len(sample.get("pose", ()))
                sample.setdefault("heavy", np.zeros(people))  # shards from before there were such looks
                lacking = [name for name in NEEDED if name not in sample]
                if lacking:
                    raise ValueError(f"{shard}:{member.name} lacks {', '.join(lacking)}")
                for name in NEEDED:
                    array = sample[name]
                    if name in _PER_IMAGE:
                        array = np.broadcast_to(array, (people, *array.shape))
                    parts[name].append(array)
    if not sum(len(p) for p in parts["pose"]):
        raise ValueError(f"{len(shards)} shards hold nobody; render some first")
    return {name: np.concatenate(arrays) for name, arrays in parts.items()}


def simulate(shards: Sequence[Path], out: Path, count: int, seed: int = 0, per_shard: int = 5000) -> int:
    """Write `count` simulated people (a few less: those behind the camera are left out) drawn around those of `shards`.

    Returns:
        Number of people written.
    """
    body = load_body("open_light")
    if not isinstance(body, OpenBody):
        raise TypeError("simulation needs the open body")
    simulator = LandmarkNoise(read_rows(shards), body)
    out.mkdir(parents=True, exist_ok=True)
    written = 0
    for number, first in enumerate(range(0, count, per_shard)):
        path = out / f"sim-{number:05d}.tar"
        if path.exists():
            continue
        rng = np.random.default_rng([seed, number])
        wanted = min(per_shard, count - first)
        rows = [simulator.draw(min(500, wanted - done), rng) for done in range(0, wanted, 500)]
        partial = path.with_suffix(".part")
        with tarfile.open(partial, "w") as tar:
            written += sum(_add_people(tar, part, f"sim{seed:04d}-{number:05d}-{i:03d}") for i, part in enumerate(rows))
        partial.rename(path)
    return written


def _add_people(tar: tarfile.TarFile, rows: Rows, prefix: str) -> int:
    count = len(rows["pose"])
    for person in range(count):
        buffer = io.BytesIO()
        arrays = {
            name: rows[name][person] if name in _PER_IMAGE else rows[name][person : person + 1].astype(np.float32)
            for name in NEEDED
        }
        np.savez(buffer, **arrays)  # type: ignore[arg-type]
        info = tarfile.TarInfo(f"{prefix}-{person:03d}.npz")
        info.size = buffer.tell()
        buffer.seek(0)
        tar.addfile(info, buffer)
    return count


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(f"use: python -m {__spec__.name if __spec__ else __name__} 'SHARDS*.tar' OUT COUNT")
    found = [Path(path) for path in sorted(glob.glob(sys.argv[1]))]
    people = simulate(found, Path(sys.argv[2]), int(sys.argv[3]))
    print(f"{people} people simulated around those of {len(found)} shards; {sys.argv[2]}")
