"""Recordings from `estimates.npz`: of a replay, whose folder also has body and camera poses, or any other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from metrichmsr_ros.conversion.recording import ConvertError, Frames, PersonTrack, SourceRecording
from metrichmsr_ros.evaluation.trajectories import read_tum
from metrichmsr_ros.io.texts import read_json
from metrichmsr_ros.replay.records import FrameRecord, PersonRecord, load_records
from metrichmsr_ros.types import Float64Array

ESTIMATES, _METRICS, _CAMERA = "estimates.npz", "metrics.json", "trajectories/camera_world.tum"


def read_replay(path: Path) -> SourceRecording:
    """The recording of `estimates.npz` or of the folder that holds it.

    Raises:
        MetricInputError: a file of it cannot be read.
        ConvertError: metrics.json is damaged.
    """
    file = path / ESTIMATES if path.is_dir() else path
    folder = file.parent
    records = load_records(file)
    about = _about(folder / _METRICS)
    source = Path(str(about.get("bag", ""))).name or folder.resolve().name
    body = str((about.get("options") or {}).get("body", "")).partition(":")[0]
    return SourceRecording(source, body, None, _frames(records, folder / _CAMERA), tuple(_tracks(records)))


def _about(path: Path) -> dict[str, Any]:
    """The content of metrics.json; empty without the file."""
    if not path.is_file():
        return {}
    try:
        content = read_json(path)
    except ValueError as error:
        raise ConvertError(
            f"{path} is not JSON ({error}); replay the bag again, or convert a copy of {ESTIMATES}"
        ) from None
    return content if isinstance(content, dict) else {}


def _frames(records: Sequence[FrameRecord], camera: Path) -> Frames:
    count = len(records)
    stamps = np.array([record.stamp_ns for record in records], np.int64)
    poses = np.full((count, 4, 4), np.nan)
    if camera.is_file():
        path = read_tum(camera)
        known = dict(zip(path.stamp_ns.tolist(), path.matrices(), strict=True))
        for row, stamp in enumerate(stamps.tolist()):
            poses[row] = known.get(stamp, poses[row])
    nothing: tuple[None, ...] = (None,) * count
    return Frames(
        np.arange(count), stamps, np.zeros((count, 2), np.int64), np.full((count, 3, 3), np.nan), poses, nothing
    )


def _tracks(records: Sequence[FrameRecord]) -> list[PersonTrack]:
    rows: dict[str, list[tuple[int, PersonRecord]]] = {}
    for index, record in enumerate(records):
        for person in record.people:
            rows.setdefault(person.id, []).append((index, person))
    return [_track(name, rows[name]) for name in sorted(rows)]


def _track(name: str, rows: Sequence[tuple[int, PersonRecord]]) -> PersonTrack:
    def column(field: str) -> Float64Array:
        return np.array([getattr(person, field) for _, person in rows], np.float64)

    return PersonTrack(
        id=name,
        frame=np.array([frame for frame, _ in rows], np.int64),
        pose=column("pose"),
        betas=column("betas"),
        transl=column("transl"),
        joints=column("joints_cam"),
        confidence=column("confidence"),
        is_occluded=np.array([person.occluded for _, person in rows], bool),
        bbox=column("bbox"),
        landmarks=np.full((len(rows), 33, 2), np.nan),
        visibility=np.full((len(rows), 33), np.nan),
    )
