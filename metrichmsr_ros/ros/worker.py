"""A worker thread that processes offered items without a queue of stale ones."""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

Item = TypeVar("Item")

CATCH_UP_S = 0.02  # the newest item waits no longer for older ones
MOST_WAITING = 5  # images are large, and the network's first image may take long


class NewestWinsWorker(Generic[Item]):
    """Runs `work(item)` in its own thread, in order; drops old items so that the newest need not wait.

    If the duration of the last item predicts that all waiting items take at most `CATCH_UP_S`, all are processed: a
    fast network skips no image of a burst. Otherwise only the newest is kept. The executor's thread never waits.

    Args:
        work: called in the worker's thread, one item at a time; must not raise.
        superseded: called for every dropped item, in either thread.
        now: clock in seconds.
    """

    def __init__(
        self,
        work: Callable[[Item], None],
        superseded: Callable[[Item], None],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._work, self._superseded, self._now = work, superseded, now
        self._changed = threading.Condition()
        self._waiting: deque[Item] = deque()
        self._took_s = math.inf  # duration of the last item
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="perception_worker", daemon=True)
        self._thread.start()

    def offer(self, item: Item) -> None:
        """Offer an item; returns immediately. After `stop` the item is superseded."""
        with self._changed:
            self._waiting.append(item)
            self._changed.notify()
            given_up = [self._waiting.pop()] if self._stopping else self._too_many()
        for old in given_up:
            self._superseded(old)

    def stop(self) -> None:
        """Finish the current item, supersede waiting ones and end the thread. Safe to call twice."""
        with self._changed:
            self._stopping = True
            given_up = list(self._waiting)
            self._waiting.clear()
            self._changed.notify()
        for old in given_up:
            self._superseded(old)
        if self._thread is not threading.current_thread():
            self._thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._stopping or self._waiting)
                if self._stopping:
                    return
                given_up = self._too_many()
                item = self._waiting.popleft()
            for old in given_up:
                self._superseded(old)
            begun = self._now()
            self._work(item)
            self._took_s = max(self._now() - begun, 1e-6)

    def _too_many(self) -> list[Item]:
        room = min(max(1, int(CATCH_UP_S / self._took_s)), MOST_WAITING)
        return [self._waiting.popleft() for _ in range(len(self._waiting) - room)]
