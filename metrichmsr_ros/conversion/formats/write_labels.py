"""Files of labels of pictures: BEDLAM and COCO."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from metrichmsr_ros.body.open_tables import FILES
from metrichmsr_ros.conversion.file_names import file_names
from metrichmsr_ros.conversion.formats.bedlam import bedlam_arrays
from metrichmsr_ros.conversion.formats.coco import coco_document
from metrichmsr_ros.conversion.options import ConvertOptions
from metrichmsr_ros.conversion.recording import ConvertError, SourceRecording
from metrichmsr_ros.conversion.skin import Skin, load_skin
from metrichmsr_ros.conversion.written import Written

_COCO = "annotations.json"


def write_bedlam(recordings: Sequence[SourceRecording], options: ConvertOptions, out: Path) -> list[Written]:
    """`SOURCE.npz` with the labels of a source."""
    files, names = [], file_names(recording.source for recording in recordings)
    for recording in recordings:
        if not recording.tracks:
            continue
        if not recording.body:
            raise ConvertError(f"{recording.source} does not say which body its shapes are of; give --body")
        arrays, left_out = bedlam_arrays(recording)
        if not arrays:
            continue
        # The reader takes "closeup" in a name as BEDLAM's, whose pictures lie on their side.
        name = names[recording.source].replace("closeup", "close-up") + ".npz"
        with (out / name).open("wb") as stream:
            np.savez_compressed(stream, **arrays)  # type: ignore[arg-type]
        files.append(Written(name, recording.source, "", recording.body, len(arrays["scale"]), left_out=left_out))
    return files


def write_coco(recordings: Sequence[SourceRecording], options: ConvertOptions, out: Path) -> list[Written]:
    """`annotations.json` of all sources."""
    skins: dict[str, Skin | None] = {name: load_skin(name) for name in {r.body for r in recordings} if name in FILES}
    document = coco_document([(recording, skins.get(recording.body)) for recording in recordings])
    (out / _COCO).write_text(json.dumps(document, allow_nan=False), encoding="utf-8")
    return [Written(_COCO, rows=len(document["annotations"]))]
