"""The benchmark of kills counts its kills, waits for whole process groups, and sees results that differ."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.kills.runs import Command, survive
from benchmarks.processes import kill_session, run_to_end

# Counts to 60 in a file that says how far it is. The careless one begins a line and goes on where the file ends.
COUNTER = """
import os, pathlib, sys, time
out = pathlib.Path(sys.argv[1]); out.mkdir(parents=True, exist_ok=True)
log, how = out / "log", sys.argv[2]
while True:
    text = log.read_text() if log.exists() else ""
    if len(text.split()) >= 60: break
    part = out / "part"
    if how == "careful":
        part.write_text(text + "x "); time.sleep(0.01); part.replace(log)
    else:
        with log.open("a") as file:
            file.write(f"{os.getpid()}"); file.flush(); time.sleep(0.01); file.write(" ")
"""


def command(how: str) -> Command:
    def content(out: Path) -> dict[str, bytes]:
        return {"log": (out / "log").read_bytes()}

    return Command(how, lambda out: [sys.executable, "-c", COUNTER, str(out), how], content)


def test_a_command_that_survives_and_one_that_does_not(tmp_path):
    found = survive(command("careful"), tmp_path / "careful", 6, np.random.default_rng(0))
    assert (found.kills, found.equal, found.parts, found.differences) == (6, found.runs, 1, ())
    assert found.row().endswith("| yes |")
    found = survive(command("careless"), tmp_path / "careless", 2, np.random.default_rng(0))
    assert (found.kills, found.equal, found.differences) == (2, 0, ("log",))
    assert found.row().endswith("| no: log |")


def test_a_killed_session_takes_its_children_with_it():
    code = "import subprocess, sys; subprocess.Popen(['sleep', '1000']); print('on', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"on\n"
        kill_session(process.pid)
        assert process.stdout.read() == b""  # nobody has the pipe any more


def test_an_error_of_a_command_is_no_kill(tmp_path):
    with pytest.raises(subprocess.CalledProcessError):
        run_to_end([sys.executable, "-c", "raise SystemExit(3)"])
