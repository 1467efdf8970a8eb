"""A process that runs inputs of one target for a while; the input in work lies in shared memory, should it crash."""

from __future__ import annotations

import ctypes
import faulthandler
import logging
import os
import resource
import time
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from multiprocessing.connection import Connection
from multiprocessing.sharedctypes import RawArray, RawValue
from pathlib import Path

from benchmarks.fuzz.judge import MOST_MEMORY, Verdict, judged
from benchmarks.fuzz.mutation import LARGEST, Mutator
from benchmarks.fuzz.target import Target

_MUTATED_ONE_IN = 3  # inputs of choices; the others are drawn anew
_ADDRESS_SPACE = 4 * 2**30  # bytes above the start, so that a bomb hurts its own process alone


class InWork:
    """The input that a worker runs now, in memory that its parent sees."""

    def __init__(self) -> None:
        self._data = RawArray(ctypes.c_char, LARGEST)
        self._size = RawValue(ctypes.c_long, -1)
        self._since = RawValue(ctypes.c_double, 0.0)

    def set(self, data: bytes) -> None:
        """Begin an input."""
        ctypes.memmove(self._data, data, len(data))
        self._since.value, self._size.value = time.monotonic(), len(data)

    @property
    def data(self) -> bytes | None:
        """The input, or None before the first."""
        size = int(self._size.value)
        return None if size < 0 else ctypes.string_at(ctypes.addressof(self._data), size)

    @property
    def seconds(self) -> float:
        """For how long it has been in work."""
        return time.monotonic() - self._since.value if self._size.value >= 0 else 0.0


@dataclass
class Slice:
    """What one worker did.

    Attributes:
        runs, inputs, refused: calls of the target; messages, parameter sets or files in them; and those refused.
        slowest: CPU seconds of one run.
        memory: bytes at the peak above the start.
        faults: inputs and what they did.
        fresh: the first input for each shape of what was done, by shape.
        shapes: how often each thing was done.
    """

    runs: int = 0
    inputs: int = 0
    refused: int = 0
    slowest: float = 0.0
    memory: int = 0
    faults: list[tuple[bytes, Verdict]] = field(default_factory=list)
    fresh: dict[str, bytes] = field(default_factory=dict)
    shapes: Counter[str] = field(default_factory=Counter)

    def add(self, data: bytes, verdict: Verdict) -> None:
        """Count one run."""
        self.runs, self.inputs, self.refused = (
            self.runs + 1,
            self.inputs + verdict.count,
            self.refused + verdict.refused,
        )
        self.slowest = max(self.slowest, verdict.seconds)
        if verdict.is_fault and self.shapes[verdict.shape] < 3:
            self.faults.append((data, verdict))
        elif not self.shapes[verdict.shape] and not verdict.is_fault:
            self.fresh[verdict.shape] = data
        self.shapes[verdict.shape] += 1


def quiet() -> None:
    """Leave the terminal to the table: what libraries print about damaged files is not of interest."""
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    os.environ["RCUTILS_LOGGING_SEVERITY"] = "FATAL"
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    faulthandler.disable()


@dataclass(frozen=True)
class Job:
    """What a worker is to do.

    Attributes:
        target: the door.
        known: inputs to start from, with what earlier workers found.
        seed: of the mutations.
        seconds: for how long.
        is_first: whether the known inputs are run too.
    """

    target: Target
    known: Sequence[bytes]
    seed: int
    seconds: float
    is_first: bool


def inputs(job: Job) -> Iterator[bytes]:
    """Endless inputs of a target: in the first slice those known, then new ones."""
    if job.is_first:
        yield from job.known
    mutator, is_structured = Mutator(job.seed, job.target.dictionary), job.target.is_structured
    for number in count():
        is_new = not job.known or (is_structured and number % _MUTATED_ONE_IN)
        yield mutator.choices() if is_new else mutator.mutated(job.known)


def work(job: Job, folder: Path, in_work: InWork, sender: Connection) -> None:
    """Run inputs for some seconds below an empty folder, and send the `Slice`."""
    quiet()
    run, meter = job.target.start(folder), _Meter()
    done, deadline = Slice(), time.monotonic() + job.seconds
    limit_address_space()
    for data in inputs(job):
        if time.monotonic() > deadline or meter.taken > MOST_MEMORY:
            break
        in_work.set(data)
        done.add(data, meter.judged(judged(run, data, job.target.named)))
    sender.send(replace(done, memory=meter.taken))
    sender.close()
    os._exit(0)  # without the threads and exit functions of libraries


class _Meter:
    """The peak of this process's memory."""

    def __init__(self) -> None:
        self._start = self._peak = _peak_bytes()

    @property
    def taken(self) -> int:
        """Bytes above the start."""
        return self._peak - self._start

    def judged(self, verdict: Verdict) -> Verdict:
        """The verdict, or the fault that the peak rose too far since the last call."""
        before, self._peak = self._peak, _peak_bytes()
        if self._peak - before <= MOST_MEMORY or verdict.is_fault:
            return verdict
        return replace(verdict, kind="memory", text=f"{(self._peak - before) >> 20} MiB; {verdict.text}")


def _peak_bytes() -> int:
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def limit_address_space() -> None:
    """Let the inputs take `_ADDRESS_SPACE` at most."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * os.sysconf("SC_PAGE_SIZE") + _ADDRESS_SPACE
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
