"""Other processes that a benchmark starts, and what they use (Linux)."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def running(command: Sequence[str]) -> Iterator[int]:
    """A process that is asked to end at the end of the block; gives its id."""
    process = subprocess.Popen(command)
    try:
        yield process.pid
    finally:
        process.terminate()
        process.wait(timeout=20)


LONGEST_S = 900.0  # of a command of a benchmark; only a hang takes longer


def run_to_end(line: Sequence[str]) -> float:
    """Run a command without its output; seconds. Raises CalledProcessError if it fails."""
    began = time.perf_counter()
    subprocess.run(line, check=True, stdout=subprocess.DEVNULL, timeout=LONGEST_S)
    return time.perf_counter() - began


def cpu_seconds(pid: int) -> float:
    """CPU time that a process has used, user and system."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident(pid: int) -> int:
    """Bytes of memory that a process occupies now."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def descendants(pid: int) -> list[int]:
    """The children of a process, their children and so on."""
    parents: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has ended
            fields = stat.read_text().rpartition(")")[2].split()
            parents.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    found, new = [], [pid]
    while new:
        new = [child for one in new for child in parents.get(one, [])]
        found += new
    return found


def kill_tree(pid: int) -> None:
    """Kill -9 a process and everything that it has started."""
    for one in (*descendants(pid), pid):
        with suppress(ProcessLookupError):
            os.kill(one, signal.SIGKILL)


def is_running(pid: int) -> bool:
    """Whether a process exists and has not ended; a zombie has."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def kill_session(leader: int) -> None:
    """Kill -9 the process group of a process that began a session, and wait until all of its session have ended."""
    with suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)
    while any(is_running(one) for one in _session(leader)):
        time.sleep(0.01)


def _session(leader: int) -> list[int]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has ended
            if int(stat.read_text().rpartition(")")[2].split()[3]) == leader:
                found.append(int(stat.parent.name))
    return found
