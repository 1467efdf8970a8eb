"""Finds out what a path holds: an annotation folder, a replay's folder, or `estimates.npz`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from metrichmsr_ros.conversion.recording import ConvertError, SourceRecording
from metrichmsr_ros.conversion.sources.annotations import read_annotations
from metrichmsr_ros.conversion.sources.replay import ESTIMATES, read_replay
from metrichmsr_ros.data.formats.annotations.folder import AnnotationFolder
from metrichmsr_ros.data.formats.annotations.manifest import NAME as MANIFEST


@dataclass(frozen=True)
class Sources:
    """The recordings at a path: their names, and a function that reads one of them."""

    names: tuple[str, ...]
    read: Callable[[str], SourceRecording]


def find_sources(path: Path, only: tuple[str, ...] = ()) -> Sources:
    """The recordings at a path; `only`: those of these names.

    Raises:
        ConvertError: the path holds none, or has no source of a name in `only`.
        AnnotationError, MetricInputError: it cannot be read.
    """
    sources = _all(path)
    missing = [name for name in only if name not in sources.names]
    if missing:
        raise ConvertError(f"--source {missing[0]}: {path} does not have this source; it has {_some(sources.names)}")
    return replace(sources, names=tuple(name for name in sources.names if not only or name in only))


def _some(names: tuple[str, ...]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "") or "none"


def _all(path: Path) -> Sources:
    if not path.exists():
        raise ConvertError(f"{path} does not exist; check the path")
    if (path / MANIFEST).is_file():
        folder = AnnotationFolder(path)
        return Sources(folder.sources, partial(read_annotations, folder))
    if path.is_file() or (path / ESTIMATES).is_file():
        recording = read_replay(path)
        return Sources((recording.source,), lambda name: recording)
    raise ConvertError(
        f"{path} is neither an annotation folder ({MANIFEST}), nor the --out of a replay ({ESTIMATES}), nor a file"
    )
