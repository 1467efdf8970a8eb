"""`metrichmsr export`: the graphs of a preset or of a weights file, written beside the weights and compared with torch.

for exported in export("embedded"):
    print(exported.path, exported.differences)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from metrichmsr_ros.assets import asset_path
from metrichmsr_ros.body.onnx_engine import GRAPH as BODY_GRAPH
from metrichmsr_ros.depth.calibration import onnx_refiner
from metrichmsr_ros.errors import MetricHMRError
from metrichmsr_ros.export.onnx_graph import GraphSource, export_graph
from metrichmsr_ros.export.sources import body_source, network_sources, refiner_source
from metrichmsr_ros.hmr.weights import weights_path
from metrichmsr_ros.io.whole_files import remove_parts, write_whole
from metrichmsr_ros.runtime.graph_file import LAYOUT, graph_of, load_graph
from metrichmsr_ros.runtime.session import OnnxNetwork
from metrichmsr_ros.runtime.weights_file import WeightsHeader
from metrichmsr_ros.types import AnyArray

REFINER = "refiner.safetensors"
LARGEST_DIFFERENCE = 1e-4
"""Of any output, in its unit: metres, entries of rotation matrices, betas, logarithms."""


class ExportError(MetricHMRError, ValueError):
    """Weights that cannot be exported, or a graph that does not equal torch; the message says what to do."""


@dataclass(frozen=True)
class Exported:
    """A graph's file, and the largest difference of each of its outputs from torch on 100 random people."""

    path: Path
    differences: Mapping[str, float]


def export(preset: str | Path, out: Path | None = None) -> list[Exported]:
    """Write graphs.

    Args:
        preset: name of a preset with shipped weights, for all of its graphs: of the network, the refiner and the open
            bodies. Or the path of a .safetensors file, of a network or of a refiner, for that file's graphs.
        out: folder for the graphs and copies of the weights; None: beside the weights.

    Raises:
        ExportError: weights that cannot be exported, or a graph that does not equal torch.
        WeightsFileError: not a readable weights file.
    """
    weights, is_file = weights_path(preset), Path(preset).is_file()
    done = _export_weights(_placed(weights, out))
    if is_file:
        return done
    done += _export_weights(_placed(asset_path(REFINER), out))
    return [*done, write_graph(body_source(), (out or weights.parent) / BODY_GRAPH)]


def write_graph(source: GraphSource, path: Path) -> Exported:
    """Export, write and compare one graph.

    Raises:
        ExportError: it does not equal torch.
    """
    weights = source.weights
    about = {} if weights is None else {LAYOUT: weights.layout_sha256, "config": weights.metadata["config"]}
    remove_parts(path.parent)
    write_whole(path, export_graph(source, {"format": "metrichmsr-graph-1"} | about))
    network = OnnxNetwork(path) if weights is None else load_graph(path, weights)
    exported = Exported(path, differences(source, network, source.people))
    worst = max(exported.differences, key=lambda name: exported.differences[name])
    if not exported.differences[worst] <= LARGEST_DIFFERENCE:
        raise ExportError(
            f"{path}: its {worst} differs from torch by {exported.differences[worst]:.1e}, "
            f"more than {LARGEST_DIFFERENCE:.0e}; do not use it"
        )
    return exported


@torch.inference_mode()
def differences(source: GraphSource, network: OnnxNetwork, inputs: Mapping[str, AnyArray]) -> dict[str, float]:
    """The largest absolute difference of each output from torch."""
    expected: Sequence[torch.Tensor] = source.module({name: torch.from_numpy(a) for name, a in inputs.items()})
    found = network.run(inputs, source.outputs)
    return {
        name: float(np.abs(ours - theirs.numpy()).max())
        for name, ours, theirs in zip(source.outputs, found, expected, strict=True)
    }


def _export_weights(weights: WeightsHeader) -> list[Exported]:
    if weights.metadata.get("format") == onnx_refiner.FORMAT:
        return [write_graph(refiner_source(weights), graph_of(weights.path))]
    return [write_graph(source, graph_of(weights.path, part)) for part, source in network_sources(weights).items()]


def _placed(weights: Path, out: Path | None) -> WeightsHeader:
    """The weights, copied to `out` first if they are elsewhere."""
    found = WeightsHeader.read(weights)
    if out is None or out.resolve() == weights.resolve().parent:
        return found
    out.mkdir(parents=True, exist_ok=True)
    write_whole(out / weights.name, weights.read_bytes())
    return WeightsHeader.read(out / weights.name)
