"""Ctrl-C, once."""

from __future__ import annotations

import signal
from types import FrameType


def interrupt_once() -> None:
    """Let the first SIGINT raise KeyboardInterrupt and ignore those after it. Call before `rclpy.init`.

    Under `ros2 launch` a Ctrl-C comes twice, from the terminal and from launch; the second one would break off the
    tidying up after the first, with a traceback and an exit code that launch reports as a crash.
    """

    def first(number: int, frame: FrameType | None) -> None:
        signal.signal(number, _ignore)
        raise KeyboardInterrupt

    signal.signal(signal.SIGINT, first)


def is_interrupted() -> bool:
    """Whether that first SIGINT has come. rclpy's context says so too, but only some milliseconds later."""
    return signal.getsignal(signal.SIGINT) is _ignore


def _ignore(number: int, frame: FrameType | None) -> None:
    # Not SIG_IGN: rclpy puts Python's own entry point back when it shuts down, which then looks for a function to call.
    pass
