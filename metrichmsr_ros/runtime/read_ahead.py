"""The next items of an iterator are made in a thread while the caller uses the present one."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Piece = TypeVar("Piece")


def read_ahead(items: Iterable[Piece], count: int = 2) -> Iterator[Piece]:
    """The items in their order, of which `count` are made ahead; errors come in the place of their item.

    All items are made in one thread. When the caller stops early, those that were begun are made first.
    """
    iterator = iter(items)

    def take() -> list[Piece]:
        for item in iterator:
            return [item]
        return []  # the end

    with ThreadPoolExecutor(1, "read_ahead") as thread:
        waiting: deque[Future[list[Piece]]] = deque(thread.submit(take) for _ in range(count))
        while taken := waiting.popleft().result():
            waiting.append(thread.submit(take))
            yield from taken
