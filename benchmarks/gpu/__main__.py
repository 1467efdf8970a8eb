"""Networks on a GPU by preset, people and precision, beside the card's measured limits; equality with the CPU.

    python -m benchmarks.gpu [--device cuda] [--quick] [--training]

Limits are measured in the same run: one bf16 product of 8192 x 8192 matrices, and one copy of 1 GiB. A network's limit
is the longer of its operations at the one rate and its weights, read once, at the other. Times of networks are from
arrays on the host to arrays on the host. Presets whose weights are not shipped run with random ones, which are as fast.
Without a GPU only the equality is checked, on the CPU. Ends with status 1 if a bound of the equality is exceeded.
"""

from __future__ import annotations

import argparse
import os
import sys

import torch

from benchmarks.gpu import camera, equality, networks, parts, training
from benchmarks.gpu.limits import Limits
from benchmarks.gpu.people import Found, inputs_of, rendered_people
from metrichmsr_ros.acceleration.execution import Execution
from metrichmsr_ros.io.devices import checked_device
from metrichmsr_ros.training.human.config import TrainConfig

PRESETS = ("embedded", "vitpose-b", "paper")
COUNTS = (1, 4, 8, 32)
COMPARED = 8
"""People in whom ways to run a network are compared."""
TRAINED = {"vitpose-b": 64, "paper": 32}
"""Batch sizes of training steps."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", help="of torch; by default cuda where there is one, else cpu")
    parser.add_argument("--quick", action="store_true", help="one and eight people, and the fastest precisions")
    parser.add_argument("--training", action="store_true", help="also training steps and the data loader")
    options = parser.parse_args()
    device = checked_device(options.device or ("cuda" if torch.cuda.is_available() else "cpu"))
    people = rendered_people(COMPARED)
    if device.type == "cuda":
        _on_gpu(device, people, options.quick, options.training)
    else:
        print(f"no GPU: torch {torch.__version__} on the CPU; only the equality is checked")
    sys.exit(0 if _equal(device, people) else 1)


def _on_gpu(device: torch.device, people: list[Found], quick: bool, trains: bool) -> None:
    limits = Limits.of(device)
    print(f"{torch.cuda.get_device_name(device)}, torch {torch.__version__}")
    print(f"limits: {limits.flops / 1e12:.0f} TFLOP/s in bf16, {limits.bytes / 1e9:.0f} GB/s copied")
    for preset in PRESETS:
        for execution in networks.executions_of(preset):
            if quick and not execution.compile:
                continue
            for count in (1, 8) if quick else COUNTS:
                print(networks.line(networks.timed(preset, execution, people, count, device, limits)), flush=True)
        precision = "float32" if preset == "embedded" else "bf16"
        print(parts.line(preset, 1, parts.parts_of(preset, precision, people, 1, device)), flush=True)
    shared = parts.shared_parts(COMPARED, device)
    print(f"{parts.line('all', COMPARED, shared)} (refiner <= {parts.REFINER_TARGET_MS})", flush=True)
    rate, seen = camera.frames_a_second("cuda")
    print(
        f"camera to people, 640x480, embedded: {rate:.0f} frames/s with {seen:.1f} people seen "
        f"(>= {camera.TARGET_FPS:.0f}{'' if rate >= camera.TARGET_FPS else ', MISSED'})"
    )
    if trains:
        _training(device, people, limits)


def _training(device: torch.device, people: list[Found], limits: Limits) -> None:
    for preset, size in TRAINED.items():
        config = TrainConfig(model=networks.network_of(preset).config)
        rate = training.step_rate(config, inputs_of(config.model, people, size), device, limits)
        workers = max(1, (os.cpu_count() or 2) - 1)
        loaded = training.loader_rate(config, workers, size)
        print(
            f"training {preset}: {rate.crops:.0f} crops/s, {100 * rate.share:.0f} % of the limit; "
            f"the data loader with {workers} processes draws {loaded:.0f}",
            flush=True,
        )


def _equal(device: torch.device, people: list[Found]) -> bool:
    small = True
    for preset in PRESETS if device.type == "cuda" else ("embedded", "vitpose-b"):
        model = networks.network_of(preset)
        ways = networks.executions_of(preset)
        if device.type == "cpu":
            ways = (Execution(compile=True),) if preset == "embedded" else (Execution("bf16"),)
        for execution in ways:
            found = equality.difference(model, execution, people, device)
            print(equality.line(_named(preset), execution, device, found), flush=True)
            small = small and found.is_small
    return small


def _named(preset: str) -> str:
    return preset if preset == "embedded" else f"{preset} (random)"


if __name__ == "__main__":
    main()
