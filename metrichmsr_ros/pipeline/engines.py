"""Choice of what runs a network: ONNX Runtime where it has the device and the graph, else torch."""

from __future__ import annotations

from pathlib import Path

from metrichmsr_ros.acceleration.execution import Execution
from metrichmsr_ros.errors import MissingPackageError
from metrichmsr_ros.hmr.config import check_precision
from metrichmsr_ros.hmr.engine import HMREngine
from metrichmsr_ros.hmr.onnx_engine import OnnxEngine
from metrichmsr_ros.hmr.weights import config_in, weights_path
from metrichmsr_ros.io.devices import in_place_of
from metrichmsr_ros.runtime.graph_file import graph_of
from metrichmsr_ros.runtime.providers import lack_of, providers_of
from metrichmsr_ros.runtime.weights_file import WeightsHeader


def load_engine(
    preset: str | Path,
    device: str = "cpu",
    num_threads: int = 1,
    execution: Execution = Execution(),  # noqa: B008 (frozen)
) -> HMREngine:
    """The network of a preset or of a `.safetensors` file.

    Args:
        preset: name of a preset with shipped weights, or path of a checkpoint.
        device: see `providers_of`; others are torch's.
        num_threads: CPU threads of ONNX Runtime.
        execution: how the network runs in torch. Whatever is not plain needs torch, also where there is a graph.

    Raises:
        WeightsFileError: missing, unreadable or unfitting file; names the file and the remedy.
        GraphFileError: the graph was exported from other weights.
        MissingPackageError: the network needs torch, which is not installed.
        ExecutionError: the network cannot run like that.
        DeviceError: neither ONNX Runtime nor torch has the device; names what both lack.
        ProviderError: ONNX Runtime lacks the provider of a device that only it can have.
    """
    path = weights_path(preset)
    has_graph = graph_of(path).is_file()
    if has_graph and execution.is_plain and (providers := providers_of(device)):
        return OnnxEngine(path, num_threads, providers)
    check_precision(config_in(WeightsHeader.read(path)), execution.precision)
    try:
        from metrichmsr_ros.hmr.network.checkpoint import load_torch_engine
    except ModuleNotFoundError as error:
        gpu = ", or 'metrichmsr_ros[gpu]' for ONNX Runtime on GPUs" if has_graph and execution.is_plain else ""
        compiled = "compiled, " if execution.compile else ""
        raise MissingPackageError(
            f"{compiled}{path.name} on {device} needs {error.name}: pip install 'metrichmsr_ros[train]'{gpu}. Without "
            "it, networks run on cpu, from graphs that `metrichmsr export` wrote where torch is installed"
        ) from error
    with in_place_of(lack_of(device) if has_graph else ""):
        return load_torch_engine(path, device, execution)
