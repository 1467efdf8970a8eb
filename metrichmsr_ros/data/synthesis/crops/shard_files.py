"""The arrays of a shard of crops, and how they are written and read (safetensors)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import save

from metrichmsr_ros.data.mocap.pose_sampler import KINDS
from metrichmsr_ros.data.synthesis.crops.look import CropLook
from metrichmsr_ros.errors import MetricHMRError, errors_as
from metrichmsr_ros.io.whole_files import write_whole
from metrichmsr_ros.people.blazepose.landmarks import LandmarkSet

VERSION = 2
CropArrays = dict[str, NDArray[Any]]


class CropShardError(MetricHMRError, ValueError):
    """A file is not a shard of crops, or is one of another version."""


def crop_arrays(look: CropLook, person: int, maps: bool = True, heavy: LandmarkSet | None = None) -> CropArrays:
    """The arrays of one look; docs/reference/data_formats.md lists them.

    Args:
        look: at a person.
        person: number of the person.
        maps: also the trunk's maps.
        heavy: the heavier network's answer to the same crop, if it was asked.
    """
    rendered, found, matrix = look.rendered, look.landmarks, look.region.matrix()
    k = rendered.camera.intrinsics
    arrays: CropArrays = {
        "person": np.asarray(person, np.int32),
        **answer_arrays(found),
        "crop_matrix": matrix.astype(np.float32),
        "intrinsics": k.astype(np.float32),
        "crop_intrinsics": (matrix @ k).astype(np.float32),
        "image_size": np.array([rendered.camera.width, rendered.camera.height], np.int32),
        "rotations": rendered.rotations.astype(np.float16),
        "betas": rendered.betas.astype(np.float32),
        "transl": rendered.joints[0].astype(np.float32),
        "joints": rendered.joints.astype(np.float32),
        "stature": np.asarray(rendered.stature, np.float32),
        "up": rendered.up.astype(np.float32),
        "framing": np.asarray(rendered.framing, np.uint8),
        "kind": np.asarray(KINDS.index(rendered.kind), np.uint8),
        "facing": np.asarray(rendered.facing, np.float32),
        "share": np.asarray(rendered.share, np.float32),
        "joints_seen": rendered.seen.astype(np.uint8),
        "others": np.asarray(rendered.others, np.uint8),
        "table": np.asarray(rendered.table, np.uint8),
        "video": np.asarray(rendered.video, np.uint8),
        "mirrored": np.asarray(look.mirrored, np.uint8),
        "way": np.asarray(look.way, np.uint8),
        "off": np.asarray(look.off, np.float32),
    }
    if maps and found.maps is not None:
        arrays |= {"s16": found.maps.s16.astype(np.float16), "t8": found.maps.t8.astype(np.float16)}
    if heavy is not None:
        arrays |= {f"heavy_{name}": values for name, values in answer_arrays(heavy).items()}
    return arrays


def answer_arrays(found: LandmarkSet) -> CropArrays:
    """What a landmark network said."""
    return {
        "landmarks": found.crop_landmarks.astype(np.float32),
        "visibility": found.visibility.astype(np.float32),
        "presence": found.presence.astype(np.float32),
        "peaks": found.peaks.astype(np.float32),
        "world": found.world.astype(np.float32),
        "score": np.asarray(found.score, np.float32),
    }


def write_crops(path: Path, crops: Sequence[CropArrays], about: dict[str, Any]) -> None:
    """Write a shard; each array of the file has the crops as its first dimension. `about` is kept as JSON."""
    stacked = {name: np.stack([crop[name] for crop in crops]) for name in crops[0]}
    notes = {"about": json.dumps({"version": VERSION, "crops": len(crops), **about})}
    write_whole(path, save(stacked, notes))  # `save_file` would make a file that only its owner can read


def read_crops(path: Path, names: Sequence[str] | None = None) -> CropArrays:
    """The arrays of a shard, or those of `names`.

    Raises:
        CropShardError: the file is not a shard of crops, is one of another version, or lacks a name.
    """
    about_crops(path)
    with safe_open(path, "numpy") as file:
        missing = set(names or ()) - set(file.keys())
        if missing:
            raise CropShardError(f"{path}: has no {', '.join(sorted(missing))}; it has {', '.join(file.keys())}")
        return {name: file.get_tensor(name) for name in names or file.keys()}


def about_crops(path: Path) -> dict[str, Any]:
    """How a shard was made: seed, number, people drawn, crops kept, and so on.

    Raises:
        CropShardError: the file is not a shard of crops, or is one of another version.
    """
    with (
        errors_as(CropShardError, f"{path}: not a shard of crops, or damaged; make it again"),
        safe_open(path, "numpy") as file,
    ):
        about: dict[str, Any] = dict(json.loads((file.metadata() or {})["about"]))
    if about.get("version") != VERSION:
        raise CropShardError(
            f"{path}: crops of version {about.get('version')}, not {VERSION}; make them again with "
            "`metrichmsr synthesize-crops`"
        )
    return about


def crop_shards(folder: Path, held_out: bool = False) -> list[Path]:
    """The finished shards of a folder, sorted; `held_out`: those for validation.

    Raises:
        CropShardError: there are none.
    """
    paths = sorted(Path(folder).glob(f"{'val' if held_out else 'train'}-*.safetensors"))
    if not paths:
        raise CropShardError(
            f"{folder}: no {'val' if held_out else 'train'}-*.safetensors; run `metrichmsr synthesize-crops`, or for "
            "acts `metrichmsr synthesize-acts`"
        )
    return paths


def batches(
    paths: Sequence[Path],
    size: int,
    rng: np.random.Generator,
    names: Sequence[str] | None = None,
    mixed: int = 4,
) -> Iterator[CropArrays]:
    """One pass over shards in random order, as batches of `size` looks of one shape.

    The looks that do not fill the last batch of a group are left out of this pass.

    Args:
        paths: the shards. size: looks in a batch.
        rng: random generator of the order.
        names: arrays to read; None reads all.
        mixed: shards in memory at a time, whose looks are shuffled together; about 100 MB each.
    """
    order = rng.permutation(len(paths))
    for start in range(0, len(paths), mixed):
        group = [read_crops(paths[number], names) for number in order[start : start + mixed]]
        ends = np.cumsum([len(next(iter(shard.values()))) for shard in group])
        rows = rng.permutation(ends[-1])
        for first in range(0, len(rows) - size + 1, size):
            yield _gathered(group, ends, rows[first : first + size])


def _gathered(group: Sequence[CropArrays], ends: NDArray[np.int64], rows: NDArray[np.int64]) -> CropArrays:
    """The looks `rows` of all shards one after the other, whose last looks are before `ends`."""
    shard = np.searchsorted(ends, rows, side="right")
    place = rows - np.concatenate([[0], ends])[shard]
    return {name: np.stack([group[s][name][p] for s, p in zip(shard, place, strict=True)]) for name in group[0]}
