"""Actors of a Ray cluster write what processes write, and a deadly input costs itself alone."""

from __future__ import annotations

import pytest
from helpers.annotated_inputs import contents, make_deadly, write_photographs, write_video
from helpers.pixel_pipeline import DEADLY
from helpers.repository import environment

from metrichmsr_ros.annotation.options import AnnotateOptions
from metrichmsr_ros.annotation.run import Annotation, Where
from metrichmsr_ros.data.formats.annotations.folder import AnnotationFolder

pytest.importorskip("pyarrow")
pytest.importorskip("ray.data")


def test_actors_write_what_this_process_writes(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", environment()["PYTHONPATH"])  # so that the actors can import this pipeline
    good = [write_video(tmp_path / f"{i}.avi") for i in range(3)] + [write_photographs(tmp_path / "photos")]
    deadly = write_video(tmp_path / "deadly.avi", (3.0, DEADLY))
    options = AnnotateOptions(fov=60.0)
    for _ in Annotation([str(path) for path in good], tmp_path / "here", options, Where(workers=0), make=make_deadly):
        pass
    inputs = [str(path) for path in (*good, deadly)]
    there = Annotation(inputs, tmp_path / "there", options, Where(2, "local"), make=make_deadly)
    for _ in there:
        pass
    states = {entry.source: (entry.state, entry.cause) for entry in there.manifest.inputs}
    assert states.pop(str(deadly)) == (
        "failed", "its actor was killed or crashed 2 times; out of memory? Try fewer workers",
    )  # fmt: skip
    assert set(states.values()) == {("done", "")}
    here, written = contents(tmp_path / "here"), contents(tmp_path / "there")
    del here["manifest.json"], written["manifest.json"]
    assert here == written
    assert len(AnnotationFolder(tmp_path / "there").sources) == 4
