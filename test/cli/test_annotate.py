"""What `metrichmsr annotate` prints, and its exit codes."""

from __future__ import annotations

import io
import subprocess
import sys

import pytest
from helpers.annotated_inputs import WALK, make_pipeline, write_photographs, write_video
from helpers.repository import environment
from rich.console import Console

from metrichmsr_ros.annotation.annotator import ShardOutcome
from metrichmsr_ros.annotation.inputs import InputSource
from metrichmsr_ros.annotation.options import AnnotateOptions
from metrichmsr_ros.annotation.summary import summarise
from metrichmsr_ros.annotation.tasks import ShardTask
from metrichmsr_ros.annotation.work_done import WorkDone
from metrichmsr_ros.cli.annotate import Where, annotate_command, summary_command
from metrichmsr_ros.data.formats.annotations.manifest import Manifest
from metrichmsr_ros.replay.options import ExitCode

pytest.importorskip("pyarrow")


def command(tmp_path, *inputs, **more) -> tuple[ExitCode, str]:
    paper = Console(file=io.StringIO(), width=160)
    options, here = AnnotateOptions(fov=60.0), Where(workers=0)
    names = [str(path) for path in inputs]
    code = annotate_command(names, tmp_path / "out", options, here, console=paper, make=make_pipeline, **more)
    return code, paper.file.getvalue()


def program(*arguments) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "metrichmsr_ros.cli.main", "annotate", *map(str, arguments)]
    return subprocess.run(line, env=environment(), capture_output=True, text=True)


def test_failures_are_listed_at_the_end_and_the_code_is_1(tmp_path):
    code, printed = command(tmp_path, write_video(tmp_path / "walk.avi"), tmp_path / "gone.mp4")
    assert code is ExitCode.SOME_FAILED
    *_, failure, last = printed.splitlines()
    assert failure == f"failed {tmp_path / 'gone.mp4'}: does not exist; check the path"
    assert last.startswith("1 of 1 shards, 6 frames, ")
    assert last.endswith(f"; {tmp_path / 'out'}")


def test_a_clean_run_is_code_0_and_a_second_says_what_it_skipped(tmp_path):
    video = write_video(tmp_path / "walk.avi")
    assert command(tmp_path, video)[0] is ExitCode.OK
    code, printed = command(tmp_path, video)
    assert code is ExitCode.OK
    assert "1 of 1 shards, 1 of them done before, 0 frames" in printed


def test_the_summary_reads_everything_back(tmp_path):
    command(tmp_path, write_video(tmp_path / "walk.avi", (3.0, 0.0, 4.0)), write_photographs(tmp_path / "photos"))
    walk, photos = summarise(tmp_path / "out")
    assert (walk.state, walk.frames, walk.with_people, walk.people, walk.tracks) == ("done", 3, 2, 2, 1)
    assert (photos.frames, photos.people, photos.tracks) == (len(WALK), len(WALK), len(WALK))
    assert walk.confidence == pytest.approx((0.9, 0.9, 0.9))
    assert walk.height == pytest.approx((1.7, 1.7, 1.7))
    paper = Console(file=io.StringIO(), width=160)
    assert summary_command(tmp_path / "out", paper) is ExitCode.OK
    assert "2 inputs, 9 frames, 8 people, 7 tracks" in paper.file.getvalue()


def test_the_summary_says_what_is_wrong(tmp_path):
    command(tmp_path, write_photographs(tmp_path / "photos"), tmp_path / "gone.mp4")
    manifest = Manifest.read(tmp_path / "out")
    ((name,), _) = (entry.shards for entry in manifest.inputs)
    (tmp_path / "out" / "people" / f"part-{name}.parquet").write_bytes(b"PAR1")
    photos, gone = summarise(tmp_path / "out")
    assert (photos.state, gone.state, gone.cause) == ("damaged", "failed", "does not exist; check the path")
    assert "cannot be read" in photos.cause
    paper = Console(file=io.StringIO(), width=160)
    assert summary_command(tmp_path / "out", paper) is ExitCode.SOME_FAILED


def test_the_time_left_is_that_of_the_bytes_left(tmp_path):
    files = [tmp_path / name for name in ("a.mp4", "b.mp4", "c.mp4")]
    for file in files:
        file.write_bytes(bytes(100))
    tasks = [ShardTask(InputSource(file.name, "video", file)) for file in files]
    now = [0.0]
    work = WorkDone(tasks, lambda: now[0])
    assert work.left_s is None
    work.take(tasks[0], ShardOutcome("done", frames=50, skipped=True))
    assert work.left_s is None  # nothing was done yet
    now[0] = 10.0
    work.take(tasks[1], (20, 40))
    assert work.share == pytest.approx(0.5)
    assert work.left_s == pytest.approx(30.0)  # half a video in ten seconds; one and a half are left
    assert work.line() == "1 of 3 shards, 1 of them done before, 20 frames, 2.0 frames/s"


def test_mistakes_are_one_line(tmp_path):
    said = program()
    assert (said.returncode, said.stderr) == (
        2, "metrichmsr: error: give the inputs and --out FOLDER, or --summary FOLDER to read one\n",
    )  # fmt: skip
    said = program("--summary", tmp_path)
    assert said.returncode == 2
    assert "is" in said.stderr
    assert said.stderr.count("\n") == 1


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc is Linux's")
def test_a_folder_that_cannot_be_written_to_is_one_line(tmp_path):
    said = program(write_video(tmp_path / "walk.avi"), "--out", "/proc/annotations")
    assert said.returncode == 2
    assert "/proc/annotations" in said.stderr
    assert said.stderr.count("\n") == 1


def test_a_file_in_place_of_the_folder_is_one_line(tmp_path):
    (tmp_path / "out").write_text("")
    said = program(write_video(tmp_path / "walk.avi"), "--out", tmp_path / "out")
    assert said.returncode == 2
    assert "is a file; name a folder" in said.stderr
