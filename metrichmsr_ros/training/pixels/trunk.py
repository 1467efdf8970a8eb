"""Weights of BlazePose's trunk above stride 16, from which the branch's copy starts."""

from __future__ import annotations

import torch

from metrichmsr_ros.assets import model_path
from metrichmsr_ros.hmr.network.pixels.branch import TRUNK_HIDDEN
from metrichmsr_ros.people.blazepose.conversion import trunk_maps
from metrichmsr_ros.people.blazepose.tflite_operations import convolution_of
from metrichmsr_ros.people.blazepose.tflite_reader import Operation, TfliteError, TfliteGraph, read_tflite

_PARTS = (("expand", "CONV_2D"), ("filter", "DEPTHWISE_CONV_2D"), ("project", "CONV_2D"))


def blazepose_trunk() -> dict[str, torch.Tensor]:
    """State of `PixelPosition.trunk` as BlazePose's full landmark network has it.

    Raises:
        AssetError: the network was not fetched.
        TfliteError: the file is another network.
    """
    graph = read_tflite(model_path("pose_landmark_full.tflite").read_bytes())
    tensor, state = trunk_maps(graph)["s16"], {}
    for block, hidden in enumerate(TRUNK_HIDDEN):
        inside = tensor
        for part, kind in _PARTS:
            operation = _reader(graph, inside, kind, hidden if part == "expand" else None)
            convolution = convolution_of(graph, operation)
            state[f"{block}.{part}.weight"] = torch.from_numpy(convolution.weights)
            state[f"{block}.{part}.bias"] = torch.from_numpy(convolution.bias)
            inside = operation.output
        tensor = inside if block == 0 else _reader(graph, inside, "ADD", None).output
    return state


def _reader(graph: TfliteGraph, tensor: int, kind: str, channels: int | None) -> Operation:
    """The first operation of that kind that reads a tensor, padded or not, and where it matters has that many channels.

    Raises:
        TfliteError: there is none.
    """
    padded = {op.output for op in graph.operations if op.kind == "PAD" and tensor in op.inputs}
    for operation in graph.operations:
        reads = operation.kind == kind and not {tensor, *padded}.isdisjoint(operation.inputs)
        if reads and channels in (None, graph.shapes[operation.output][-1]):
            return operation
    raise TfliteError(f"no {kind} reads tensor {tensor}: not BlazePose's full landmark network")
