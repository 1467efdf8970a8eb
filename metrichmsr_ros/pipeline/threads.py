"""CPU threads of torch."""

from __future__ import annotations


def limit_threads(preset: str, device: str, num_threads: int | None = None) -> None:
    """Give torch one CPU thread for the embedded network, which is too small to gain from more.

    Holds for the whole process, so programs call it (node, replay, demo), never `Pipeline`. All of them must, because
    the last bits of torch's sums depend on it and a replay gives what the node gave.

    Args:
        preset: name of the preset or path of a checkpoint.
        device: torch device of the network.
        num_threads: for other presets; None: torch's own number.
    """
    threads = 1 if preset == "embedded" and device == "cpu" else num_threads
    if threads is not None:
        import torch

        torch.set_num_threads(threads)
