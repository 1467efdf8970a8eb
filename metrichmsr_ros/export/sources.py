"""What is exported of each kind of network: its torch module, an example of its inputs, and people to compare on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch

from metrichmsr_ros.body import onnx_engine as onnx_body
from metrichmsr_ros.body.load import load_body
from metrichmsr_ros.body.open_tables import OpenTables
from metrichmsr_ros.depth.calibration import onnx_refiner
from metrichmsr_ros.depth.calibration.refiner import INPUT_CHANNELS
from metrichmsr_ros.depth.calibration.weights import load_refiner
from metrichmsr_ros.export.modules import BodyGraph, NetworkGraph, PixelGraph, RefinerGraph
from metrichmsr_ros.export.onnx_graph import GraphSource
from metrichmsr_ros.export.people import RandomPeople, random_crops, random_people
from metrichmsr_ros.hmr import onnx_engine
from metrichmsr_ros.hmr.config import ModelConfig
from metrichmsr_ros.hmr.network.checkpoint import load_model
from metrichmsr_ros.hmr.weights import config_in
from metrichmsr_ros.runtime.weights_file import WeightsHeader
from metrichmsr_ros.types import AnyArray

COMPARED = 100
COMPARED_CROPS = 4  # by a Vision Transformer on a CPU
_EXAMPLE = 3


def network_sources(weights: WeightsHeader) -> dict[str, GraphSource]:
    """The graphs of a network, by part of their name (`graph_file.graph_of`).

    Raises:
        MissingPackageError: the network is over a ViT, and transformers is not installed.
        WeightsFileError: not a weights file of a network.
    """
    config = config_in(weights)
    encoder = config.image_encoder
    if not encoder.reads_landmarks:
        return {"": _pixel_source(weights, config)}
    model, people = load_model(weights.path), random_people(COMPARED)
    inputs = onnx_engine.inputs_of(config)
    arrays = _arrays(people, inputs)
    axes = {name: {0: "views"} for name in arrays}
    sources = {"": _source(NetworkGraph(model), arrays, axes, onnx_engine.OUTPUTS, weights, "network.")}
    if encoder.reads_maps:
        arrays = _arrays(people, onnx_engine.PIXEL_INPUTS)
        axes = {name: {0: "views"} for name in arrays}
        module = PixelGraph(model)
        sources[onnx_engine.PIXELS] = _source(module, arrays, axes, onnx_engine.PIXEL_OUTPUTS, weights, "")
    return sources


def _pixel_source(weights: WeightsHeader, config: ModelConfig) -> GraphSource:
    views = random_crops(COMPARED_CROPS, config.image_encoder.crop_size)
    known = views.arrays() | {"is_mirrored": np.arange(len(views)) % 2 == 1}
    arrays = {name: known[name] for name in onnx_engine.inputs_of(config)}
    axes = {name: {0: "views"} for name in arrays}
    source = _source(NetworkGraph(load_model(weights.path)), arrays, axes, onnx_engine.OUTPUTS, weights, "network.")
    return replace(source, in_single=True)


def refiner_source(weights: WeightsHeader) -> GraphSource:
    """The graph of a refiner. Errors as `load_refiner`."""
    refiner = load_refiner(weights.path)
    rng, config = np.random.default_rng(0), refiner.config
    channels = rng.normal(0, 1, (_EXAMPLE + 1, INPUT_CHANNELS, config.height, config.width)).astype(np.float32)
    module, axes = RefinerGraph(refiner), {"channels": {0: "images"}}
    return _source(module, {"channels": channels}, axes, onnx_refiner.OUTPUTS, weights, "refiner.")


def body_source(name: str = "open_light") -> GraphSource:
    """The graph of all open bodies, with one of them as the example."""
    people, body = random_people(COMPARED), load_body(name)
    arrays = {part: getattr(people, part) for part in onnx_body.OF_PEOPLE}
    tables = onnx_body.graph_tables(OpenTables.load(name))
    axes = {part: {0: "people"} for part in arrays} | {
        "template": {0: "vertices"},
        "directions": {1: "vertices"},
        "weights": {0: "vertices"},
    }
    example = {part: torch.from_numpy(array[:_EXAMPLE]) for part, array in arrays.items()}
    example |= {part: torch.from_numpy(table) for part, table in tables.items()}
    return GraphSource(BodyGraph(body), example, axes, onnx_body.OUTPUTS, people=arrays | tables)


def _arrays(people: RandomPeople, names: tuple[str, ...]) -> dict[str, AnyArray]:
    known = people.views.arrays() | {"is_mirrored": np.arange(len(people.views)) % 2 == 1}
    return {name: known[name] for name in names}


def _source(
    module: torch.nn.Module,
    arrays: Mapping[str, AnyArray],
    axes: Mapping[str, Mapping[int, str]],
    outputs: tuple[str, ...],
    weights: WeightsHeader,
    prefix: str,
) -> GraphSource:
    example = {name: torch.from_numpy(array[:_EXAMPLE]) for name, array in arrays.items()}
    return GraphSource(module, example, axes, outputs, arrays, weights, prefix)
