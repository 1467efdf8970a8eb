"""Workers for the tests of worker_processes, in a module that the processes can import."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any


class Counter:
    """Squares numbers; a negative one kills its process after a word."""

    def __init__(self) -> None:
        self._calls = 0

    def __call__(self, task: int, tell: Callable[[Any], None]) -> tuple[int, int, int]:
        """The square, the process, and the number of this call."""
        tell("begun")
        if task < 0:
            os._exit(137)
        self._calls += 1
        return task * task, os.getpid(), self._calls


def make_counter() -> Counter:
    """A worker."""
    return Counter()


def make_deaf() -> Callable[[int, Callable[[Any], None]], None]:
    """A worker that tells its process and then waits for ever."""

    def wait(task: int, tell: Callable[[Any], None]) -> None:
        tell(os.getpid())
        threading.Event().wait()

    return wait


def make_talker() -> Callable[[int, Callable[[Any], None]], None]:
    """A worker that tells its process again and again."""

    def talk(task: int, tell: Callable[[Any], None]) -> None:
        while True:
            tell(os.getpid())

    return talk
