"""Lifecycle cycles of a node in this process, and its memory."""

from __future__ import annotations

import gc
import os

import rclpy
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor

from benchmarks.processes import resident
from benchmarks.soak.nodes import InstantPipeline
from metrichmsr_ros.ros import node as perception

WARM_UP = 100


def run_cycles(count: int) -> None:
    """Configure, activate, deactivate and clean up many times; print how memory grew."""
    context = Context()
    rclpy.init(context=context)
    node = perception.make_node(InstantPipeline(), {"autostart": False}, context=context)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)
    for index in range(WARM_UP + count):
        if index == WARM_UP:
            gc.collect()
            before = resident(os.getpid())
        for step in (node.trigger_configure, node.trigger_activate, node.trigger_deactivate, node.trigger_cleanup):
            step()
        executor.spin_once(timeout_sec=0.0)
    gc.collect()
    after = resident(os.getpid())
    print(f"{count} times configure, activate, deactivate, cleanup")
    print(f"resident {before / 2**20:.1f} -> {after / 2**20:.1f} MiB, growth {100 * (after / before - 1):.2f} % (< 2)")
    executor.shutdown()
    node.destroy_node()
    rclpy.shutdown(context=context)
