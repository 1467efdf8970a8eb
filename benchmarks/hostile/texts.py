"""YAML and JSON that unfold without bounds, or nest deeper than a parser reads."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.hostile.case import Case, file_of
from benchmarks.hostile.yaml_bombs import YAMLS
from metrichmsr_ros.config import read_yaml
from metrichmsr_ros.data.formats.keypoints import read_aic, read_coco
from metrichmsr_ros.data.mocap.bvh import read_bvh
from metrichmsr_ros.data.mocap.cmu import read_amc, read_expmap
from metrichmsr_ros.data.mocap.deepmimic import read_deepmimic
from metrichmsr_ros.replay.result import read_metrics

DEEP = b"[" * 200_000
JSONS: Mapping[str, bytes] = {
    "200,000 nested lists": DEEP,
    "a number of 100,000 digits": b"[" + b"9" * 100_000 + b"]",
    "no text": b"\xff\xfe\x00",
    "another content": b'{"images": 3, "annotations": [7], "Frames": {"a": 1}}',
    "a list of nothing": b"[null]",
}


def cases() -> list[Case]:
    """YAML of configurations; JSON and text of data sets."""
    found = [Case(f"YAML: {name}", file_of("a.yaml", text), read_yaml) for name, text in YAMLS.items()]
    readers: Mapping[str, Any] = {
        "COCO": lambda path: read_coco(path, Path()),
        "AIC": lambda path: read_aic(path, Path()),
        "DeepMimic": read_deepmimic,
    }
    for kind, read in readers.items():
        found += [Case(f"{kind}: {name}", file_of("a.json", text), read) for name, text in JSONS.items()]
    found += [Case("metrics.json: nested lists", _metrics, read_metrics, named="metrics.json")]
    motions: Mapping[str, Any] = {"a.bvh": read_bvh, "a.amc": read_amc, "a.txt": read_expmap}
    for name, read in motions.items():
        for what, text in (("no text", b"\xff\xfe\x00"), ("words", b"HIERARCHY ROOT { } MOTION\nFrames: 1\nx\ny")):
            found.append(Case(f"motion {name}: {what}", _motion(name, text), read))
    return found


def _metrics(folder: Path) -> Path:
    (folder / "metrics.json").write_bytes(DEEP)
    return folder


def _motion(name: str, text: bytes) -> Any:
    def write(folder: Path) -> Path:
        (folder / "skeleton.asf").write_bytes(b":bonedata begin name x :hierarchy x y\nlength 0")
        return file_of(name, text)(folder)

    return write
