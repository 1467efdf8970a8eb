"""Run time of the body models: `OMP_NUM_THREADS=2 python -m benchmarks.body [--smpl FILE]`.

Prints the minimum and median of `forward` (mesh and joints) and of `joints` alone, without gradients, float32.
"""

from __future__ import annotations

import argparse
import platform
import statistics
from collections.abc import Callable

import torch

from benchmarks.clock import milliseconds
from metrichmsr_ros.body.load import load_body

ROUNDS = 60
BATCHES = (1, 2, 5, 10)


def least_and_median(call: Callable[[], object]) -> tuple[float, float]:
    """Minimum and median over `ROUNDS` calls, ms, after five warm-up calls."""
    times = milliseconds(call, ROUNDS, warm_ups=5)
    return min(times), statistics.median(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smpl", help="also time this SMPL file")
    arguments = parser.parse_args()
    specs = ["open", "open_light"] + ([f"smpl:{arguments.smpl}"] if arguments.smpl else [])
    print(f"{platform.processor() or platform.machine()}, torch {torch.__version__}, {torch.get_num_threads()} threads")
    print(f"{'body':<12}{'vertices':>9}{'people':>7}{'mesh min':>10}{'median':>8}{'joints min':>12}{'median':>8}  ms")
    for spec in specs:
        body = load_body(spec)
        for people in BATCHES:
            inputs = torch.randn(people, 10), 0.3 * torch.randn(people, 72), torch.randn(people, 3)
            with torch.inference_mode():
                mesh = least_and_median(lambda model=body, args=inputs: model(*args))  # type: ignore[misc]
                joints = least_and_median(lambda model=body, args=inputs: model.joints(*args))  # type: ignore[misc]
            times = f"{mesh[0]:>10.2f}{mesh[1]:>8.2f}{joints[0]:>12.2f}{joints[1]:>8.2f}"
            print(f"{body.name:<12}{body.num_vertices:>9}{people:>7}{times}")


if __name__ == "__main__":
    main()
