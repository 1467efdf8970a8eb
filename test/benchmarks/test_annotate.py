"""The benchmark of annotations sees frames that are missing, doubled or different."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.annotate.kills import Faults, faults
from benchmarks.processes import descendants
from metrichmsr_ros.data.formats.annotations.manifest import InputEntry, Manifest
from metrichmsr_ros.data.formats.annotations.rows import FrameRow
from metrichmsr_ros.data.formats.annotations.shard_writer import ShardWriter, shard_name

pytest.importorskip("pyarrow")
ROW = FrameRow(0, 0, 64, 48, np.eye(3))


def folder(path, frames, stamp_ns=0):
    path.mkdir()
    with ShardWriter(path, shard_name("walk"), "walk", "open_light", "0.1.0") as writer:
        for frame in frames:
            writer.write(replace(ROW, frame=frame, stamp_ns=stamp_ns))
    entry = InputEntry("walk", "video", "walk", "done", "", (shard_name("walk"),))
    Manifest("0.1.0", "", "embedded", "open_light", {}, (entry,)).write(path)
    return path


def test_faults_are_counted(tmp_path):
    reference = folder(tmp_path / "reference", range(5))
    assert faults(folder(tmp_path / "same", range(5)), reference) == Faults(0, 0, 0)
    assert faults(folder(tmp_path / "short", range(3)), reference) == Faults(2, 0, 2)
    assert faults(folder(tmp_path / "twice", [0, 1, 1, 2, 3, 4]), reference) == Faults(0, 1, 2)
    assert faults(folder(tmp_path / "other", range(5), stamp_ns=7), reference) == Faults(0, 0, 2)


def test_a_process_has_no_descendants_but_its_own():
    assert descendants(2**22 + 1) == []
