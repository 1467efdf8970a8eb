"""The refiner as a graph in ONNX Runtime: what robots run, without torch."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from metrichmsr_ros.depth.calibration.refiner import RefinerConfig
from metrichmsr_ros.depth.sources.base import DepthError
from metrichmsr_ros.runtime.graph_file import GraphFileError, graph_of, load_graph
from metrichmsr_ros.runtime.providers import CPU, Providers
from metrichmsr_ros.runtime.weights_file import WeightsFileError, WeightsHeader
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
        DepthError: no refiner, or its graph is missing or was exported from other weights; names the remedy.
    """

    def __init__(self, weights: str | Path, num_threads: int = 1, providers: Providers = CPU) -> None:
        try:
            file = WeightsHeader.read(weights)
            self._config = refiner_config_in(file)
            self._network = load_graph(graph_of(file.path), file, num_threads, providers)
        except (WeightsFileError, GraphFileError) as error:
            raise DepthError(str(error)) from error

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
        DepthError: not a refiner's weights, or its configuration cannot be read.
    """
    if weights.metadata.get("format") != FORMAT:
        raise DepthError(f"{weights.path} is not a depth refiner (format {weights.metadata.get('format')!r})")
    try:
        values = json.loads(weights.metadata["config"])
        return RefinerConfig(**{**values, "channels": tuple(values["channels"])})
    except (KeyError, TypeError, ValueError) as error:
        raise DepthError(f"{weights.path}: its configuration cannot be read: {error}") from error
