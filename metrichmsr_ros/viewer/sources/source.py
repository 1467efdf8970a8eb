"""What every source of the viewer is, and frames of a second source kept in step with the first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from metrichmsr_ros.viewer.frames import ViewFrame

Stepped = TypeVar("Stepped")


def _nothing() -> None:
    """How a source ends that ends by itself."""


@dataclass(frozen=True)
class ViewSource:
    """One source.

    Attributes:
        name: of what is shown.
        frames: yields them, once.
        body: body model of the people for `load_body_engine`; None: unknown, only joints can be drawn.
        is_video: whether frames follow each other in time, so that people move along paths.
        notes: what the user should know about it.
        is_live: whether frames come as they happen, without end: the newest is shown, and old ones are forgotten.
        close: called once no more frames are wanted; it ends `frames`.
    """

    name: str
    frames: Iterator[ViewFrame]
    body: str | None
    is_video: bool
    notes: tuple[str, ...] = ()
    is_live: bool = False
    close: Callable[[], None] = _nothing


class InStep(Generic[Stepped]):
    """Finds items of an iterator that ascends by a key, for keys that ascend too.

    Args:
        items: the iterator.
        key: of an item.
    """

    def __init__(self, items: Iterator[Stepped], key: Callable[[Stepped], int]) -> None:
        self._items, self._key = items, key
        self._next: Stepped | None = next(items, None)

    def at(self, key: int) -> Stepped | None:
        """The item with this key; None if there is none."""
        while self._next is not None and self._key(self._next) < key:
            self._next = next(self._items, None)
        return self._next if self._next is not None and self._key(self._next) == key else None
