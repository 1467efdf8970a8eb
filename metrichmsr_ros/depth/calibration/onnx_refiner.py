"""The refiner as a graph in ONNX Runtime: what robots run, without torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from metrichmsr_ros.depth.calibration.refiner import RefinerConfig
from metrichmsr_ros.runtime.graph_file import graph_of, load_graph
from metrichmsr_ros.runtime.providers import CPU, Providers
from metrichmsr_ros.runtime.weights_file import WeightsHeader
from metrichmsr_ros.types import Float32Array

FORMAT = "metrichmsr-refiner-1"
INPUTS, OUTPUTS = ("channels",), ("deviations",)


class OnnxRefiner:
    """A `RefinerEngine`.

    Args:
        weights: a .safetensors file with its graph beside it.
        num_threads: CPU threads of one call.
        providers: what computes; see `providers_of`.

    Raises:
        WeightsFileError: missing, unreadable, or no refiner.
        GraphFileError: no graph, or one of other weights; names the remedy.
    """

    def __init__(self, weights: str | Path, num_threads: int = 1, providers: Providers = CPU) -> None:
        file = WeightsHeader.read(weights)
        self._config = refiner_config_in(file)
        self._network = load_graph(graph_of(file.path), file, num_threads, providers)
        file.check_values()

    @property
    def config(self) -> RefinerConfig:
        """Size of the network."""
        return self._config

    def __call__(self, channels: Float32Array) -> Float32Array:
        """Deviations of one or more images; see `RefinerEngine`."""
        (deviations,) = self._network.run({"channels": np.ascontiguousarray(channels)}, OUTPUTS)
        return deviations


def refiner_config_in(weights: WeightsHeader) -> RefinerConfig:
    """The configuration that a refiner's weights file holds.

    Raises:
        WeightsFileError: not a refiner's weights, or its configuration cannot be read.
    """
    return weights.config(RefinerConfig, FORMAT, "a depth refiner")
