"""Run time of each part of scene depth at 640x480: `python -m benchmarks.latency [--threads 1] [--rounds 60]`.

One rendered place with two people. `refiner` covers all steps from initial to calibrated depth: the closed form, the
network and the fields at full resolution; `refiner, network alone` is the network. `--threads` sets torch's threads;
the node uses one, too.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
from collections.abc import Callable

import numpy as np
import torch

from benchmarks.clock import milliseconds
from metrichmsr_ros.assets import AssetError, asset_path
from metrichmsr_ros.body.load import load_body
from metrichmsr_ros.data.rendering.bystanders import stand_people
from metrichmsr_ros.data.rendering.depth_rooms import make_place
from metrichmsr_ros.data.synthesis.depth_corruptions import initial_depth
from metrichmsr_ros.depth.anchor import make_anchor
from metrichmsr_ros.depth.calibration import METHODS
from metrichmsr_ros.depth.calibration.network import TorchRefiner
from metrichmsr_ros.depth.calibration.refiner import refine, refiner_inputs
from metrichmsr_ros.depth.calibration.weights import load_refiner
from metrichmsr_ros.depth.factory import SHIPPED_REFINER
from metrichmsr_ros.depth.sources.base import DepthContext
from metrichmsr_ros.depth.sources.fastdepth import FastDepth

WIDTH, HEIGHT, PEOPLE = 640, 480, 2
SEED = 991_000
TARGET_MS = 20.0


def parts() -> dict[str, Callable[[], object]]:
    """The timed calls by name."""
    rng, body = np.random.default_rng(SEED), load_body("open_light")
    place = make_place(rng, body, WIDTH, HEIGHT, PEOPLE)
    depth, anchor, camera = initial_depth(rng, place), place.anchor, place.camera
    level, eye = np.array([[0.0, -1, 0], [0, 0, -1], [1, 0, 0]]), np.array([0, 0, 1.4])
    meshes, _, faces = stand_people(rng, body, camera, level, eye, 6.0, PEOPLE)
    model = load_refiner(asset_path(SHIPPED_REFINER))
    inputs = refiner_inputs(depth, anchor, camera, model.config)
    assert inputs is not None
    channels = torch.from_numpy(inputs.channels)[None]
    image = rng.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    measured: dict[str, Callable[[], object]] = {"anchor (z-buffer, mask)": lambda: make_anchor(meshes, faces, camera)}
    try:
        source = FastDepth()
        measured["fastdepth"] = lambda: source.predict(image, camera, DepthContext())
    except AssetError as error:
        print(f"fastdepth skipped: {error}")
    for name, fit in METHODS.items():
        measured[name] = lambda fit=fit: fit(depth, anchor).apply(depth)  # type: ignore[misc]
    measured["refiner"] = lambda: refine(TorchRefiner(model), depth, anchor, camera).apply(depth)
    measured["refiner, network alone"] = torch.inference_mode()(lambda: model(channels))
    return measured


def main() -> None:
    """Run the command in the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=60)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(f"{platform.machine()}, {os.cpu_count()} cores; torch {torch.__version__}, threads: {options.threads}")
    print(f"{WIDTH}x{HEIGHT}, {PEOPLE} people\n{'':26} {'min ms':>7} {'median ms':>10}")
    least = {}
    for name, work in parts().items():
        times = milliseconds(work, options.rounds, warm_ups=3)
        least[name] = min(times)
        print(f"{name:26} {min(times):7.1f} {statistics.median(times):10.1f}")
    verdict = "within" if least["refiner"] <= TARGET_MS else "over"
    print(f"refiner: {least['refiner']:.1f} ms at best, {verdict} {TARGET_MS:.0f} ms")


if __name__ == "__main__":
    main()
