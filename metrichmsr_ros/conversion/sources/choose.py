"""Finds out what a path holds: an annotation folder, a replay's folder, or `estimates.npz`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from metrichmsr_ros.conversion.recording import ConvertError, SourceRecording
from metrichmsr_ros.conversion.sources.annotations import read_annotations
from metrichmsr_ros.conversion.sources.replay import ESTIMATES, read_replay
from metrichmsr_ros.data.formats.annotations.folder import AnnotationFolder
from metrichmsr_ros.data.formats.annotations.manifest import NAME as MANIFEST
from metrichmsr_ros.data.formats.annotations.manifest import InputEntry


@dataclass(frozen=True)
class Sources:
    """The recordings at a path.

    Attributes:
        names: of the recordings.
        read: reads one of them.
        problems: a line for each source of an annotation folder that is not, or not wholly, annotated, by its name.
    """

    names: tuple[str, ...]
    read: Callable[[str], SourceRecording]
    problems: Mapping[str, str] = field(default_factory=dict)


def find_sources(path: Path, only: tuple[str, ...] = ()) -> Sources:
    """The recordings at a path; `only`: those of these names.

    Raises:
        ConvertError: the path holds none, or has no source of a name in `only`.
        AnnotationError, MetricInputError: it cannot be read.
    """
    sources = _all(path)
    missing = [name for name in only if name not in sources.names]
    if missing:
        if missing[0] in sources.problems:
            raise ConvertError(f"--source {sources.problems[missing[0]]}; annotate it again, or choose another")
        raise ConvertError(f"--source {missing[0]}: {path} does not have this source; it has {_some(sources.names)}")
    if not only:
        return sources
    problems = {name: line for name, line in sources.problems.items() if name in only}
    return replace(sources, names=tuple(name for name in sources.names if name in only), problems=problems)


def _some(names: tuple[str, ...]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "") or "none"


def _problem(entry: InputEntry) -> str:
    what = "what was annotated of it is converted" if entry.shards else "nothing of it is converted"
    return f"{entry.source}: {entry.state}, {what}{f': {entry.cause}' if entry.cause else ''}"


def _all(path: Path) -> Sources:
    if not path.exists():
        raise ConvertError(f"{path} does not exist; check the path")
    if (path / MANIFEST).is_file():
        folder = AnnotationFolder(path)
        problems = {entry.source: _problem(entry) for entry in folder.manifest.inputs if entry.state != "done"}
        return Sources(folder.sources, partial(read_annotations, folder), problems)
    if path.is_file() or (path / ESTIMATES).is_file():
        recording = read_replay(path)
        return Sources((recording.source,), lambda name: recording)
    raise ConvertError(
        f"{path} is neither an annotation folder ({MANIFEST}), nor the --out of a replay ({ESTIMATES}), nor a file"
    )
