"""A full disk ends a command with one line that names the file, exit code 5, and nothing half-written."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.fetched_networks import skip_without_blazepose
from helpers.full_disk import files_of_at_most
from helpers.repository import environment

from metrichmsr_ros.assets import asset_path
from metrichmsr_ros.cli import main as cli
from metrichmsr_ros.cli.user_errors import check_output_folder

skip_without_blazepose()

PREDICT = ("predict", str(asset_path("astronaut.jpg")), "--fov", "60", "--body", "open_light", "--out")


def run(words: tuple[str, ...], limit: int, monkeypatch, capsys) -> str:
    """Run the command where files cannot exceed `limit` bytes; its one line of error."""
    monkeypatch.setattr(sys, "argv", ["metrichmsr", *words])
    with files_of_at_most(limit), pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 5
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "error:" in line]
    return line


@pytest.mark.parametrize("limit", [20, 10_000])
def test_a_photograph(limit, tmp_path, monkeypatch, capsys):
    line = run((*PREDICT, str(tmp_path / "out")), limit, monkeypatch, capsys)
    name, whole = {20: ("astronaut.json", []), 10_000: ("astronaut_overlay.png", ["astronaut.json"])}[limit]
    assert f"{name} cannot be written: File too large; " in line
    assert [path.name for path in (tmp_path / "out").iterdir()] == whole


def test_the_mesh_of_a_photograph(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("metrichmsr_ros.cli.predict.write_image", lambda path, image: None)
    line = run((*PREDICT, str(tmp_path / "out")), 25_000, monkeypatch, capsys)
    assert "astronaut.glb cannot be written: File too large; " in line
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["astronaut.json"]


def test_the_next_command_removes_what_a_killed_one_left(tmp_path):
    (tmp_path / ".a.json.123.part").write_text("half")
    (tmp_path / "a.json").write_text("of another command")
    check_output_folder(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_shards(tmp_path, monkeypatch, capsys):
    words = ("synthesize", "--out", str(tmp_path / "out"), "--count", "2", "--val-count", "0", "--workers", "1")
    line = run(words, 1000, monkeypatch, capsys)
    assert "train-00000.tar cannot be written: File too large" in line
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is always full")
@pytest.mark.parametrize("text", ["y", "y" * 100_000])
def test_the_output_itself(text):
    code = f"from metrichmsr_ros.cli.user_errors import one_line_errors\nwith one_line_errors('x'): print('{text}')"
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-c", code], env=environment(), stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert done.returncode == 5
    assert done.stderr == (
        f"x: error: the output cannot be written: {os.strerror(28)}; free some space there and run the same command "
        "again\n"
    )
