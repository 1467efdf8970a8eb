"""What a conversion wrote: one entry a file, and the list of them, `conversion.json`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from metrichmsr_ros.io.whole_files import write_whole

NAME = "conversion.json"


@dataclass(frozen=True)
class Written:
    """One file of one person, or of several.

    Attributes:
        file: path relative to the output folder.
        source: the recording; "" for a file of several.
        person: the id; "" for a file of several people.
        body: body model of its shape.
        rows: estimates in it.
        held: slots in which the row before is repeated, because the frame is missing.
        left_out: rows of the source that it does not have: without a camera pose, or predicted rows of labels.
        fps: frames per second; 0 where the format has none.
        first_stamp_ns: stamp of the first row.
        largest_shift_s: largest difference between a row's time and that of its slot.
        shape_error_m: largest distance of a joint from the source's, because the file has one shape for all rows;
            None where every row has its own or none is written.
    """

    file: str
    source: str = ""
    person: str = ""
    body: str = ""
    rows: int = 0
    held: int = 0
    left_out: int = 0
    fps: float = 0.0
    first_stamp_ns: int = 0
    largest_shift_s: float = 0.0
    shape_error_m: float | None = None


def write_list(out: Path, about: dict[str, Any], files: Sequence[Written]) -> None:
    """Write `conversion.json`."""
    content = about | {"files": [asdict(file) for file in files]}
    write_whole(out / NAME, json.dumps(content, indent=1, allow_nan=False) + "\n")
