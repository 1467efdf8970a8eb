"""Jobs in worker processes, each of which builds its worker once. All processes end with their parent."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import lru_cache
from multiprocessing.connection import Connection
from typing import TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")
Worker = Callable[[Task], Result]


def killed_message(option: str) -> str:
    """What a command says whose process was killed; `option` sets its number of processes."""
    return (
        "one of the processes was killed or crashed, perhaps for lack of memory. All finished shards are kept: "
        f"the same command continues with the rest; fewer {option} need less memory"
    )


def run_in_processes(make: Callable[[], Worker[Task, Result]], jobs: Sequence[Task], count: int) -> Iterator[Result]:
    """Results of all jobs, in the order in which the jobs finish.

    When the caller stops early, by an exception or Ctrl-C, the processes end at once, without finishing their jobs.

    Args:
        make: makes the function that does jobs, once in each process; must be picklable.
        jobs: must be picklable. count: number of processes.

    Raises:
        BrokenProcessPool: a process was killed or crashed. Exceptions raised by jobs are raised unchanged.
    """
    # spawn: a forked child would inherit the thread pools of torch in an unusable state
    context = multiprocessing.get_context("spawn")
    caller_ended, caller = context.Pipe(duplex=False)
    with caller_ended, caller, ProcessPoolExecutor(min(count, len(jobs)), context, _start, (caller_ended,)) as pool:
        try:
            for future in as_completed([pool.submit(_do, make, job) for job in jobs]):
                yield future.result()
        except BaseException:
            caller.close()
            raise


def _start(caller_ended: Connection) -> None:
    """Initialise a worker process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends Ctrl-C to all processes; the caller ends the others
    threading.Thread(target=_end_with_caller, args=(caller_ended,), daemon=True).start()


def _end_with_caller(caller_ended: Connection) -> None:
    """Wait until the caller's end of the pipe is closed; the system also closes it when the caller is killed."""
    caller_ended.poll(None)
    os._exit(1)


def _do(make: Callable[[], Worker[Task, Result]], job: Task) -> Result:
    return _worker(make)(job)


@lru_cache(maxsize=1)
def _worker(make: Callable[[], Worker[Task, Result]]) -> Worker[Task, Result]:
    """This process's worker."""
    return make()
