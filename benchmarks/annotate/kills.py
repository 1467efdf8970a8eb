"""Kill a part of an annotation at a random moment, run the command again, and compare with an undisturbed run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.annotate.videos import FOV_DEG
from benchmarks.processes import LONGEST_S, descendants, is_running
from metrichmsr_ros.data.formats.annotations.folder import AnnotationFolder

Kill = Callable[[int], str]  # of the driver's process id; says what it killed


@dataclass(frozen=True)
class Faults:
    """What is wrong with a result."""

    missing: int
    doubled: int
    other_files: int  # tables that are not equal byte by byte

    @property
    def are_none(self) -> bool:
        """Whether the result is that of the undisturbed run."""
        return not (self.missing or self.doubled or self.other_files)


def annotate_line(stand_in: bool, inputs: Sequence[str], more: Sequence[str], out: Path) -> list[str]:
    """The command, or that with a stand-in for the networks."""
    program = ["benchmarks.annotate.stand_in"] if stand_in else ["metrichmsr_ros.cli.main", "annotate"]
    line = [sys.executable, "-m", *program, *inputs, "--out", str(out), "--fov", FOV_DEG]
    return [*line, "--num-threads", "1", *more]


def disturbed(line: Sequence[str], after_s: float, kill: Kill) -> str:
    """Run a command, and kill a part of it after some seconds; what was killed, and how the command ended."""
    with subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as driver:
        family = descendants(driver.pid)
        try:
            driver.wait(after_s)
            killed = "nothing: it had ended"
        except subprocess.TimeoutExpired:
            family = descendants(driver.pid)
            killed = kill(driver.pid)
        code = driver.wait(LONGEST_S)
    for one in family:
        _wait_for(one)
    return f"{killed}; the command ended with {code}"


def kill_driver(driver: int) -> str:
    """Kill the process that the user started."""
    os.kill(driver, signal.SIGKILL)
    return "driver"


def kill_worker(driver: int) -> str:
    """Kill a worker process, as soon as there is one."""
    while is_running(driver):
        workers = [pid for pid in descendants(driver) if b"spawn_main" in _command(pid)]
        if workers:
            os.kill(workers[-1], signal.SIGKILL)
            return "worker"
        time.sleep(0.01)
    return "nothing: no worker was left"


def faults(folder: Path, reference: Path) -> Faults:
    """Compare a result with that of an undisturbed run."""
    found, expected = AnnotationFolder(folder), AnnotationFolder(reference)
    missing = doubled = 0
    for source in expected.sources:
        frames = found.frames(source)["frame"] if source in found.sources else np.zeros(0, int)
        missing += len(np.setdiff1d(expected.frames(source)["frame"], frames))
        doubled += len(frames) - len(np.unique(frames))
    return Faults(missing, doubled, len(_tables(folder).items() ^ _tables(reference).items()))


def _tables(folder: Path) -> dict[str, bytes]:
    return {path.name + path.parent.name: path.read_bytes() for path in folder.glob("*/*.parquet")}


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def _wait_for(pid: int) -> None:
    """Wait until a process has ended, which a worker does soon after its driver."""
    while b"spawn_main" in _command(pid) and is_running(pid):
        time.sleep(0.01)
