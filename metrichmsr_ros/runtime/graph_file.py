"""A graph beside the weights file into which it points.

    weights = WeightsHeader.read("embedded.safetensors")
    network = load_graph(graph_of(weights.path), weights)     # embedded.onnx

The graph has no weights of its own, so it fits every weights file with the same header, and no other.
"""

from __future__ import annotations

from pathlib import Path

from metrichmsr_ros.errors import MetricHMRError
from metrichmsr_ros.runtime.providers import CPU, Providers
from metrichmsr_ros.runtime.session import OnnxNetwork, OnnxNetworkError
from metrichmsr_ros.runtime.weights_file import WeightsHeader

LAYOUT = "weights_layout_sha256"
"""Name under which a graph holds `WeightsHeader.layout_sha256`."""


class GraphFileError(MetricHMRError, ValueError):
    """A graph is missing, unreadable, or was exported from other weights; the message names the remedy."""


def graph_of(weights: Path, part: str = "") -> Path:
    """Where the graph of a weights file belongs; `part` names one of several. It may not exist yet."""
    return weights.with_name(f"{weights.stem}{f'_{part}' if part else ''}.onnx")


def load_graph(graph: Path, weights: WeightsHeader, num_threads: int = 1, providers: Providers = CPU) -> OnnxNetwork:
    """The network of a graph and the weights beside it.

    Raises:
        GraphFileError: no graph, an unreadable one, or one of other weights.
    """
    remedy = f"`metrichmsr export {weights.path}` writes it (needs the extra `train`)"
    if not graph.is_file():
        raise GraphFileError(f"{weights.path} has no graph {graph.name} beside it; {remedy}")
    try:
        # Resolved, because the weights lie beside the file itself and not always beside a link to it.
        network = OnnxNetwork(graph.resolve(), num_threads, providers)
    except OnnxNetworkError as error:
        raise GraphFileError(f"{error}. The file is damaged, or of other weights; {remedy}") from error
    if network.metadata.get(LAYOUT) != weights.layout_sha256:
        raise GraphFileError(f"{graph} was exported from other weights than {weights.path}; {remedy}")
    return network
