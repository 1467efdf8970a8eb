"""TFLite operations as an ONNX graph: the same weights, channels first, a batch of any size, uint8 images in.

Only what the named tensors need is written, so outputs that nobody reads cost nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from onnx import TensorProto

from metrichmsr_ros.people.blazepose.onnx_builder import OnnxBuilder, Shape
from metrichmsr_ros.people.blazepose.tflite_operations import (
    activation_of,
    convolution_of,
    expect,
    needed_for,
    same_padding,
)
from metrichmsr_ros.people.blazepose.tflite_reader import Operation, TfliteError, TfliteGraph

IMAGES, BATCH = "images", "n"
_SAME = 0


def to_onnx(
    graph: TfliteGraph,
    outputs: Mapping[str, int],
    scale: float = 1.0,
    offset: float = 0.0,
    metadata: Mapping[str, str] = MappingProxyType({}),
    any_size: bool = False,
) -> bytes:
    """The content of an ONNX file with input `images` (n, H, W, 3) uint8.

    Args:
        graph: a network with one input, an image.
        outputs: tensor numbers by the names that the outputs get. Those with four axes are (n, C, H, W).
        scale: the network's input is `images * scale + offset`.
        offset: see `scale`.
        metadata: text that the file carries.
        any_size: accept images of other heights and widths too, for networks of convolutions alone whose strides divide
            them all.

    Raises:
        TfliteError: an operation or an option of one that is not written here.
    """
    writer = _Writer(graph, scale, offset)
    for operation in needed_for(graph, outputs.values()):
        writer.add(operation)
    return writer.finish(outputs, metadata, any_size)


class _Writer:
    """A graph under construction. A tensor is named by its number in the .tflite file."""

    def __init__(self, graph: TfliteGraph, scale: float, offset: float) -> None:
        self._graph, self._onnx = graph, OnnxBuilder()
        self._paddings: dict[int, Operation] = {}
        (self._input,) = graph.inputs
        last = self._onnx.node("Cast", [IMAGES], "images_float", to=TensorProto.FLOAT)
        if scale != 1:
            factor = self._onnx.constant("scale", np.float32(scale))
            last = self._onnx.node("Mul", [last, factor], "images_scaled")
        if offset:
            shift = self._onnx.constant("offset", np.float32(offset))
            last = self._onnx.node("Add", [last, shift], "images_shifted")
        self._onnx.node("Transpose", [last], self._name(self._input), perm=[0, 3, 1, 2])

    def finish(self, outputs: Mapping[str, int], metadata: Mapping[str, str], any_size: bool) -> bytes:
        """The file's content."""
        for name, number in outputs.items():
            self._onnx.node("Identity", [self._name(number)], name)
        height, width, channels = self._graph.shapes[self._input][1:]
        images: Shape = [BATCH, "height", "width", channels] if any_size else [BATCH, height, width, channels]
        shapes = {name: self._shape(number, name if any_size else "") for name, number in outputs.items()}
        return self._onnx.build((IMAGES, images), shapes, metadata, "network")

    def add(self, operation: Operation) -> None:
        """Append one operation."""
        add = getattr(self, f"_{operation.kind.lower()}", None)
        if add is None:
            raise TfliteError(f"operation {operation.kind} is not known here")
        add(operation)

    def _conv_2d(self, op: Operation) -> None:
        convolution = convolution_of(self._graph, op)
        names = [
            self._onnx.weight(f"{op.output}.weight", convolution.weights),
            self._onnx.weight(f"{op.output}.bias", convolution.bias),
        ]
        source, pads = self._padded(op, convolution.weights.shape[2:])
        strides = [op.options["StrideH"], op.options["StrideW"]]
        inputs = [self._name(source), *names]
        self._activated(op, "Conv", inputs, strides=strides, pads=pads, group=convolution.groups)

    _depthwise_conv_2d = _conv_2d

    def _padded(self, op: Operation, kernel: tuple[int, ...]) -> tuple[int, list[int]]:
        """The tensor to read, and rows and columns of zeros: above, left, below, right."""
        source = op.inputs[0]
        if source in self._paddings:
            if op.options["Padding"] == _SAME:
                raise TfliteError("a PAD before a convolution that pads by itself is not known here")
            padding = self._paddings[source]
            (top, bottom), (left, right) = self._graph.constants[padding.inputs[1]][1:3].tolist()
            return padding.inputs[0], [top, left, bottom, right]
        if op.options["Padding"] != _SAME:
            return source, [0, 0, 0, 0]
        height, width = self._graph.shapes[source][1:3]
        top, bottom = same_padding(height, kernel[0], op.options["StrideH"])
        left, right = same_padding(width, kernel[1], op.options["StrideW"])
        return source, [top, left, bottom, right]

    def _pad(self, op: Operation) -> None:
        amounts = self._graph.constants[op.inputs[1]].tolist()
        if amounts[3] == [0, 0]:
            self._paddings[op.output] = op  # written with the convolution that reads it
            return
        first, last = zip(*(amounts[axis] for axis in (0, 3, 1, 2)), strict=True)
        pads = self._onnx.constant(f"{op.output}.pads", np.array([*first, *last], np.int64))
        self._onnx.node("Pad", [self._name(op.inputs[0]), pads], self._name(op.output))

    def _add(self, op: Operation) -> None:
        self._activated(op, "Add", [self._name(number) for number in op.inputs])

    def _mul(self, op: Operation) -> None:
        self._activated(op, "Mul", [self._name(number) for number in op.inputs])

    def _max_pool_2d(self, op: Operation) -> None:
        kernel = (op.options["FilterHeight"], op.options["FilterWidth"])
        source, pads = self._padded(op, kernel)
        strides = [op.options["StrideH"], op.options["StrideW"]]
        self._activated(op, "MaxPool", [self._name(source)], kernel_shape=list(kernel), strides=strides, pads=pads)

    def _resize_bilinear(self, op: Operation) -> None:
        expect(op, AlignCorners=0, HalfPixelCenters=1)
        before, after = (self._graph.shapes[number][1:3] for number in (op.inputs[0], op.output))
        scales = self._onnx.constant(
            f"{op.output}.scales", np.array([1, 1, after[0] / before[0], after[1] / before[1]], np.float32)
        )
        how = {"mode": "linear", "coordinate_transformation_mode": "half_pixel"}
        self._activated(op, "Resize", [self._name(op.inputs[0]), "", scales], **how)

    def _depth_to_space(self, op: Operation) -> None:
        self._onnx.node(
            "DepthToSpace",
            [self._name(op.inputs[0])],
            self._name(op.output),
            blocksize=op.options["BlockSize"],
            mode="DCR",
        )

    def _logistic(self, op: Operation) -> None:
        self._onnx.node("Sigmoid", [self._name(op.inputs[0])], self._name(op.output))

    def _reshape(self, op: Operation) -> None:
        """Values keep TFLite's order: channels last."""
        target = self._graph.shapes[op.output]
        if len(target) == 4:
            raise TfliteError("RESHAPE to four axes is not known here")
        name = self._name(op.inputs[0])
        if len(self._graph.shapes[op.inputs[0]]) == 4:
            self._onnx.node("Transpose", [name], f"{op.output}.last", perm=[0, 2, 3, 1])
            name = f"{op.output}.last"
        shape = self._onnx.constant(f"{op.output}.shape", np.array([0, *target[1:]], np.int64))
        self._onnx.node("Reshape", [name, shape], self._name(op.output))

    def _concatenation(self, op: Operation) -> None:
        axis, axes = op.options["Axis"], len(self._graph.shapes[op.output])
        if axes == 4:
            axis = (0, 2, 3, 1)[axis]
        self._activated(op, "Concat", [self._name(number) for number in op.inputs], axis=axis)

    def _activated(self, op: Operation, kind: str, inputs: list[str], **attributes: Any) -> None:
        """A node and the activation that TFLite fuses with it."""
        activation, name = activation_of(op), self._name(op.output)
        self._onnx.node(kind, inputs, f"{name}.linear" if activation else name, **attributes)
        if activation == "RELU":
            self._onnx.node("Relu", [f"{name}.linear"], name)
        elif activation == "RELU6":
            limits = [self._onnx.constant("0", np.float32(0)), self._onnx.constant("6", np.float32(6))]
            self._onnx.node("Clip", [f"{name}.linear", *limits], name)

    def _name(self, number: int) -> str:
        return f"t{number}"

    def _shape(self, number: int, free: str) -> list[int | str]:
        """The tensor's shape, channels first; height and width have names with `free` if that is not empty."""
        shape = self._graph.shapes[number]
        if len(shape) != 4:
            return [BATCH, *shape[1:]]
        size = [f"{free}_height", f"{free}_width"] if free else [*shape[1:3]]
        return [BATCH, shape[3], *size]
