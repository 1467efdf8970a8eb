"""Workers for the tests of worker_pool, in a module that the pool's processes can import."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from itertools import count
from typing import Any

from metrichmsr_ros.data.formats.tar_samples import new_shard
from metrichmsr_ros.io.whole_files import whole_file


def counting() -> Callable[[int], tuple[int, int, int]]:
    """Answers with the job, the process and how many jobs this process has done."""
    done = count(1)
    return lambda job: (job, os.getpid(), next(done))


def failing() -> Callable[[int], int]:
    """Cannot do job 3."""

    def work(job: int) -> int:
        if job == 3:
            raise LookupError("no scene 3")
        return job

    return work


def killed() -> Callable[[Any], dict[str, int]]:
    """Finishes shard 0 of each split; is killed in the middle of any other, as by the system for lack of memory."""

    def work(job: Any) -> dict[str, int]:
        with whole_file(job.path) as part:
            part.write_bytes(b"half")
            if job.number:
                os.kill(os.getpid(), signal.SIGKILL)
        return {"shards": 1, "images": job.images}

    return work


def killed_once() -> Callable[[Any], dict[str, int]]:
    """Is killed in the middle of each shard when it does it for the first time."""

    def work(job: Any) -> dict[str, int]:
        tried = job.path.with_suffix(".tried")
        with new_shard(job.path):
            if not tried.exists():
                tried.touch()
                os.kill(os.getpid(), signal.SIGKILL)
        tried.unlink()
        return {"shards": 1, "images": job.images}

    return work


def endless() -> Callable[[Any], None]:
    """Prints its process's number, then works for ever."""

    def work(job: Any) -> None:
        with whole_file(job.path):
            print(os.getpid(), flush=True)
            threading.Event().wait()

    return work
