"""Tasks in processes that each hold a worker; a process that dies costs its task alone, and another takes its place."""

from __future__ import annotations

import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import connection, get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any, Generic, TypeVar

Work = TypeVar("Work")
Answer = TypeVar("Answer")
Tell = Callable[[Any], None]
DoTask = Callable[[Work, Tell], Answer]

_GONE = (EOFError, OSError)  # of a connection whose other process ended


@dataclass(frozen=True)
class Told(Generic[Work]):
    """A worker said `message` while it did `task`."""

    task: Work
    message: Any


@dataclass(frozen=True)
class Ended(Generic[Work, Answer]):
    """A task has its result; None: every process that did it died."""

    task: Work
    result: Answer | None


@dataclass
class _Process(Generic[Work]):
    """A worker process, and the task that it does; `attempts` counts the processes that were given that task.

    Nothing is sent through `life`: the system closes it when this process is killed, which the worker notices.
    """

    process: BaseProcess
    pipe: Connection
    life: Connection
    task: Work | None = None
    attempts: int = 0


def in_worker_processes(
    make: Callable[[], DoTask[Work, Answer]], tasks: Sequence[Work], count: int, attempts: int = 1
) -> Generator[Told[Work] | Ended[Work, Answer], None, None]:
    """Do all tasks; yield what the workers say and every result, as they come.

    When the caller stops early or is killed, the processes end at once, in the middle of their tasks.

    Args:
        make: makes the function that does tasks, once in each process; must be picklable, as must tasks and results.
        tasks: the tasks, begun in this order.
        count: number of processes.
        attempts: how many processes may die of a task before its result is None.
    """
    waiting = deque((task, 1) for task in tasks)
    running: list[_Process[Work]] = []
    try:
        while waiting or any(one.task is not None for one in running):
            while waiting and len(running) < count:
                running.append(_started(make))
            for one in running:
                if one.task is None and waiting:
                    _give(one, *waiting.popleft())
            for ready in connection.wait([one.pipe for one in running]):
                one = next(one for one in running if one.pipe is ready)
                event: Told[Work] | Ended[Work, Answer] | None
                try:
                    event = _event(one)
                except _GONE:
                    event = _died(one, waiting, attempts)
                    running.remove(one)
                if event is not None:
                    yield event
    finally:
        for one in running:
            _end(one)


def _started(make: Callable[[], DoTask[Work, Answer]]) -> _Process[Work]:
    # spawn: a forked child would inherit the thread pools of the networks in an unusable state
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    life, callers = context.Pipe(duplex=False)
    process = context.Process(target=_serve, args=(make, theirs, life), daemon=True)
    process.start()
    theirs.close()
    life.close()
    return _Process(process, ours, callers)


def _give(one: _Process[Work], task: Work, attempts: int) -> None:
    one.task, one.attempts = task, attempts
    with suppress(*_GONE):  # the process has died; reading from its pipe finds that out
        one.pipe.send(task)


def _event(one: _Process[Work]) -> Told[Work] | Ended[Work, Any]:
    is_result, content = one.pipe.recv()
    task = one.task
    assert task is not None  # processes speak only while they do a task
    if not is_result:
        return Told(task, content)
    one.task = None
    return Ended(task, content)


def _died(one: _Process[Work], waiting: deque[tuple[Work, int]], attempts: int) -> Ended[Work, Any] | None:
    """What the death of a process means for its task: another attempt first of all, or no result."""
    one.pipe.close()
    one.life.close()
    one.process.join()
    task = one.task
    if task is None:
        return None
    if one.attempts < attempts:
        waiting.appendleft((task, one.attempts + 1))
        return None
    return Ended(task, None)


def _end(one: _Process[Work]) -> None:
    one.pipe.close()
    one.life.close()
    if one.task is not None:
        one.process.terminate()
    one.process.join()


def _serve(make: Callable[[], DoTask[Work, Answer]], pipe: Connection, life: Connection) -> None:
    """The life of a worker process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends Ctrl-C to all processes; the caller ends this one
    threading.Thread(target=_end_with_caller, args=(life,), daemon=True).start()

    def say(is_result: bool, content: Any) -> None:
        try:
            pipe.send((is_result, content))
        except OSError:
            raise SystemExit(1) from None  # the caller has ended; no `except Exception` of a task may go on

    do: DoTask[Work, Answer] | None = None
    while True:
        try:
            task: Work = pipe.recv()
        except _GONE:
            return
        do = do or make()
        say(True, do(task, lambda message: say(False, message)))


def _end_with_caller(life: Connection) -> None:
    """Wait until the caller's end of the pipe is closed, then end at once."""
    life.poll(None)
    os._exit(1)
