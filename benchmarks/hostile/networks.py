"""Networks of BlazePose that a user names, cut off or changed."""

from __future__ import annotations

from pathlib import Path

from benchmarks.hostile.arrays import each
from benchmarks.hostile.case import Case, sparse_file
from benchmarks.hostile.damage import cuts, several
from metrichmsr_ros.assets import AssetError, model_path
from metrichmsr_ros.people.blazepose.network_files import graph_of

_NAME = "pose_detection.tflite"


def cases() -> list[Case]:
    """Files of the detector; the cuts only where `metrichmsr setup` fetched it."""
    found = [Case("tflite: 64 GiB", lambda folder: sparse_file(folder / "a.tflite", 2**36, _mark()), graph_of)]
    try:
        content = model_path(_NAME).read_bytes()
    except AssetError:
        return found
    return [*found, Case("tflite: 20 cuts", several(".tflite", lambda: cuts(content, 20)), each(_read))]


def _mark() -> bytes:
    return b"\x1c\0\0\0TFL3"


def _read(path: Path) -> object:
    return graph_of(path)
