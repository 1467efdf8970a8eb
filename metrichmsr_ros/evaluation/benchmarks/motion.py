"""True or predicted motions of people, in one small file layout for benchmarks that any system can write.

A folder with one `NAME.npz` for each sequence, or one npz file with the additional field `sequence` (N,) str. A row is
one person in one frame; camera optical frame, metres, float32 or float64:

    frame   (N,)       int, number of the frame in its sequence
    person  (N,)       str; may be omitted if a sequence shows one person only
    joints  (N,24,3)   SMPL joints
    h36m    (N,17,3)   `J_regressor_h36m` applied to the vertices           (3DPW)
    vertices (N,V,3)   the same topology in all files                       (PVE)
    orient  (N,3,3)    root orientation, body to camera                     (ERVE)
    height  (N,)       standing height                                      (height error)
    focal   (N,)       focal length of the image in pixels                  (synfocal)
    world_from_camera (N,4,4)  pose of the camera                           (world metrics)
    valid   (N,)       bool, truth only: frames that count

Only `frame` and `joints` are always required; a benchmark may need more. Predictions without `world_from_camera` are
transformed to the world by the true camera poses, the 'ground-truth extrinsics' setting of the literature.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metrichmsr_ros.errors import errors_as
from metrichmsr_ros.evaluation.metrics.checks import MetricInputError
from metrichmsr_ros.evaluation.trajectories import read_tum
from metrichmsr_ros.io.npz import NpzError, read_npz

FIELDS: dict[str, tuple[int | None, ...]] = {
    "joints": (24, 3),
    "h36m": (17, 3),
    "vertices": (None, 3),
    "orient": (3, 3),
    "height": (),
    "focal": (),
    "world_from_camera": (4, 4),
    "valid": (),
}


@dataclass(frozen=True)
class Motion:
    """One person in one sequence, sorted by frame.

    Attributes:
        sequence, person: names. frames: (F,) int64, strictly increasing. fields: arrays (F, ...) by name.
    """

    sequence: str
    person: str
    frames: NDArray[np.int64]
    fields: Mapping[str, NDArray[Any]]

    def __contains__(self, name: str) -> bool:
        """Whether a field is given."""
        return name in self.fields

    def __getitem__(self, name: str) -> NDArray[Any]:
        """A field.

        Raises:
            MetricInputError: the field is missing.
        """
        if name not in self.fields:
            raise MetricInputError(
                f"sequence {self.sequence}, person {self.person}: the required field '{name}' is missing; "
                f"the file has {', '.join(sorted(self.fields))}"
            )
        return self.fields[name]

    def at(self, frames: NDArray[np.int64]) -> Motion:
        """The same motion on other frames; values of missing frames are NaN, and `valid` is False."""
        place = np.searchsorted(self.frames, frames)
        present = np.isin(frames, self.frames)
        fields = {}
        for name, values in self.fields.items():
            picked = values[np.minimum(place, len(self.frames) - 1)]
            if name == "valid":
                fields[name] = picked & present
                continue
            picked = picked.astype(np.float64)
            picked[~present] = np.nan
            fields[name] = picked
        return Motion(self.sequence, self.person, frames, fields)

    def select(self, keep: NDArray[np.bool_]) -> Motion:
        """The motion on the frames where the mask `keep` (F,) is True."""
        fields = {name: values[keep] for name, values in self.fields.items()}
        return Motion(self.sequence, self.person, self.frames[keep], fields)


def load_motions(path: Path) -> Iterator[Motion]:
    """Read a folder of sequences, one at a time, or a single file.

    Raises:
        MetricInputError: no files, not an npz file, a missing field, a wrong shape, or a duplicate frame.
    """
    files = sorted(path.glob("*.npz")) if path.is_dir() else [path]
    if not files:
        raise MetricInputError(f"{path} holds no .npz files")
    for file in files:
        with errors_as(MetricInputError, f"{file} does not have the layout of motions, or is damaged"):
            yield from _file_motions(file)


def with_cameras(motion: Motion, folder: Path | None) -> Motion:
    """The motion with the camera poses of `folder/SEQUENCE.tum`, whose timestamps are frame numbers.

    A motion that already has camera poses keeps them. Frames that the file lacks count as not predicted in the world.

    Raises:
        MetricInputError: the file is missing or not in TUM's format.
    """
    if folder is None or "world_from_camera" in motion:
        return motion
    file = folder / f"{motion.sequence}.tum"
    if not file.is_file():
        raise MetricInputError(f"--cameras: {file} for sequence {motion.sequence} is missing")
    path = read_tum(file)
    rows = dict(zip(np.rint(path.stamp_ns / 1e9).astype(int).tolist(), path.matrices(), strict=True))
    missing = np.full((4, 4), np.nan)
    poses = np.stack([rows.get(int(frame), missing) for frame in motion.frames])
    return replace(motion, fields={**motion.fields, "world_from_camera": poses})


def _file_motions(file: Path) -> Iterator[Motion]:
    try:
        arrays = read_npz(file)
    except NpzError as error:
        raise MetricInputError(str(error)) from None
    for name in ("frame", "joints"):
        if name not in arrays:
            raise MetricInputError(f"{file} lacks '{name}'; it has {', '.join(sorted(arrays))}")
    count = len(arrays["frame"])
    sequences = arrays.get("sequence", np.full(count, file.stem))
    people = arrays.get("person", np.full(count, "0"))
    fields = {name: _checked(file, name, arrays[name], count) for name in FIELDS if name in arrays}
    rows_of: dict[tuple[str, str], list[int]] = {}
    for row, owner in enumerate(zip(map(str, sequences), map(str, people), strict=True)):
        rows_of.setdefault(owner, []).append(row)
    for (sequence, person), unsorted in sorted(rows_of.items()):
        rows = np.array(unsorted)[np.argsort(arrays["frame"][unsorted], kind="stable")]
        frames = arrays["frame"][rows].astype(np.int64)
        duplicates = frames[1:][np.diff(frames) == 0]
        if len(duplicates):
            raise MetricInputError(f"{file}: sequence {sequence}, person {person} has frame {duplicates[0]} twice")
        yield Motion(sequence, person, frames, {field: values[rows] for field, values in fields.items()})


def _checked(file: Path, name: str, values: NDArray[Any], count: int) -> NDArray[Any]:
    tail = FIELDS[name]
    fits = len(values) == count and values.ndim == len(tail) + 1
    if not fits or any(size is not None and size != a for size, a in zip(tail, values.shape[1:], strict=True)):
        expected = ", ".join(str(s) if s is not None else "any" for s in (count, *tail))
        raise MetricInputError(f"{file}: '{name}' has shape {values.shape}, expected ({expected})")
    return values
