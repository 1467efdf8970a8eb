"""One case in a process of its own, with a limit on its memory: how it ended, in which time and memory (Linux)."""

from __future__ import annotations

import multiprocessing
import resource
import tempfile
import time
import warnings
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from benchmarks.hostile.case import Case
from metrichmsr_ros.errors import MetricHMRError

MOST_MEMORY = 256 * 2**20  # bytes above the start
MOST_SECONDS = 2.0
_ADDRESS_SPACE = 4 * 2**30  # bytes above the start, so that a bomb hurts its own process alone
_PATIENCE_S = 30.0
_RUNS = 3  # of a case that is slow, because other processes slow one down


@dataclass(frozen=True)
class Outcome:
    """How a case ended.

    Attributes:
        kind: "refused", "read", or what should not happen: "escaped", "crashed", "hung".
        text: of the error, or what was read.
        seconds, memory: of the reader alone: CPU time, and bytes at the peak above the start.
    """

    kind: str
    text: str
    seconds: float
    memory: int

    def fault(self, case: Case, path_name: str) -> str:
        """What is wrong with this outcome; empty where nothing is."""
        if self.kind != case.expected:
            return f"{self.kind} instead of {case.expected}"
        if self.kind == "refused" and (case.named or path_name) not in self.text:
            return f"the error does not name {case.named or path_name}"
        if self.memory > MOST_MEMORY:
            return f"more than {MOST_MEMORY >> 20} MiB"
        return f"more than {MOST_SECONDS:.0f} s" if self.seconds > MOST_SECONDS else ""


def run(case: Case) -> tuple[Outcome, str]:
    """The outcome of a case, and what is wrong with it."""
    with tempfile.TemporaryDirectory(prefix="hostile_") as folder:
        path = case.write(Path(folder))
        outcome = _apart(case, path)
        for _ in range(_RUNS - 1):
            if outcome.kind == "hung" or outcome.seconds <= MOST_SECONDS:
                break
            outcome = min(outcome, _apart(case, path), key=lambda each: each.seconds)
        return outcome, outcome.fault(case, path.name)


def _apart(case: Case, path: Path) -> Outcome:
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_child, args=(case, path, sender))
    process.start()
    sender.close()
    try:
        return receiver.recv() if receiver.poll(_PATIENCE_S) else Outcome("hung", "", _PATIENCE_S, 0)
    except EOFError:
        process.join()
        return Outcome("crashed", f"exit code {process.exitcode}", 0.0, 0)
    finally:
        process.kill()
        process.join()


def _child(case: Case, path: Path, sender: Connection) -> None:
    warnings.simplefilter("ignore")
    _forget_peak()
    before = _status("VmRSS")
    most = _status("VmSize") + _ADDRESS_SPACE
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    started = time.process_time()
    try:
        kind, text = "read", str(case.read(path))
    except MetricHMRError as error:
        kind, text = "refused", str(error)
    except BaseException as error:
        kind, text = "escaped", f"{type(error).__name__}: {error}"[:2000]
    seconds = time.process_time() - started
    sender.send(Outcome(kind, " ".join(text[:2000].split()), seconds, max(0, _status("VmHWM") - before)))


def _forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def _status(name: str) -> int:
    """A size in /proc/self/status, in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise ValueError(f"/proc/self/status has no {name}")
