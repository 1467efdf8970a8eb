"""The frames that have been read so far. One thread reads them, others look at them."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable

from metrichmsr_ros.errors import MetricHMRError
from metrichmsr_ros.viewer.frames import ViewFrame


class Timeline:
    """A list of frames that grows. An index is that of a frame since the beginning, also where old ones are forgotten.

    Args:
        most: frames to keep.
        forgets: forget the oldest frame beyond `most`; else reading stops there.

    Attributes:
        ended: whether no more frames come.
        note: why reading stopped before the end of the source; else empty.
        error: the error that stopped it.
        first: index of the oldest frame that is kept.
    """

    def __init__(self, most: int, forgets: bool = False) -> None:
        self.ended = False
        self.note = ""
        self.error: BaseException | None = None
        self.first = 0
        self._most, self._forgets = most, forgets
        self._frames: deque[ViewFrame] = deque()
        self._times: list[float] = []
        self._lock = threading.Lock()
        self._closed = threading.Event()

    def __len__(self) -> int:
        """Frames so far, with those that are forgotten."""
        return len(self._times)

    def __getitem__(self, index: int) -> ViewFrame:
        """One of them; the oldest that is kept in place of one that is forgotten."""
        with self._lock:
            return self._frames[max(0, index - self.first)]

    def times(self) -> list[float]:
        """Seconds of each frame, also of those that are forgotten."""
        return self._times

    def close(self) -> None:
        """Read no more."""
        self._closed.set()

    def _keep(self, frame: ViewFrame) -> None:
        with self._lock:
            self._frames.append(frame)
            self._times.append(frame.time_s)
            if len(self._frames) > self._most:
                self._frames.popleft()
                self.first += 1

    def fill(self, frames: Iterable[ViewFrame], changed: Callable[[], None] = lambda: None) -> None:
        """Read frames to their end. An error is kept in `error`, because nobody waits for this thread.

        Args:
            frames: of the source.
            changed: called after each frame and at the end.
        """
        try:
            for frame in frames:
                if self._closed.is_set():
                    return
                if len(self._frames) >= self._most and not self._forgets:
                    self.note = f"only the first {self._most} frames are shown; --frames shows more"
                    break
                self._keep(frame)
                changed()
        except MetricHMRError as error:
            self.error, self.note = error, str(error)
        except Exception as error:
            self.error, self.note = error, f"{type(error).__name__}: {error}"
        finally:
            self.ended = True
            changed()
