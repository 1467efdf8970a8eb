"""Choice of what runs a preset's network."""

from __future__ import annotations

from pathlib import Path

from metrichmsr_ros.hmr.engine import HMREngine


def load_engine(preset: str | Path, device: str = "cpu", num_threads: int = 1) -> HMREngine:
    """The network of a preset or of a `.safetensors` file.

    Args:
        preset: name of a preset with shipped weights, or path of a checkpoint.
        device: torch device, e.g. `cpu`, `cuda`.
        num_threads: CPU threads of the networks' runtime.

    Raises:
        CheckpointError: missing, unreadable or unfitting file; names the file and the remedy.
        DeviceError: torch has no such device.
    """
    from metrichmsr_ros.hmr.network.checkpoint import load_torch_engine

    return load_torch_engine(preset, device)
