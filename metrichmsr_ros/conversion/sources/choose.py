"""Finds out what a path holds: an annotation folder, a replay's folder, or `estimates.npz`."""

from __future__ import annotations

from pathlib import Path

from metrichmsr_ros.conversion.recording import ConvertError, SourceRecording
from metrichmsr_ros.conversion.sources.annotations import read_annotations
from metrichmsr_ros.conversion.sources.replay import ESTIMATES, read_replay
from metrichmsr_ros.data.formats.annotations.manifest import NAME as MANIFEST


def read_recordings(path: Path, only: tuple[str, ...] = ()) -> list[SourceRecording]:
    """The recordings at a path; `only`: those of these sources.

    Raises:
        ConvertError: the path holds none of them, or a source that it does not have is asked for.
    """
    recordings = _all(path, only)
    missing = sorted(set(only) - {recording.source for recording in recordings})
    if missing:
        raise ConvertError(f"--source {missing[0]}: {path} does not have this source")
    return recordings


def _all(path: Path, only: tuple[str, ...]) -> list[SourceRecording]:
    if not path.exists():
        raise ConvertError(f"{path} does not exist; check the path")
    if (path / MANIFEST).is_file():
        return read_annotations(path, only)
    if path.is_file() or (path / ESTIMATES).is_file():
        return [read_replay(path)]
    raise ConvertError(
        f"{path} is neither an annotation folder ({MANIFEST}), nor the --out of a replay ({ESTIMATES}), nor a file"
    )
