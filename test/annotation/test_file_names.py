"""Names of files that are not UTF-8 are listed, and the others go on."""

from __future__ import annotations

import os
import sys

import pytest
from helpers.annotated_inputs import distances, encoded, make_pipeline, write_photographs, write_video

from metrichmsr_ros.annotation.options import AnnotateError, AnnotateOptions
from metrichmsr_ros.annotation.run import Annotation, Where
from metrichmsr_ros.conversion.convert import convert
from metrichmsr_ros.conversion.recording import ConvertError
from metrichmsr_ros.data.formats.annotations.folder import AnnotationFolder
from metrichmsr_ros.data.formats.annotations.manifest import AnnotationError
from metrichmsr_ros.refinement.annotation_folder import check_out

pytest.importorskip("pyarrow")
pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems have no such names")
BAD, SHOWN = os.fsdecode(b"caf\xe9"), "caf\\udce9"


def run(inputs, out) -> Annotation:
    """A whole run in this process."""
    options = AnnotateOptions(fov=60.0)
    annotation = Annotation([str(path) for path in inputs], out, options, Where(workers=0), make=make_pipeline)
    for _ in annotation:
        pass
    return annotation


def test_inputs_are_listed_by_an_escaped_name_and_the_others_go_on(tmp_path):
    top = tmp_path / "in"
    good = write_video(top / "good.avi")
    good.with_name(f"{BAD}.avi").write_bytes(good.read_bytes())
    write_photographs(top / BAD)
    entries = {entry.source: entry for entry in run([top, tmp_path / f"{BAD}.mp4"], tmp_path / "out").manifest.inputs}
    assert {name.removeprefix(f"{tmp_path}/"): entry.state for name, entry in entries.items()} == {
        "good.avi": "done", f"{SHOWN}.avi": "failed", SHOWN: "failed", f"{SHOWN}.mp4": "failed",
    }  # fmt: skip
    assert entries[f"{SHOWN}.avi"].cause == f"the name {top}/{SHOWN}.avi is not UTF-8; rename it"
    assert entries[SHOWN].path == f"{top}/{SHOWN}"


def test_a_photograph_costs_no_other_of_its_folder(tmp_path):
    photos = write_photographs(tmp_path / "photos")
    (photos / f"002{BAD}.png").write_bytes(encoded(7.0))
    (entry,) = run([photos], tmp_path / "out").manifest.inputs
    assert entry.state == "damaged"
    assert entry.cause == (
        f"1 of 7 frames have no estimates, first 002{SHOWN}.png: the name 002{SHOWN}.png is not UTF-8; rename it"
    )
    assert len(distances(tmp_path / "out", "photos")) == 6
    assert AnnotationFolder(tmp_path / "out").frames("photos")["image"][3] == f"002{SHOWN}.png"


def test_such_a_folder_for_the_results_is_refused(tmp_path):
    with pytest.raises(AnnotateError, match=r"--out .*caf\\udce9: the name is not UTF-8; name another folder"):
        run([write_video(tmp_path / "walk.avi")], tmp_path / BAD)


def test_inputs_of_a_working_directory_of_such_a_name_are_annotated(tmp_path, monkeypatch):
    video = write_video(tmp_path / "walk.avi")
    (tmp_path / BAD).mkdir()
    video.rename(tmp_path / BAD / "walk.avi")
    monkeypatch.chdir(tmp_path / BAD)
    for _ in range(2):
        (entry,) = run(["walk.avi"], tmp_path / "out").manifest.inputs
    assert (entry.state, entry.path) == ("done", f"{tmp_path}/{SHOWN}/walk.avi")


def test_such_a_folder_of_results_is_named_by_its_readers(tmp_path):
    out = tmp_path / "out"
    run([write_video(tmp_path / "walk.avi")], out)
    with pytest.raises(AnnotationError, match=r"refined.*caf\\udce9: the name is not UTF-8; name another folder"):
        check_out(out, tmp_path / f"refined{BAD}")
    with pytest.raises(ConvertError, match=r"--out .*caf\\udce9: the name is not UTF-8; name another folder"):
        convert(out, "lerobot", tmp_path / BAD)
    out.rename(tmp_path / BAD)
    with pytest.raises(AnnotationError, match=r"caf\\udce9: the name is not UTF-8; rename the folder"):
        AnnotationFolder(tmp_path / BAD)
