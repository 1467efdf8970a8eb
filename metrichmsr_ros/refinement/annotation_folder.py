"""Refine the recordings of an annotation folder into a folder of the same layout."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from metrichmsr_ros.body.engine import BodyEngine
from metrichmsr_ros.data.formats.annotations.folder import AnnotationFolder, TableColumns
from metrichmsr_ros.data.formats.annotations.manifest import AnnotationError, InputEntry
from metrichmsr_ros.data.formats.annotations.shard_writer import ShardWriter, shard_name
from metrichmsr_ros.io.whole_files import remove_parts
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


@dataclass(frozen=True)
class RefinedSource:
    """What was done with one input.

    Attributes:
        source: its name.
        people: number of tracks that were refined.
        images: number of estimates in them.
        turned: estimates whose front and back were exchanged.
        skipped: why nothing was done; empty otherwise.
    """

    source: str
    people: int = 0
    images: int = 0
    turned: int = 0
    skipped: str = ""


def refine_folder(
    path: Path,
    out: Path,
    body: BodyEngine,
    options: FolderRefineOptions = FolderRefineOptions(),
    done: Callable[[RefinedSource], None] = lambda result: None,
) -> list[RefinedSource]:
    """Refine every recording of an annotation folder; photographs and images without poses are copied.

    Args:
        path: the folder. out: folder to write, another one.
        body: the body model of the folder's betas.
        options: floor and camera.
        done: called after each input.

    Raises:
        AnnotationError: the folder cannot be read, has another body model, or is `out` itself.
        OSError: `out` cannot be written to.
    """
    folder = AnnotationFolder(path)
    _check(folder, out, body)
    for name in ("frames", "people"):
        remove_parts(out / name)
    results, entries = [], []
    for entry in folder.manifest.inputs:
        if entry.shards:
            result, shard = _refined_source(folder, entry.source, out, body, options)
            results.append(result)
            done(result)
            entry = replace(entry, shards=(shard,))
        entries.append(entry)
    _write_manifest(folder, out, options, tuple(entries))
    return results


def _check(folder: AnnotationFolder, out: Path, body: BodyEngine) -> None:
    if out.resolve() == folder.path.resolve():
        raise AnnotationError(f"--out {out} is the annotation folder itself; name another folder")
    if body.name != folder.manifest.body_model:
        raise AnnotationError(
            f"{folder.path} has betas of the body {folder.manifest.body_model}, not {body.name}; name it with --body"
        )


def _write_manifest(
    folder: AnnotationFolder, out: Path, options: FolderRefineOptions, entries: tuple[InputEntry, ...]
) -> None:
    about = {**folder.manifest.options, "refined": vars(options)}
    replace(folder.manifest, options=about, inputs=entries).write(out)


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
