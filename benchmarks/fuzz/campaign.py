"""Spends a time over all targets in worker processes; a worker that crashes or hangs is a finding, not the end."""

from __future__ import annotations

import multiprocessing
import random
import tempfile
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path

from benchmarks.fuzz.findings import Store
from benchmarks.fuzz.judge import Verdict
from benchmarks.fuzz.target import Target
from benchmarks.fuzz.worker import InWork, Job, Slice, work

PATIENCE_S = 60.0  # of wall time for one input, on a machine that has other work
_SLICE_S = 10.0  # of one worker, at least; then its memory is given back
_LEAST_S = 1.0
_MOST_DEATHS = 20  # of the workers of one target
_POLL_S = 0.2
_FORK = multiprocessing.get_context("fork")


@dataclass
class Total:
    """What all workers of one target did; numbers as of `Slice`.

    Attributes:
        faults: what happened, and the command that shows it again, by shape.
        crashes: workers that ended or hung.
    """

    runs: int = 0
    inputs: int = 0
    refused: int = 0
    slowest: float = 0.0
    memory: int = 0
    crashes: int = 0
    shapes: set[str] = field(default_factory=set)
    faults: dict[str, tuple[Verdict, str]] = field(default_factory=dict)

    def add(self, part: Slice) -> None:
        """Add the numbers of one worker."""
        self.runs, self.inputs = self.runs + part.runs, self.inputs + part.inputs
        self.refused += part.refused
        self.slowest, self.memory = max(self.slowest, part.slowest), max(self.memory, part.memory)


@dataclass(eq=False)
class _Worker:
    job: Job
    process: BaseProcess
    receiver: Connection
    in_work: InWork
    started: float


class Campaign:
    """All targets for a time.

    Args:
        targets: the doors.
        store: of corpus and findings.
        seed: of everything that is random.
        workers: processes at the same time.
        tell: called with a line for each new fault.
    """

    def __init__(
        self, targets: Sequence[Target], store: Store, seed: int, workers: int, tell: Callable[[str], None]
    ) -> None:
        self.totals: dict[str, Total] = {target.name: Total() for target in targets}
        self._targets, self._store, self._workers, self._tell = targets, store, workers, tell
        self._random = random.Random(seed)
        self._known = {target.name: self._store.known(target) for target in targets}

    def run(self, seconds: float) -> None:
        """Give every target its share of the time."""
        waiting, running = deque(self._jobs(seconds)), list[_Worker]()
        with tempfile.TemporaryDirectory(prefix="fuzz_") as folder:
            while waiting or running:
                while waiting and len(running) < self._workers:
                    running.append(self._started(waiting.popleft(), Path(folder)))
                wait([worker.receiver for worker in running], timeout=_POLL_S)
                for worker in [worker for worker in running if self._is_done(worker)]:
                    running.remove(worker)
                    waiting.extend(self._rest_of(worker))

    def _jobs(self, seconds: float) -> list[Job]:
        """The slices of all targets, in turn."""
        time_s, shares = seconds * self._workers, sum(target.share for target in self._targets)
        rounds = max(1, int(time_s / (_SLICE_S * len(self._targets))))
        return [
            Job(target, (), self._random.getrandbits(32), time_s * target.share / shares / rounds, number == 0)
            for number in range(rounds)
            for target in self._targets
        ]

    def _started(self, job: Job, folder: Path) -> _Worker:
        receiver, sender = _FORK.Pipe(duplex=False)
        in_work, job = InWork(), replace(job, known=tuple(self._known[job.target.name]))
        place = Path(tempfile.mkdtemp(prefix=f"{job.target.name}_", dir=folder))
        process = _FORK.Process(target=work, args=(job, place, in_work, sender))
        process.start()
        sender.close()
        return _Worker(job, process, receiver, in_work, time.monotonic())

    def _is_done(self, worker: _Worker) -> bool:
        """Take what a worker sent; kill one that hangs."""
        total = self.totals[worker.job.target.name]
        verdict: Verdict | None = None
        if worker.receiver.poll():
            try:
                self._take(worker.job, worker.receiver.recv())
            except EOFError:
                worker.process.join()
                verdict = Verdict("crash", f"the process ended with {worker.process.exitcode}")
        elif worker.in_work.seconds > PATIENCE_S:
            verdict = Verdict("hang", f"more than {PATIENCE_S:.0f} s")
        elif worker.in_work.data is None and time.monotonic() - worker.started > 2 * PATIENCE_S:
            verdict = Verdict("hang", "the target did not begin")
        else:
            return False
        worker.process.kill()
        worker.process.join()
        if verdict is not None:
            total.crashes += 1
            self._found(worker.job, worker.in_work.data or b"", verdict)
        return True

    def _rest_of(self, worker: _Worker) -> list[Job]:
        """The rest of a slice whose worker ended early."""
        left = worker.job.seconds - (time.monotonic() - worker.started)
        if left < _LEAST_S or self.totals[worker.job.target.name].crashes > _MOST_DEATHS:
            return []
        return [replace(worker.job, seed=self._random.getrandbits(32), seconds=left, is_first=False)]

    def _take(self, job: Job, part: Slice) -> None:
        total = self.totals[job.target.name]
        total.add(part)
        for shape, data in part.fresh.items():
            if shape not in total.shapes:
                total.shapes.add(shape)
                self._known[job.target.name].append(data)
                self._store.keep(job.target, data)
        for data, verdict in part.faults:
            self._found(job, data, verdict)

    def _found(self, job: Job, data: bytes, verdict: Verdict) -> None:
        total = self.totals[job.target.name]
        command = self._store.fault(job.target, data, verdict, job.seed)
        if verdict.shape not in total.faults:
            total.faults[verdict.shape] = verdict, command
            self._tell(f"{job.target.name}: {verdict.kind} {verdict.place}: {verdict.text}\n    {command}")
