"""The process of a node: the signals that end it, of which the first counts, and how long it has run."""

from __future__ import annotations

import os
import re
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

_LOST_AFTER_S = 2.0  # a KeyboardInterrupt that came up in a destructor is lost, and the user tries again
END_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_START_FIELD = 22 - 3  # of /proc/PID/stat, counted from the field after the name of the program


class EndSignals:
    """What the first SIGINT or SIGTERM of this process does; those that follow at once do nothing.

    Under `ros2 launch` a Ctrl-C comes twice, from the terminal and from launch, and SIGTERM follows when the end takes
    long. Another one would break off the tidying up after the first, with a traceback and an exit code that launch
    reports as a crash.

    Args:
        numbers: the signals.

    Attributes:
        came: whether the first has come. rclpy's context says so too, but only some milliseconds later.
    """

    def __init__(self, numbers: Sequence[signal.Signals] = END_SIGNALS) -> None:
        self.came = False
        self._raised_s = 0.0
        self._numbers = numbers
        self._raises = False
        self._previous: dict[signal.Signals, Any] = {}

    def install(self) -> None:
        """Handle both signals from now on. Call before `rclpy.init`, whose own handlers call these."""
        self._previous = {number: signal.signal(number, self._on_signal) for number in self._numbers}

    def close(self) -> None:
        """Handle them as before; where one has come, ignore them until the process ends. rclpy must be shut down."""
        for number, handler in self._previous.items():
            signal.signal(number, signal.SIG_IGN if self.came else handler)

    @contextmanager
    def raising(self) -> Iterator[None]:
        """Within, the first signal raises KeyboardInterrupt, at once where it has come already.

        Elsewhere a signal is left to rclpy, whose `spin` it ends. Raised anywhere, e.g. within a destructor that is
        called from a callback, the exception would be lost.
        """
        self._raises = True
        try:
            self.raise_if_came()
            yield
        except Exception:
            self.raise_if_came()  # a library says in its own words that it broke off, as NumPy does
            raise
        finally:
            self._raises = False

    def raise_if_came(self) -> None:
        """Raise KeyboardInterrupt if the first signal has come."""
        if self.came:
            raise KeyboardInterrupt from None

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        # Ignored here and not by SIG_IGN: rclpy puts Python's own entry point back when it shuts down.
        is_first, now_s = not self.came, time.monotonic()
        self.came = True
        if self._raises and (is_first or now_s - self._raised_s > _LOST_AFTER_S):
            self._raised_s = now_s
            raise KeyboardInterrupt


def process_age_s() -> float | None:
    """Seconds since this process was started; None where the system does not say."""
    try:
        fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
        started_s = int(fields[_START_FIELD]) / os.sysconf("SC_CLK_TCK")
        return time.clock_gettime(time.CLOCK_BOOTTIME) - started_s
    except (OSError, AttributeError):
        return None


def start_rclpy(program: str, args: list[str] | None) -> None:
    """Start rclpy for a program.

    Raises:
        SystemExit: an argument or a parameter file cannot be used; the message names it.
    """
    import rclpy  # the rest of this module does without ROS

    try:
        rclpy.init(args=args)
    except RuntimeError as error:  # names lines of rcl's own source too
        text = re.sub(r"\s*,? at /\S+:\d+", "", str(error).removeprefix("failed to initialize rcl: "))
        remedy = "; set ROS_LOG_DIR to a folder that can be written to" if "log directory" in text else ""
        sys.exit(f"{program}: {text}{remedy}")
