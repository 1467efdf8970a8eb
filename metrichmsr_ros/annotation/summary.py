"""Read an annotation folder back: what every source has, and what is missing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from metrichmsr_ros.data.formats.annotations.folder import AnnotationFolder
from metrichmsr_ros.data.formats.annotations.manifest import AnnotationError, InputEntry
from metrichmsr_ros.types import AnyArray


@dataclass(frozen=True)
class SourceSummary:
    """What one source has.

    Attributes:
        source: its name.
        state: of the manifest.
        cause: of a damage or failure; or what is wrong with its tables.
        frames: number of frames.
        with_people: frames with somebody.
        people: rows of people.
        tracks: number of ids.
        confidence: 5th, 50th and 95th percentile; NaN without people.
        height: likewise, m, of the tracks' median heights.
    """

    source: str
    state: str
    cause: str
    frames: int = 0
    with_people: int = 0
    people: int = 0
    tracks: int = 0
    confidence: tuple[float, float, float] = (np.nan, np.nan, np.nan)
    height: tuple[float, float, float] = (np.nan, np.nan, np.nan)


def summarise(path: Path) -> list[SourceSummary]:
    """One summary for each input of the manifest. All tables are read.

    Raises:
        AnnotationError: `path` is no annotation folder.
        MissingPackageError: pyarrow is not installed.
    """
    folder = AnnotationFolder(path)
    return [_of_input(folder, entry) for entry in folder.manifest.inputs]


def _of_input(folder: AnnotationFolder, entry: InputEntry) -> SourceSummary:
    if not entry.shards:
        return SourceSummary(entry.source, entry.state, entry.cause)
    try:
        frames, people = folder.frames(entry.source), folder.people(entry.source)
    except AnnotationError as error:
        return SourceSummary(entry.source, "damaged", str(error))
    wrong = "; ".join((*_mistakes(frames["frame"]), *filter(None, [entry.cause])))
    ids = people["id"]
    heights = [float(np.nanmedian(people["height"][ids == name])) for name in np.unique(ids)]
    return SourceSummary(
        source=entry.source,
        state="damaged" if wrong and entry.state == "done" else entry.state,
        cause=wrong,
        frames=len(frames["frame"]),
        with_people=int((frames["people"] > 0).sum()),
        people=len(ids),
        tracks=len(heights),
        confidence=_spread(people["confidence"]),
        height=_spread(np.array(heights)),
    )


def _mistakes(frames: AnyArray) -> Iterator[str]:
    """What cannot be in the table of frames of one run over one source."""
    if len(np.unique(frames)) != len(frames):
        yield f"{len(frames) - len(np.unique(frames))} frames are there twice"
    if len(frames) and len(np.unique(frames)) != frames.max() + 1:
        yield f"{int(frames.max()) + 1 - len(np.unique(frames))} frames are missing"


def _spread(values: AnyArray) -> tuple[float, float, float]:
    known = values[np.isfinite(values)]
    if not len(known):
        return np.nan, np.nan, np.nan
    low, middle, high = np.percentile(known, (5, 50, 95))
    return float(low), float(middle), float(high)
