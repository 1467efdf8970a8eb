"""Choice of what runs a network: ONNX Runtime where its graph lies beside the weights, else torch."""

from __future__ import annotations

from pathlib import Path

from metrichmsr_ros.errors import MissingPackageError
from metrichmsr_ros.hmr.engine import HMREngine
from metrichmsr_ros.hmr.onnx_engine import OnnxEngine
from metrichmsr_ros.hmr.weights import read_metadata, weights_path
from metrichmsr_ros.runtime.graph_file import graph_of


def load_engine(preset: str | Path, device: str = "cpu", num_threads: int = 1) -> HMREngine:
    """The network of a preset or of a `.safetensors` file.

    Args:
        preset: name of a preset with shipped weights, or path of a checkpoint.
        device: `cpu`, or a device of torch, e.g. `cuda`.
        num_threads: CPU threads of ONNX Runtime.

    Raises:
        CheckpointError: missing, unreadable or unfitting file; names the file and the remedy.
        GraphFileError: the graph was exported from other weights.
        MissingPackageError: the network needs torch, which is not installed.
        DeviceError: torch has no such device.
    """
    path = weights_path(preset)
    if device == "cpu" and graph_of(path).is_file():
        return OnnxEngine(path, num_threads)
    read_metadata(path)
    try:
        from metrichmsr_ros.hmr.network.checkpoint import load_torch_engine
    except ModuleNotFoundError as error:
        raise MissingPackageError(
            f"{path.name} on {device} needs {error.name}: pip install 'metrichmsr_ros[train]'. Without it, networks "
            "run on cpu, from graphs that `metrichmsr export` wrote where torch is installed"
        ) from error
    return load_torch_engine(path, device)
