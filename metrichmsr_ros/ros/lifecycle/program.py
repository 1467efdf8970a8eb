"""A process that runs one node until a signal ends it."""

from __future__ import annotations

import sys
from collections.abc import Callable

import rclpy
from rclpy.exceptions import ParameterException
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node

from metrichmsr_ros.ros.process import EndSignals, start_rclpy


def run_program(program: str, make: Callable[[EndSignals], Node], args: list[str] | None) -> None:
    """Run one node until SIGINT or SIGTERM.

    Args:
        program: its name, for messages.
        make: makes the node.
        args: of the command line; None: those of the process.

    Raises:
        SystemExit: an argument or the value of a parameter cannot be used; the message names it.
    """
    signals = EndSignals()
    signals.install()
    try:
        start_rclpy(program, args)
        signals.raise_if_came()  # before rclpy listened
        _spin(program, lambda: make(signals))
    except (KeyboardInterrupt, ExternalShutdownException):
        pass  # how a node ends
    except Exception:
        if not signals.came:
            raise
        # rclpy was shut down under what was at work
    finally:
        rclpy.try_shutdown()
        signals.close()


def _spin(program: str, make: Callable[[], Node]) -> None:
    try:
        node = make()
    except (ParameterException, ValueError) as error:  # names the parameter, its value and what is allowed
        sys.exit(f"{program}: {error}")
    try:
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        executor.spin()
    finally:
        node.destroy_node()
