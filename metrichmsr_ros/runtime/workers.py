"""Several network calls at a time, one core each.

    workers = Workers(num_threads=2)
    later = workers.start(detector.detect, image)
    landmarks = workers.map(find, rois)
    boxes = later()

The networks are small: a second core for one call gains nothing and costs twice the CPU time, because threads wait for
each other in every layer; two calls at a time take no longer than one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import ParamSpec, TypeVar

from metrichmsr_ros.errors import MetricHMRError

P = ParamSpec("P")
T = TypeVar("T")
R = TypeVar("R")


class WorkersError(MetricHMRError, ValueError):
    """A number of threads that cannot work."""


class Workers:
    """Threads that share calls with the caller's; they sleep in between.

    Args:
        num_threads: calls at a time, the caller's included; 1: none but the caller's.

    Raises:
        WorkersError: `num_threads` is less than 1.
    """

    def __init__(self, num_threads: int = 1) -> None:
        if num_threads < 1:
            raise WorkersError(f"num_threads is {num_threads}; at least 1 thread is needed")
        self._helpers = num_threads - 1
        self._pool = ThreadPoolExecutor(self._helpers, "workers") if self._helpers else None

    def start(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> Callable[[], R]:
        """Begin a call on a helper; the result waits for it and gives its value or raises its error.

        Without helpers the call is made at once.
        """
        if self._pool is None:
            value = function(*args, **kwargs)
            return lambda: value
        return self._pool.submit(function, *args, **kwargs).result

    def map(self, function: Callable[[T], R], items: Sequence[T]) -> list[R]:
        """Values of `function` for all items, in their order; raises the error of one that fails."""
        return self._begin(function, items, len(items) - 1)()

    def start_map(self, function: Callable[[T], R], items: Sequence[T]) -> Callable[[], list[R]]:
        """Begin `map` on the helpers; who asks for the result makes the calls that no helper has begun."""
        return self._begin(function, items, len(items))

    def _begin(self, function: Callable[[T], R], items: Sequence[T], most_helpers: int) -> Callable[[], list[R]]:
        values: dict[int, R] = {}
        numbers = count()

        def work() -> None:
            while (number := next(numbers)) < len(items):  # one thread at a time advances a count
                values[number] = function(items[number])

        helpers = min(self._helpers, most_helpers)
        shares = [self._pool.submit(work) for _ in range(helpers)] if self._pool is not None else []

        def finish() -> list[R]:
            try:
                work()
            finally:
                running = [share for share in shares if not share.cancel()]  # others wait behind a longer call
                for share in running:
                    share.exception()
            for share in running:
                share.result()
            return [values[number] for number in range(len(items))]

        return finish
