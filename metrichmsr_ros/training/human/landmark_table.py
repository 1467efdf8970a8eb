"""People with truth, in memory: all landmark samples of a set of shards as one table of tensors.

A person is about 1.5 kB without pixels, so a hundred thousand people fit in memory. Shards are tar files with one
`KEY.npz` per image, whose arrays are stacked over the people that BlazePose found in it.
"""

from __future__ import annotations

import glob
import hashlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from metrichmsr_ros.body.base import BodyModel
from metrichmsr_ros.body.open_body import OpenBody
from metrichmsr_ros.data.formats.tar_samples import ShardError
from metrichmsr_ros.data.synthesis.landmark_rows import Rows, read_rows
from metrichmsr_ros.data.synthesis.landmark_simulator import NEEDED, LandmarkSimulator
from metrichmsr_ros.errors import cause
from metrichmsr_ros.hmr.network.batch import CropBatch
from metrichmsr_ros.hmr.network.losses import Truth
from metrichmsr_ros.io.npz import NpzError, read_npz
from metrichmsr_ros.io.whole_files import remove_parts, whole_file

CROP_SIZE = (256, 256)
SIMULATED = "simulated#"  # begins the names of simulated people


@dataclass(frozen=True)
class PeopleTable:
    """N people: `inputs` and `truth` share the first dimension; `keys` names each person as shard/key#person."""

    inputs: CropBatch
    truth: Truth
    keys: tuple[str, ...]

    def __len__(self) -> int:
        """Number of people."""
        return len(self.keys)

    def select(self, index: torch.Tensor) -> tuple[CropBatch, Truth]:
        """The people of the rows `index`."""
        return self.inputs.select(index), self.truth.select(index)

    def batches(self, size: int) -> Iterator[tuple[CropBatch, Truth]]:
        """Everybody in order, `size` at a time."""
        for index in torch.arange(len(self)).split(size):
            yield self.select(index)


def joined(tables: Sequence[PeopleTable]) -> PeopleTable:
    """The people of all tables; true landmarks (`landmarks_cam`) are left out unless every table has them."""
    inputs, *others = [table.inputs for table in tables]
    for batch in others:
        inputs = inputs.joined(batch)
    truths = [_with_importance(table.truth) for table in tables]
    names = set.intersection(*(set(truth.keys()) for truth in truths))
    labels = {name: torch.cat([truth[name] for truth in truths]) for name in names}
    return PeopleTable(inputs, Truth(**labels), tuple(key for table in tables for key in table.keys))


def _with_importance(truth: Truth) -> dict[str, torch.Tensor]:
    return {"weight": torch.ones(len(truth)), "position_sigma": torch.zeros(len(truth)), **truth.tensors()}


def load_people(patterns: Sequence[str], cache: Path | None = None) -> PeopleTable:
    """The people of `load_rows` as a table."""
    rows, keys = load_rows(patterns, cache)
    return table_of(rows, keys)


def shards_of(patterns: Sequence[str]) -> list[str]:
    """Paths of the shards that match glob patterns, each once."""
    return sorted(
        {os.path.realpath(path) for pattern in patterns for path in glob.glob(str(Path(pattern).expanduser()))}
    )


def load_rows(patterns: Sequence[str], cache: Path | None = None) -> tuple[Rows, tuple[str, ...]]:
    """Arrays (N, ...) and names of all people in the shards that match the glob `patterns`.

    With a folder `cache` the arrays are stored there as one file, which is read instead until a shard changes.
    Raises ShardError, which names the file and the remedy.
    """
    paths = [Path(path) for path in shards_of(patterns)]
    if not paths:
        raise ShardError(f"no shards match {list(patterns)}; run `metrichmsr synthesize` or correct the pattern")
    if cache is None:
        return read_rows(paths)
    states = [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in paths]
    return cached_rows(cache, repr(states), lambda: read_rows(paths))


def cached_rows(
    cache: Path, state: str, make: Callable[[], tuple[Rows, tuple[str, ...]]]
) -> tuple[Rows, tuple[str, ...]]:
    """What `make` returns, stored in the folder `cache` and read from there while `state` is the same."""
    file = cache / f"looks-{hashlib.sha256(state.encode()).hexdigest()[:16]}.npz"
    remove_parts(cache)
    if (found := _cached(file)) is not None:
        return found
    rows, keys = make()
    cache.mkdir(parents=True, exist_ok=True)
    with whole_file(file) as part, part.open("wb") as stream:
        np.savez(stream, **dict(sorted(rows.items())), keys=np.array(keys))  # type: ignore[arg-type]
    return rows, keys


def _cached(file: Path) -> tuple[Rows, tuple[str, ...]] | None:
    """The content of a cache; None if there is none, or if it cannot be read."""
    if not file.is_file():
        return None
    try:
        rows = read_npz(file)
        return rows, tuple(rows.pop("keys").tolist())
    except (NpzError, KeyError) as error:
        print(f"{file} cannot be read and is made again ({cause(error)})", file=sys.stderr)
        return None


def with_simulated(
    rows: Rows, keys: tuple[str, ...], count: int, seed: int, body: BodyModel
) -> tuple[Rows, tuple[str, ...]]:
    """The people of `rows` and `count` simulated ones: like them, with other shapes, poses, distances and cameras.

    Their landmarks have BlazePose's errors (`data.synthesis.landmark_simulator`). Needs landmarks_cam in `rows`.
    Raises ShardError if that is missing, or if `body` is not an open body.
    """
    if not isinstance(body, OpenBody):
        raise ShardError("simulated people need the open body; set simulated: 0 for another body")
    try:
        simulator = LandmarkSimulator(rows, body)
    except ValueError as error:
        raise ShardError(str(error)) from None
    rng = np.random.default_rng(seed)
    parts = [{name: rows[name].astype(np.float32) for name in NEEDED}]
    for start in range(0, count, 2000):
        drawn = simulator.draw(min(2000, count - start), rng)
        parts.append({name: drawn[name].astype(np.float32) for name in NEEDED})
    joined = {name: np.concatenate([part[name] for part in parts]) for name in NEEDED}
    extra = len(joined["pose"]) - len(keys)
    return joined, keys + tuple(f"{SIMULATED}{number}" for number in range(extra))


def table_of(rows: Rows, keys: tuple[str, ...]) -> PeopleTable:
    """The arrays of `read_rows` as a table."""
    body_pixels = rows["pixels"][:, :33]
    homogeneous = rows["joints_cam"] @ np.swapaxes(rows["intrinsics"], -1, -2)
    joints_2d = np.concatenate(
        [homogeneous[..., :2] / np.maximum(homogeneous[..., 2:], 0.1), homogeneous[..., 2:] > 0.1], axis=-1
    )
    inputs = {
        "landmarks": rows["crop_landmarks"],
        "visibility": rows["visibility"],
        "presence": rows["presence"],
        "world": rows["world"],
        "crop_intrinsics": rows["crop_matrix"] @ rows["intrinsics"],
        "intrinsics": rows["intrinsics"],
        "image_size": rows["image_size"],
        "bbox": np.concatenate([body_pixels.min(1), body_pixels.max(1)], axis=-1),
    }
    labels = {name: rows[name] for name in ("pose", "betas", "transl", "joints_cam")} | {"joints_2d": joints_2d}
    has = {f"has_{name}": torch.ones(len(keys), dtype=torch.bool) for name in labels}
    labels |= {name: rows[name] for name in ("landmarks_cam", "weight", "position_sigma") if name in rows}
    return PeopleTable(
        CropBatch(
            **{k: torch.from_numpy(v.astype(np.float32)) for k, v in inputs.items()},
            crop_size=CROP_SIZE,
            heavy=torch.from_numpy(rows["heavy"].astype(bool)),
        ),
        Truth(**{k: torch.from_numpy(v.astype(np.float32)) for k, v in labels.items()}, **has),
        keys,
    )
