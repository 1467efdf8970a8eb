"""Run time of BlazePose's networks alone: `python -m benchmarks.blazepose [--threads 1 2] [--rounds 60]`.

All ways take turns on the same picture, so that a busy machine slows all of them alike: LiteRT on
the .tflite file with all of its outputs (where ai-edge-litert is installed), ONNX Runtime on the converted graph with
the outputs that the package reads, with the trunk's maps too, with four images in one call, and with two calls at a
time on two cores, as the package calls it (times per image).
CPU time is of all threads.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping

import cv2
import numpy as np
import onnxruntime

from metrichmsr_ros.assets import asset_path, cache_dir, model_path
from metrichmsr_ros.people.blazepose.network_files import NETWORKS, converted
from metrichmsr_ros.runtime.session import OnnxNetwork
from metrichmsr_ros.runtime.workers import Workers
from metrichmsr_ros.types import ImageArray

MAPS = ("s16", "t8")
WARM_UP = 3
Way = tuple[Callable[[], object], int]
"""A call and the number of images in it."""


def ways_to_run(name: str, threads: int) -> dict[str, Way]:
    """Calls of one network by what runs them."""
    network = OnnxNetwork(converted(name), threads)
    side = int(network.inputs["images"][1])
    photo = cv2.imread(str(asset_path("astronaut.jpg")))
    assert photo is not None
    image = np.asarray(cv2.resize(photo, (side, side)), np.uint8)
    read = [output for output in network.outputs if output not in MAPS]
    ways: dict[str, Way] = {}
    if importlib.util.find_spec("ai_edge_litert"):
        ways["LiteRT, all outputs"] = (litert_call(name, threads, image), 1)
    ways["ONNX Runtime"] = (lambda: network.run({"images": image[None]}, read), 1)
    if MAPS[0] in network.outputs:
        ways["ONNX Runtime, with maps"] = (lambda: network.run({"images": image[None]}, [*read, *MAPS]), 1)
    four = np.stack([image] * 4)
    ways["ONNX Runtime, four images"] = (lambda: network.run({"images": four}, read), 4)
    workers = Workers(2)
    run: Callable[[int], object] = lambda _: network.run({"images": image[None]}, read)  # noqa: E731
    ways["ONNX Runtime, two calls"] = (lambda: workers.map(run, range(2)), 2)
    return ways


def litert_call(name: str, threads: int, image: ImageArray) -> Callable[[], object]:
    """The .tflite file in LiteRT, with the conversion of the image to float32 that it needs."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(model_path(name)), num_threads=threads)
    interpreter.allocate_tensors()
    entry = interpreter.get_input_details()[0]["index"]
    outputs = [detail["index"] for detail in interpreter.get_output_details()]

    def call() -> object:
        interpreter.set_tensor(entry, (image * np.float32(1 / 255))[None])
        interpreter.invoke()
        return [interpreter.get_tensor(output) for output in outputs]

    return call


def take_turns(ways: Mapping[str, Way], rounds: int) -> dict[str, tuple[list[float], list[float]]]:
    """Wall-clock and CPU times, ms per image, of `rounds` calls of each way."""
    times: dict[str, tuple[list[float], list[float]]] = {way: ([], []) for way in ways}
    for k in range(WARM_UP + rounds):
        for way, (call, images) in ways.items():
            wall, cpu = time.perf_counter(), time.process_time()
            call()
            if k >= WARM_UP:
                times[way][0].append(1e3 * (time.perf_counter() - wall) / images)
                times[way][1].append(1e3 * (time.process_time() - cpu) / images)
    return times


def main() -> None:
    """Run the command in the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=60)
    options = parser.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} cores; ONNX Runtime {onnxruntime.__version__}")
    print(f"{'':26} {'':7} {'':26} {'min ms':>7} {'median':>7} {'CPU ms':>7} {'CPU / first':>11}")
    for name in (name for name in NETWORKS if (cache_dir() / name).is_file()):
        for threads in options.threads:
            times = take_turns(ways_to_run(name, threads), options.rounds)
            first = statistics.median(next(iter(times.values()))[1])
            for way, (wall, cpu) in times.items():
                middle = statistics.median(cpu)
                print(
                    f"{name:26} {threads} thr. {way:26} {min(wall):7.1f} {statistics.median(wall):7.1f} "
                    f"{middle:7.1f} {middle / first:11.2f}"
                )


if __name__ == "__main__":
    main()
