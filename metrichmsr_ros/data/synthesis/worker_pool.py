"""Jobs in worker processes, each of which builds its worker once. All processes end with their parent."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from multiprocessing.pool import ExceptionWithTraceback  # type: ignore[attr-defined]  # typeshed lacks it
from typing import Any, Generic, TypeVar

from metrichmsr_ros.runtime.worker_processes import Ended, Tell, in_worker_processes

Task = TypeVar("Task")
Result = TypeVar("Result")
Worker = Callable[[Task], Result]

_ATTEMPTS = 2  # a process can die of something else than its job, which its second death shows


class KilledError(RuntimeError):
    """Every process that was given a job was killed or crashed."""


@dataclass(frozen=True)
class _Answer(Generic[Result]):
    """What a worker returned, in a list, or what it raised."""

    result: list[Result]
    error: Any = None


def killed_message(option: str) -> str:
    """What a command says whose process was killed; `option` sets its number of processes."""
    return (
        "one of the processes was killed or crashed, and so was that which did its work again, perhaps for lack of "
        "memory. All finished shards are kept: the same command continues with the rest; fewer "
        f"{option} need less memory"
    )


def run_in_processes(make: Callable[[], Worker[Task, Result]], jobs: Sequence[Task], count: int) -> Iterator[Result]:
    """Results of all jobs, in the order in which the jobs finish. The job of a process that dies is done once more.

    When the caller stops early, by an exception or Ctrl-C, the processes end at once, without finishing their jobs.

    Args:
        make: makes the function that does jobs, once in each process; must be picklable.
        jobs: must be picklable. count: number of processes.

    Raises:
        KilledError: two processes died of the same job. Exceptions raised by jobs are raised unchanged.
    """
    events = in_worker_processes(partial(_answering, make), jobs, min(count, len(jobs)), _ATTEMPTS)
    with closing(events):
        for event in events:
            if isinstance(event, Ended):
                if event.result is None:
                    raise KilledError(f"{_ATTEMPTS} processes died of {event.task}")
                if event.result.error is not None:
                    raise event.result.error
                yield from event.result.result


def _answering(make: Callable[[], Worker[Task, Result]]) -> Callable[[Task, Tell], _Answer[Result]]:
    """A worker whose exceptions, and those of its making, are answers."""
    made: list[Worker[Task, Result]] = []

    def do(task: Task, tell: Tell) -> _Answer[Result]:
        try:
            made.extend(() if made else (make(),))
            return _Answer([made[0](task)])
        except Exception as error:
            return _Answer([], ExceptionWithTraceback(error, error.__traceback__))

    return do
