"""Refine the recordings of an annotation folder into a folder of the same layout."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from metrichmsr_ros.body.engine import BodyEngine
from metrichmsr_ros.data.formats.annotations.folder import AnnotationFolder, TableColumns
from metrichmsr_ros.data.formats.annotations.manifest import (
    AnnotationError,
    InputEntry,
    Manifest,
    is_annotation_folder,
)
from metrichmsr_ros.data.formats.annotations.own_files import remove_tables
from metrichmsr_ros.data.formats.annotations.shard_writer import ShardWriter, shard_name
from metrichmsr_ros.io.texts import check_utf8
from metrichmsr_ros.io.whole_files import PART, remove_parts
from metrichmsr_ros.refinement.annotation_rows import changed_rows, frame_rows, recorded_track
from metrichmsr_ros.refinement.refine import RefineConfig, refine
from metrichmsr_ros.types import Float64Array

# Optical axes of a level camera that does not move, to a world whose z points up.
LEVEL = np.array([[0.0, 0.0, 1.0, 0.0], [-1.0, 0.0, 0.0, 0.0], [0.0, -1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0]])
LEAST_IMAGES = 2  # of a recording; photographs have nothing before and after


@dataclass(frozen=True)
class FolderRefineOptions:
    """How a folder is refined.

    Attributes:
        floor_z: height of the floor in the frame of the camera's poses, m; None: not known.
        static_camera: whether a camera without poses stands still, level; its people's feet are held then.
    """

    floor_z: float | None = None
    static_camera: bool = False

    def __post_init__(self) -> None:
        """Raises AnnotationError for a height of the floor that is not finite."""
        if self.floor_z is not None and not math.isfinite(self.floor_z):
            raise AnnotationError(f"--floor-z {self.floor_z}: give the height of the floor in metres, a finite number")


@dataclass(frozen=True)
class RefinedSource:
    """What was done with one input.

    Attributes:
        source: its name.
        people: number of tracks that were refined.
        images: number of estimates in them.
        turned: estimates whose front and back were exchanged.
        skipped: why nothing was done; empty otherwise.
        unused: which option was not used, and why; empty otherwise.
    """

    source: str
    people: int = 0
    images: int = 0
    turned: int = 0
    skipped: str = ""
    unused: str = ""


def refine_folder(
    path: Path,
    out: Path,
    body: BodyEngine,
    options: FolderRefineOptions = FolderRefineOptions(),
    done: Callable[[RefinedSource], None] = lambda result: None,
) -> list[RefinedSource]:
    """Refine every recording of an annotation folder; photographs and images without poses are copied.

    Args:
        path: the folder. out: folder to write: a new one, or one with refined recordings of the same folder.
        body: the body model of the folder's betas.
        options: floor and camera.
        done: called after each input.

    Raises:
        AnnotationError: the folder cannot be read, has another body model, or is `out` itself; `out` has other files.
        OSError: `out` cannot be written to.
    """
    folder = AnnotationFolder(path)
    check_out(path, out)
    _check_body(folder, body)
    for name in ("frames", "people"):
        remove_parts(out / name)
    about = _About(folder, out, options)
    stale = {shard for entry in about.earlier for shard in entry.shards}
    about.write([replace(entry, shards=(), state="waiting") if entry.shards else entry for entry in about.inputs], [])
    results, entries = [], []
    for entry in about.inputs:
        if entry.shards:
            result, shard = _refined_source(folder, entry.source, out, body, options)
            results.append(result)
            done(result)
            entry = replace(entry, shards=(shard,))
        entries.append(entry)
    for shard in stale.difference(*(entry.shards for entry in entries)):
        remove_tables(out, shard)
    about.write(entries, [result.source for result in results if result.unused])
    return results


def check_out(path: Path, out: Path) -> None:
    """Refuse a folder in which refined recordings of `path` would replace files of another origin.

    Raises:
        AnnotationError: `out` is `path` itself, or has files and a manifest that is not of refined recordings of it.
    """
    check_utf8(AnnotationError, f"--out {out}", "name another folder")
    if out.resolve() == path.resolve():
        raise AnnotationError(f"--out {out} is the annotation folder itself; name another folder")
    found = next((file for file in out.rglob("*") if file.is_file() and file.suffix != PART), None)
    if found is None:
        return
    refined = Manifest.read(out).options.get("refined") if is_annotation_folder(out) else None
    if not isinstance(refined, dict) or refined.get("folder") != str(path.resolve()):
        raise AnnotationError(
            f"--out {out} has files that are not refined recordings of {path}, such as {found}; name a new folder"
        )


@dataclass(frozen=True)
class _About:
    """Writes the manifest of a refined folder, before the first of its shards and after the last."""

    folder: AnnotationFolder
    out: Path
    options: FolderRefineOptions

    @property
    def inputs(self) -> tuple[InputEntry, ...]:
        return self.folder.manifest.inputs

    @property
    def earlier(self) -> tuple[InputEntry, ...]:
        return Manifest.read(self.out).inputs if is_annotation_folder(self.out) else ()

    def write(self, entries: Sequence[InputEntry], without_floor: Sequence[str]) -> None:
        refined = {**vars(self.options), "folder": str(self.folder.path.resolve()), "floor_z_unused": without_floor}
        options = {**self.folder.manifest.options, "refined": refined}
        self.out.mkdir(parents=True, exist_ok=True)
        replace(self.folder.manifest, options=options, inputs=tuple(entries)).write(self.out)


def _check_body(folder: AnnotationFolder, body: BodyEngine) -> None:
    if body.name != folder.manifest.body_model:
        raise AnnotationError(
            f"{folder.path} has betas of the body {folder.manifest.body_model}, not {body.name}; name it with --body"
        )


def _refined_source(
    folder: AnnotationFolder, source: str, out: Path, body: BodyEngine, options: FolderRefineOptions
) -> tuple[RefinedSource, str]:
    frames, tracks = folder.frames(source), folder.tracks(source)
    poses = _poses(frames)
    skipped = _reason_to_skip(frames)
    found = {} if skipped else {id: recorded_track(rows, frames, poses) for id, rows in tracks.items()}
    recorded = {id: track for id, track in found.items() if track is not None}
    has_poses = not np.isnan(frames["T_world_cam"]).all()
    config = RefineConfig(
        floor_z=options.floor_z if has_poses else None,
        shares_floor=has_poses,
        locks_feet=has_poses or options.static_camera,
        knows_vertical=has_poses,
    )
    refined = refine(recorded, body, config)
    result = RefinedSource(
        source,
        len(refined),
        sum(len(track.rotmats) for track in refined.values()),
        sum(int(track.turned.sum()) for track in refined.values()),
        skipped,
        "" if skipped or has_poses or options.floor_z is None else "--floor-z is not used: no poses of the camera",
    )
    changed = {id: changed_rows(tracks[id], frames, poses, recorded[id], refined[id]) for id in refined}
    shard, manifest = shard_name(source), folder.manifest
    with ShardWriter(out, shard, source, body.name, manifest.package_version, {"refined": "1"}) as writer:
        for frame in frame_rows(frames, tracks, changed):
            writer.write(frame)
    return result, shard


def _poses(frames: TableColumns) -> Float64Array:
    """(F, 4, 4) of the camera; NaN where they are not known."""
    poses = frames["T_world_cam"].astype(np.float64)
    if np.isnan(poses).all():  # then people are smoothed in the camera's frame
        return np.tile(LEVEL, (len(poses), 1, 1))
    return poses


def _reason_to_skip(frames: TableColumns) -> str:
    stamps = frames["stamp_ns"]
    if len(stamps) < LEAST_IMAGES:
        return "a single image has nothing before and after it"
    if (np.diff(stamps) <= 0).any():
        return "its stamps do not increase"
    return ""
