"""What `metrichmsr convert`, `refine` and `view` print about recorded people, and how they end."""

from __future__ import annotations

import io
import re
import signal
import subprocess
import sys
import urllib.request

import pytest
from helpers.repository import environment
from helpers.watched_process import WatchedProcess
from rich.console import Console

from benchmarks.conversion.moving_people import moving_camera, moving_person, write_annotations, write_replay
from metrichmsr_ros.cli.convert import convert_command
from metrichmsr_ros.conversion.options import ConvertOptions

COUNT = 12
PROGRAM = [sys.executable, "-m", "metrichmsr_ros.cli.main"]


@pytest.fixture
def replay(tmp_path):
    return write_replay(tmp_path / "in", [moving_person("p1", range(2, 8), 3), moving_person("p2", range(9), 4)], COUNT)


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*PROGRAM, *map(str, arguments)], env=environment(), capture_output=True, text=True)


def test_convert_has_a_line_for_each_file(replay, tmp_path):
    paper = Console(file=io.StringIO(), width=200)
    convert_command(replay, "bvh", tmp_path / "out", ConvertOptions(), paper)
    *files, last = paper.file.getvalue().splitlines()
    assert [line.partition(":")[0] for line in files] == sorted(
        str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*.bvh")
    )
    assert [re.search(r"p\d, \d+ rows", line)[0] for line in files] == ["p1, 6 rows", "p2, 9 rows"]
    assert last == f"wrote {tmp_path / 'out'}"


def test_convert_tells_of_rows_that_are_left_out(replay, tmp_path):
    cameras = moving_camera(COUNT)
    cameras[5] = float("nan")
    folder = write_replay(tmp_path / "moving", [moving_person("p1", range(COUNT), 3)], COUNT, cameras)
    paper = Console(file=io.StringIO(), width=200)
    convert_command(folder, "tum", tmp_path / "out", ConvertOptions(frame="world"), paper)
    assert "1 rows are left out: their frames have no camera pose" in paper.file.getvalue()


def test_convert_as_a_program(replay, tmp_path):
    done = run("convert", replay, "--to", "tum", "--out", tmp_path / "out")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == f"wrote {tmp_path / 'out'}"
    again = run("convert", replay, "--to", "tum", "--out", tmp_path / "out")
    assert again.returncode == 2
    assert len(again.stderr.splitlines()) == 1


def test_refine_as_a_program(tmp_path):
    pytest.importorskip("pyarrow")
    folder = write_annotations(tmp_path / "in", [moving_person("p1", range(COUNT), 3)], COUNT)
    done = run("refine", folder, "--out", tmp_path / "out", "--static-camera")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(rf"walk\.mp4\W+1\W+{COUNT}\W", done.stdout)
    assert done.stdout.splitlines()[-1] == f"wrote {tmp_path / 'out'}"
    mistake = run("refine", tmp_path / "nothing", "--out", tmp_path / "other")
    assert mistake.returncode == 2
    assert str(tmp_path / "nothing") in mistake.stderr


def test_view_prints_a_link_that_answers_and_ends_with_ctrl_c(replay):
    pytest.importorskip("viser", reason="the viewer needs the extra `view`")
    with WatchedProcess([*PROGRAM, "view", str(replay), "--port", "0"], environment(PYTHONUNBUFFERED="1")) as process:
        process.wait_for("(Ctrl-C ends)")
        link = re.search(r"http://127\.0\.0\.1:\d+", process.output)
        with urllib.request.urlopen(link[0], timeout=30) as answer:
            assert b"<html" in answer.read().lower()
        process.send(signal.SIGINT)
        assert process.exit_code() == 0
        assert "ended" in process.output.splitlines()


def test_ctrl_c_while_the_link_is_printed_ends_the_viewer(replay):
    pytest.importorskip("viser", reason="the viewer needs the extra `view`")
    from metrichmsr_ros.cli.view import view_command
    from metrichmsr_ros.viewer.options import ViewOptions

    said = []

    class Terminal(Console):
        def print(self, text, **_):
            said.append(text)
            if "(Ctrl-C ends)" in text:
                raise KeyboardInterrupt

    try:
        view_command(replay, "127.0.0.1", 0, ViewOptions(), Terminal())
    except KeyboardInterrupt:
        pytest.fail("Ctrl-C was not taken for the end")
    assert said[-1] == "ended"


def test_view_of_nothing_is_one_line(tmp_path):
    pytest.importorskip("viser", reason="the viewer needs the extra `view`")
    done = run("view", tmp_path / "nothing")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "topic:/NAME" in done.stderr
