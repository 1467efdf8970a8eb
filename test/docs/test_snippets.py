"""The commands and Python snippets of the documentation run, in the order of their page.

`<!-- not run: REASON -->` before a block keeps it from running: it needs a camera, a robot, or data. Everything else is
run in an empty folder that shows the repository's own folders, with a small photograph `photo.jpg`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import pytest
from helpers.fetched_networks import skip_without_blazepose
from helpers.markdown import Block, blocks, pages
from helpers.repository import ROOT, environment

from metrichmsr_ros.assets import asset_path
from metrichmsr_ros.data.synthesis.walking_sequence import WalkingSequence

skip_without_blazepose()

LANGUAGES = ("bash", "python")
FRAMES = 12
SMALLER = {"--frames 40": f"--frames {FRAMES}", "SOURCE = 0 ": "SOURCE = 'walk.avi' "}  # the same with less work
RUNNABLE = [page for page in pages() if any(b.language in LANGUAGES and not b.not_run for b in blocks(page))]
LIMIT_S = 600


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """A folder with a small photograph and a short film of people."""
    folder = tmp_path_factory.mktemp("pictures")
    photo = cv2.imread(str(asset_path("astronaut.jpg")))
    cv2.imwrite(str(folder / "photo.jpg"), cv2.resize(photo, (320, 320)))
    film = cv2.VideoWriter(str(folder / "walk.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 10.0, (640, 480))
    for frame in WalkingSequence(120, 10.0)[40 : 40 + FRAMES]:
        film.write(frame.image[..., ::-1])
    film.release()
    return folder


@pytest.fixture
def folder(tmp_path, monkeypatch, pictures):
    """A working directory like the root of a clone, with a photograph, a film and our programs on the path."""
    for shown in [*(ROOT / top for top in ("metrichmsr_ros", "config", "benchmarks")), *pictures.iterdir()]:
        (tmp_path / shown.name).symlink_to(shown)
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "metrichmsr").write_text(f'#!/bin/sh\nexec "{sys.executable}" "{ROOT}/scripts/metrichmsr" "$@"\n')
    (programs / "python").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    for program in programs.iterdir():
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.chdir(tmp_path)


@contextmanager
def own_domain() -> Iterator[dict[str, str]]:
    """Variables that keep the ROS 2 of a command away from others; nothing where there is no ROS 2."""
    try:
        from helpers.ros_testing import free_domain
    except ImportError:
        yield {}
        return
    with free_domain() as domain:
        yield {"ROS_DOMAIN_ID": str(domain)}


@pytest.mark.parametrize("page", RUNNABLE, ids=lambda page: str(page.relative_to(ROOT)))
def test_snippets_of_a_page_run(page, folder, capsys):
    for block in blocks(page):
        if block.language not in LANGUAGES or block.not_run:
            continue
        text = block.text
        for usual, small in SMALLER.items():
            text = text.replace(usual, small)
        if "metrichmsr demo" in text:
            pytest.importorskip("rclpy", reason="the rest of this page needs ROS 2")
            pytest.importorskip("metrichmsr_ros.msg", reason="the rest of this page needs this package's messages")
        printed = run_shell(block, text) if block.language == "bash" else run_python(block, text, capsys)
        for line in announced(page, block):
            assert line in printed, f"{block}: did not print {line!r}, but:\n{printed}"


def run_shell(block: Block, text: str) -> str:
    """What the commands print; all of them must succeed."""
    with own_domain() as domain:
        done = subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", text],
            env=environment(COLUMNS="120", **domain),
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
        )
    assert done.returncode == 0, f"{block}: exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def run_python(block: Block, text: str, capsys: pytest.CaptureFixture[str]) -> str:
    """What a snippet prints, run as a program of its own would be."""
    capsys.readouterr()
    exec(compile(text, str(block), "exec"), {"__name__": "__main__"})
    return str(capsys.readouterr().out)


def announced(page: Path, block: Block) -> list[str]:
    """Lines about written files in the output that the page shows under `block`."""
    following = next((b for b in blocks(page) if b.line > block.line), None)
    if following is None or following.language != "text":
        return []
    return [line.strip() for line in following.text.splitlines() if line.startswith("wrote ")]
