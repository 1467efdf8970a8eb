"""Time of BlazePose's landmark networks in torch: `python -m benchmarks.gpu.blazepose [--device cuda] [--repeats 20]`.

For each number of people a line: from crops on the host to all that the package reads of them on the host, with and
without the trunk's maps; and the network alone on the device, without CUDA graphs, all of them in one batch. On a CPU
`--counts 1 4` is enough.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from functools import partial

import cv2
import numpy as np
import torch

from benchmarks.gpu.clock import milliseconds
from metrichmsr_ros.assets import asset_path, cache_dir
from metrichmsr_ros.io.devices import checked_device
from metrichmsr_ros.io.images import read_photograph
from metrichmsr_ros.people.blazepose.landmarks import CROP_SIZE
from metrichmsr_ros.people.blazepose.networks import FULL, HEAVY, LANDMARK_OUTPUTS, MAPS
from metrichmsr_ros.people.blazepose.torch_network import TorchNetwork, TorchSession

COUNTS = (1, 4, 256)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda", help="of torch")
    parser.add_argument("--repeats", type=int, default=20, help="calls of which the median is printed")
    parser.add_argument("--counts", type=int, nargs="+", default=COUNTS, help="people in one call")
    options = parser.parse_args()
    device = checked_device(options.device)
    named = torch.cuda.get_device_name(device) if device.type == "cuda" else str(device)
    print(f"{named}, torch {torch.__version__}; ms a call")
    for name in (FULL, HEAVY):
        if (cache_dir() / name).is_file():
            for line in lines(name, device, options.counts, options.repeats):
                print(line, flush=True)


def lines(name: str, device: torch.device, counts: Sequence[int], repeats: int) -> list[str]:
    """One line for each number of people."""
    photo = cv2.resize(read_photograph(asset_path("astronaut.jpg")).image, (CROP_SIZE, CROP_SIZE))
    sessions = [TorchSession(name, outputs, device) for outputs in (LANDMARK_OUTPUTS, LANDMARK_OUTPUTS + MAPS)]
    network = TorchNetwork.of(name, LANDMARK_OUTPUTS).to(device)
    found = []
    for count in counts:
        crops = np.repeat(photo[None], count, axis=0)
        calls: list[Callable[[], object]] = [
            partial(session.run, {"images": crops}, LANDMARK_OUTPUTS) for session in sessions
        ]
        calls.append(partial(torch.inference_mode()(network.forward), torch.from_numpy(crops).to(device)))
        plain, maps, alone = (milliseconds(call, device, repeats) for call in calls)
        found.append(f"{name:28} {count:3} people  {plain:8.2f}, with maps {maps:8.2f}, network alone {alone:8.2f}")
    return found


if __name__ == "__main__":
    main()
