"""What TFLite's operations mean, for whatever writes or runs them: filters, padding, activations."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from metrichmsr_ros.people.blazepose.tflite_reader import Operation, TfliteError, TfliteGraph
from metrichmsr_ros.types import Float32Array

CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D")
_ACTIVATIONS = {0: "", 1: "RELU", 3: "RELU6"}


@dataclass(frozen=True, eq=False)
class Convolution:
    """weights: (out, in of a group, H, W); bias: (out,); groups: of channels that do not see each other."""

    weights: Float32Array
    bias: Float32Array
    groups: int


def convolution_of(graph: TfliteGraph, op: Operation) -> Convolution:
    """The filters of one of `CONVOLUTIONS`.

    Raises:
        TfliteError: it is dilated, or has several filters for a channel.
    """
    stored, bias = (graph.constants[number] for number in op.inputs[1:3])
    expect(op, DilationHFactor=1, DilationWFactor=1)
    if op.kind == "CONV_2D":
        return Convolution(np.ascontiguousarray(stored.transpose(0, 3, 1, 2)), bias, 1)
    expect(op, DepthMultiplier=1)
    return Convolution(np.ascontiguousarray(stored.transpose(3, 0, 1, 2)), bias, stored.shape[3])


def activation_of(op: Operation) -> str:
    """TFLite's name of the activation that is fused with an operation, "RELU" or "RELU6"; empty: none.

    Raises:
        TfliteError: another one.
    """
    fused = op.options.get("FusedActivationFunction", 0)
    if fused not in _ACTIVATIONS:
        raise TfliteError(f"{op.kind} has TFLite's activation {fused}; known: none, RELU, RELU6")
    return _ACTIVATIONS[fused]


def needed_for(graph: TfliteGraph, tensors: Iterable[int]) -> list[Operation]:
    """Operations that some tensors depend on, in the order of execution."""
    wanted, kept = set(tensors), list[Operation]()
    for operation in reversed(graph.operations):
        if operation.output in wanted:
            wanted.update(operation.inputs)
            kept.append(operation)
    return kept[::-1]


def same_padding(length: int, kernel: int, stride: int) -> tuple[int, int]:
    """TFLite's SAME padding of one axis, before and after: the odd zero comes after."""
    total = max((-(-length // stride) - 1) * stride + kernel - length, 0)
    return total // 2, total - total // 2


def expect(op: Operation, **options: int) -> None:
    """Raise TfliteError unless an operation has these options."""
    for name, value in options.items():
        if op.options[name] != value:
            raise TfliteError(f"{op.kind} has {name} {op.options[name]}; only {value} is known here")
