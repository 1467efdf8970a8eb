"""The landmark sets of shards with their ground truth, as arrays with one row per landmark set.

A shard holds one `KEY.npz` per image, whose arrays are stacked over the image's landmark sets from BlazePose
(docs/reference/data_formats.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from metrichmsr_ros.data.formats.tar_samples import ShardError, tar_samples

Rows = dict[str, np.ndarray]
"""Arrays (N, ...) by name, one row per landmark set."""

PERSON_ARRAYS = {
    "crop_landmarks": (39, 3),
    "visibility": (39,),
    "presence": (39,),
    "world": (39, 3),
    "crop_matrix": (3, 3),
    "pixels": (39, 2),
    "pose": (72,),
    "betas": (10,),
    "transl": (3,),
    "joints_cam": (24, 3),
}
OPTIONAL_ARRAYS = ("landmarks_cam", "visible_fraction")  # left out unless every shard has them
_IMAGE_SHAPES = {"intrinsics": (3, 3), "image_size": (2,)}
IMAGE_ARRAYS = ("intrinsics", "image_size")  # one per image in the shards, repeated for each row here


def read_rows(shards: Sequence[Path]) -> tuple[Rows, tuple[str, ...]]:
    """All rows of the shards, and their names, "<shard>/<key>#<number in the image>".

    Returns:
        `PERSON_ARRAYS`, the `OPTIONAL_ARRAYS` that all shards have, and heavy (N,), as float64; and `IMAGE_ARRAYS`.

    Raises:
        ShardError: a shard is missing or not a tar file, lacks an array, or the shards hold no people.
    """
    parts: dict[str, list[np.ndarray]] = {}
    names: list[str] = []
    for shard in shards:
        for key, sample in ((sample.key, sample.arrays()) for sample in tar_samples(shard) if "npz" in sample.files):
            _check(sample, f"{shard}:{key}.npz")
            people = len(sample["pose"])
            sample.setdefault("heavy", np.zeros(people))  # older shards lack the field: all by the lighter network
            for name in sample.keys() & {*PERSON_ARRAYS, *OPTIONAL_ARRAYS, "heavy"}:
                parts.setdefault(name, []).append(np.asarray(sample[name], np.float64))
            for name in IMAGE_ARRAYS:
                parts.setdefault(name, []).append(np.broadcast_to(sample[name], (people, *sample[name].shape)))
            names += [f"{shard.name}/{key}#{person}" for person in range(people)]
    if not names:
        raise ShardError(f"the shards {[str(shard) for shard in shards]} hold no people; render some first")
    rows = {name: np.concatenate(arrays) for name, arrays in parts.items()}
    return {name: array for name, array in rows.items() if len(array) == len(names)}, tuple(names)


def _check(sample: Rows, where: str) -> None:
    missing = {*IMAGE_ARRAYS, *PERSON_ARRAYS} - sample.keys()
    if missing:
        raise ShardError(f"{where}: lacks {sorted(missing)}")
    people = len(np.atleast_1d(sample["pose"]))
    expected = {name: (people, *shape) for name, shape in PERSON_ARRAYS.items()} | _IMAGE_SHAPES
    for name, shape in expected.items():
        if sample[name].shape != shape:
            raise ShardError(f"{where}: {name} is {sample[name].shape}, expected {shape}")
    for name in sample.keys() & {*expected, *OPTIONAL_ARRAYS, "heavy"}:
        if sample[name].dtype.kind not in "biuf":
            raise ShardError(f"{where}: {name} has values of type {sample[name].dtype}, expected numbers")
    for name in sample.keys() & {*OPTIONAL_ARRAYS, "heavy"}:
        if len(np.atleast_1d(sample[name])) != people:
            raise ShardError(f"{where}: {name} has {len(np.atleast_1d(sample[name]))} rows, expected {people}")
