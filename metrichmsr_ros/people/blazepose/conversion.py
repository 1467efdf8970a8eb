"""BlazePose's .tflite files as ONNX graphs, by what is read of them.

A graph has the weights of the .tflite file, takes any number of images at once, and lacks what
nobody reads: the landmark networks' 256 x 256 segmentation, which costs as much as the rest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from metrichmsr_ros.people.blazepose.graph_rewrites import convolve_before_enlarging
from metrichmsr_ros.people.blazepose.onnx_writer import to_onnx
from metrichmsr_ros.people.blazepose.tflite_reader import TfliteError, TfliteGraph, read_tflite

_DETECTOR_OUTPUTS = ("boxes", "scores")
_LANDMARK_OUTPUTS = ("landmarks", "score", "segmentation", "heatmaps", "world")


@dataclass(frozen=True)
class NamedGraph:
    """One of BlazePose's networks.

    Attributes:
        graph: its operations. outputs: tensor numbers by name.
        scale, offset: its input is `images * scale + offset`, for images of 0..255.
    """

    graph: TfliteGraph
    outputs: Mapping[str, int]
    scale: float
    offset: float


def convert(content: bytes) -> bytes:
    """The ONNX file of a .tflite file with one of BlazePose's networks.

    Landmark networks: `images` (n, 256, 256, 3) uint8 RGB to `landmarks` (n, 195), `score` (n, 1) in 0..1, `heatmaps`
    (n, 39, 64, 64) logits, `world` (n, 117), and two maps of the trunk: `s16` (n, C, 16, 16), with C = 88 in the full
    and 160 in the heavy network, and `t8` (n, 288, 8, 8). Detector: `images` (n, 224, 224, 3) uint8 RGB to `boxes`
    (n, 2254, 12) and `scores` (n, 2254, 1), logits.

    Raises:
        TfliteError: another network, or no .tflite file.
    """
    named = named_graph(content)
    metadata = {"source_sha256": hashlib.sha256(content).hexdigest()}
    return to_onnx(named.graph, named.outputs, named.scale, named.offset, metadata)


def named_graph(content: bytes) -> NamedGraph:
    """The network in a .tflite file; its outputs are those of `convert`.

    Raises:
        TfliteError: another network, or no .tflite file.
    """
    graph = convolve_before_enlarging(read_tflite(content))
    if len(graph.outputs) == len(_DETECTOR_OUTPUTS):
        return NamedGraph(graph, dict(zip(_DETECTOR_OUTPUTS, graph.outputs, strict=True)), 2 / 255, -1.0)
    if len(graph.outputs) != len(_LANDMARK_OUTPUTS):
        raise TfliteError(f"{len(graph.outputs)} outputs: neither BlazePose's detector (2) nor a landmark network (5)")
    outputs = dict(zip(_LANDMARK_OUTPUTS, graph.outputs, strict=True)) | trunk_maps(graph)
    del outputs["segmentation"]
    return NamedGraph(graph, outputs, 1 / 255, 0.0)


def trunk_maps(graph: TfliteGraph) -> dict[str, int]:
    """Tensor numbers of the landmark network's maps `s16` and `t8`.

    `s16` is the encoder's last block at stride 16, on which both the encoder at stride 32 and the decoder stand. `t8`
    is what the heads' trunk has at 8 x 8 cells before its pooling to 4 x 4.

    Raises:
        TfliteError: no such maps.
    """
    shapes, operations = graph.shapes, graph.operations
    first = next((k for k, operation in enumerate(operations) if shapes[operation.output][1:3] == (8, 8)), 0)
    s16 = [op.output for op in operations[:first] if op.kind == "ADD" and shapes[op.output][1:3] == (16, 16)]
    t8 = [op.inputs[0] for op in operations if op.kind == "MAX_POOL_2D" and shapes[op.output][1:3] == (4, 4)]
    if not s16 or not t8:
        raise TfliteError("no maps of 16 x 16 and 8 x 8 cells: not one of BlazePose's landmark networks")
    return {"s16": s16[-1], "t8": t8[0]}
