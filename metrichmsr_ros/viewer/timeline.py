"""The frames that have been read so far. One thread reads them, others look at them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

from metrichmsr_ros.errors import MetricHMRError
from metrichmsr_ros.viewer.frames import ViewFrame


class Timeline:
    """A list of frames that grows.

    Args:
        most: frames to keep; reading stops there.

    Attributes:
        ended: whether no more frames come.
        note: why reading stopped before the end of the source; else empty.
        error: the error that stopped it.
    """

    def __init__(self, most: int) -> None:
        self.ended = False
        self.note = ""
        self.error: BaseException | None = None
        self._most = most
        self._frames: list[ViewFrame] = []
        self._closed = threading.Event()

    def __len__(self) -> int:
        """Frames so far."""
        return len(self._frames)

    def __getitem__(self, index: int) -> ViewFrame:
        """One of them."""
        return self._frames[index]

    def times(self) -> list[float]:
        """Seconds of each frame."""
        return [frame.time_s for frame in self._frames]

    def close(self) -> None:
        """Read no more."""
        self._closed.set()

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
                if len(self._frames) >= self._most:
                    self.note = f"only the first {self._most} frames are shown; --frames shows more"
                    break
                self._frames.append(frame)
                changed()
        except MetricHMRError as error:
            self.error, self.note = error, str(error)
        except Exception as error:
            self.error, self.note = error, f"{type(error).__name__}: {error}"
        finally:
            self.ended = True
            changed()
