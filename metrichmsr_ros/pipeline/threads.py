"""CPU threads of torch."""

from __future__ import annotations

import torch

from metrichmsr_ros.io.devices import checked_device


def limit_threads(preset: str, device: str) -> None:
    """Give torch one CPU thread for the embedded network, which is too small to gain from more.

    Holds for the whole process, so programs call it (node, replay, demo), never `Pipeline`. All of them must, because
    the last bits of torch's sums depend on it and a replay gives what the node gave.

    Args:
        preset: name of the preset or path of a checkpoint; other presets keep torch's own number of threads.
        device: torch device of the network.
    """
    if preset == "embedded" and checked_device(device).type == "cpu":
        torch.set_num_threads(1)
