"""Ctrl-C, once."""

from __future__ import annotations

import signal
from types import FrameType


def interrupt_once() -> None:
    """Let the first SIGINT raise KeyboardInterrupt and ignore later ones. Call before `rclpy.init`.

    Under `ros2 launch` the process gets Ctrl-C twice, from the terminal and from launch. The second one would interrupt
    the cleanup, with a traceback and an exit code that launch reports as a crash.
    """

    def first(number: int, frame: FrameType | None) -> None:
        signal.signal(number, _ignore)
        raise KeyboardInterrupt

    signal.signal(signal.SIGINT, first)


def is_interrupted() -> bool:
    """Whether the first SIGINT has arrived; rclpy's context reports it some milliseconds later."""
    return signal.getsignal(signal.SIGINT) is _ignore


def _ignore(number: int, frame: FrameType | None) -> None:
    # Not SIG_IGN: at shutdown rclpy restores Python's handler, which then needs a function to call.
    pass
