"""The network as graphs in ONNX Runtime: what robots run, without torch.

engine = OnnxEngine("embedded.safetensors")       # with embedded.onnx and embedded_pixels.onnx beside it
estimate = engine(views, is_mirrored)
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from metrichmsr_ros.assets import file_sha256
from metrichmsr_ros.hmr.config import ModelConfig
from metrichmsr_ros.hmr.estimate import EstimateFromPixels, HMREstimate
from metrichmsr_ros.hmr.inputs import CropInputs, refuse_heavy
from metrichmsr_ros.hmr.weights import config_in
from metrichmsr_ros.runtime.graph_file import graph_of, load_graph
from metrichmsr_ros.runtime.providers import CPU, Providers
from metrichmsr_ros.runtime.session import OnnxNetwork
from metrichmsr_ros.runtime.weights_file import WeightsHeader
from metrichmsr_ros.types import AnyArray

_OF_PEOPLE = ("landmarks", "visibility", "presence", "world", "crop_intrinsics", "intrinsics", "image_size")
OUTPUTS = ("rotmats", "betas", "transl", "transl_deviation")
PIXEL_INPUTS = (*_OF_PEOPLE, "trunk_maps", "decoder_maps", "is_mirrored")
PIXEL_OUTPUTS = ("transl", "log_deviation", "betas")
PIXELS = "pixels"
"""Part of the graphs of a network with a pixel branch, see `graph_of`."""
CROP_SIZE = (256, 256)
_OF_CROPS = ("image", "crop_intrinsics", "intrinsics", "image_size", "is_mirrored")


def inputs_of(config: ModelConfig) -> tuple[str, ...]:
    """Names of the inputs of the graph over landmarks, or over pixels."""
    if not config.image_encoder.reads_landmarks:
        return _OF_CROPS
    return (*_OF_PEOPLE, *(["heavy"] if config.image_encoder.reads_heavy else []), "is_mirrored")


class OnnxEngine:
    """An `HMREngine`.

    Args:
        weights: a .safetensors file with its graphs beside it.
        num_threads: CPU threads of one call.
        providers: what computes; see `providers_of`.

    Raises:
        WeightsFileError: missing, unreadable, or of another network.
        GraphFileError: no graph, or one of other weights; names the remedy.
    """

    def __init__(self, weights: str | Path, num_threads: int = 1, providers: Providers = CPU) -> None:
        file = WeightsHeader.read(weights)
        self._config = config_in(file)
        self._path = file.path
        self._landmarks = load_graph(graph_of(file.path), file, num_threads, providers)
        reads_maps = self._config.image_encoder.reads_maps
        pixels = graph_of(file.path, PIXELS)
        self._pixels = load_graph(pixels, file, num_threads, providers) if reads_maps else None
        self._inputs = inputs_of(self._config)
        file.check_values()

    @property
    def config(self) -> ModelConfig:
        """The network's configuration."""
        return self._config

    @cached_property
    def weights_sha256(self) -> str:
        """Hex sha256 of the weights file."""
        return file_sha256(self._path)

    @property
    def cuts_crops(self) -> bool:
        """False: these networks read landmarks."""
        return False

    @property
    def about(self) -> Mapping[str, str]:
        """What runs the network; see `HMREngine`."""
        return {"network on": self._landmarks.runs_on, "precision": "float32", "compiled": "by ONNX Runtime"}

    def __call__(self, views: CropInputs, is_mirrored: NDArray[np.bool_]) -> HMREstimate:
        """One estimate a view; see `HMREngine`.

        Raises:
            ValueError: views of the heavy landmark network, by weights that were not trained on them.
        """
        if not self._config.image_encoder.reads_heavy:
            refuse_heavy(views.heavy)
        arrays = {"heavy": np.zeros(len(views), np.bool_)} | views.arrays()
        return HMREstimate(*_answers(self._landmarks, self._inputs, OUTPUTS, arrays, is_mirrored))

    def from_pixels(self, views: CropInputs, is_mirrored: NDArray[np.bool_]) -> EstimateFromPixels:
        """What the pixel branch reads in each view; see `HMREngine`."""
        if self._pixels is None:
            raise ValueError("this network has no pixel branch")
        return EstimateFromPixels(*_answers(self._pixels, PIXEL_INPUTS, PIXEL_OUTPUTS, views.arrays(), is_mirrored))


def _answers(
    network: OnnxNetwork,
    inputs: tuple[str, ...],
    outputs: tuple[str, ...],
    arrays: dict[str, AnyArray],
    is_mirrored: NDArray[np.bool_],
) -> list[AnyArray]:
    given = arrays | {"is_mirrored": is_mirrored}
    return network.run({name: np.ascontiguousarray(given[name]) for name in inputs}, outputs)
