"""One thread that always works on the newest item offered to it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

Item = TypeVar("Item")


class NewestFirstWorker(Generic[Item]):
    """Runs `work(item)` in its own thread; an item not yet begun when the next is offered is given up.

    So the executor thread never waits for inference, and no queue of stale images can build up. `work` must not raise.

    Args:
        work: called in the worker's thread, one item at a time.
        superseded: called in the offering thread for every item given up.
    """

    def __init__(self, work: Callable[[Item], None], superseded: Callable[[Item], None]) -> None:
        self._work, self._superseded = work, superseded
        self._changed = threading.Condition()
        self._next: Item | None = None
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="perception_worker", daemon=True)
        self._thread.start()

    def offer(self, item: Item) -> None:
        """Hand over an item; returns at once."""
        with self._changed:
            given_up, self._next = self._next, item
            self._changed.notify()
        if given_up is not None:
            self._superseded(given_up)

    def stop(self) -> None:
        """Finish the item in work, forget the next one, end the thread. Safe to call twice."""
        with self._changed:
            self._stopping, self._next = True, None
            self._changed.notify()
        if self._thread is not threading.current_thread():
            self._thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._stopping or self._next is not None)
                item, self._next = self._next, None
                if self._stopping or item is None:
                    return
            self._work(item)
