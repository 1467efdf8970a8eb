"""Files of labels of pictures: BEDLAM and COCO."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from metrichmsr_ros.body.open_tables import FILES, OpenTables
from metrichmsr_ros.conversion.formats.bedlam import bedlam_arrays
from metrichmsr_ros.conversion.formats.coco import coco_document
from metrichmsr_ros.conversion.options import ConvertOptions
from metrichmsr_ros.conversion.people import Job
from metrichmsr_ros.conversion.pixels import LandmarkTables
from metrichmsr_ros.conversion.recording import ConvertError, SourceRecording
from metrichmsr_ros.conversion.written import Written

_COCO = "annotations.json"


def write_bedlam(jobs: Iterable[Job], options: ConvertOptions, out: Path) -> list[Written]:
    """`SOURCE.npz` with the labels of a source."""
    files = []
    for job in jobs:
        recording = job.recording
        if not recording.tracks:
            continue
        if not recording.body:
            raise ConvertError(f"{recording.source} does not say which body its shapes are of; give --body")
        arrays, left_out = bedlam_arrays(recording)
        if not arrays:
            continue
        # The reader takes "closeup" in a name as BEDLAM's, whose pictures lie on their side.
        name = job.name.replace("closeup", "close-up") + ".npz"
        with (out / name).open("wb") as stream:
            np.savez_compressed(stream, **arrays)  # type: ignore[arg-type]
        files.append(Written(name, recording.source, "", recording.body, len(arrays["scale"]), left_out=left_out))
    return files


def write_coco(jobs: Iterable[Job], options: ConvertOptions, out: Path) -> list[Written]:
    """`annotations.json` of all sources; no file if they have no frames."""
    document = coco_document(_with_tables(jobs), options.image_names)
    if not document["images"]:
        return []
    (out / _COCO).write_text(json.dumps(document, allow_nan=False), encoding="utf-8")
    return [Written(_COCO, rows=len(document["annotations"]))]


def _with_tables(jobs: Iterable[Job]) -> Iterator[tuple[SourceRecording, LandmarkTables | None]]:
    """The recordings with what places landmarks on their body, of open bodies."""
    known: dict[str, LandmarkTables] = {}
    for job in jobs:
        body = job.recording.body
        if body in FILES and body not in known:
            known[body] = LandmarkTables.of(OpenTables.load(body))
        yield job.recording, known.get(body)
