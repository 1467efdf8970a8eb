"""A .tflite file as a list of operations and float32 constants, with nothing left of the file format.

Weights that are stored as float16, sparse or both become dense float32 constants: `DEQUANTIZE` and `DENSIFY` are
computed here and do not appear among the operations.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import tflite

from metrichmsr_ros.errors import MetricHMRError, errors_as
from metrichmsr_ros.types import AnyArray

_DTYPES = {
    tflite.TensorType.FLOAT32: np.float32,
    tflite.TensorType.FLOAT16: np.float16,
    tflite.TensorType.INT32: np.int32,
}
_OPTIONS: dict[str, tuple[str, ...]] = {
    "CONV_2D": ("StrideH", "StrideW", "Padding", "DilationHFactor", "DilationWFactor", "FusedActivationFunction"),
    "DEPTHWISE_CONV_2D": (
        *("StrideH", "StrideW", "Padding", "DilationHFactor", "DilationWFactor", "FusedActivationFunction"),
        "DepthMultiplier",
    ),
    "MAX_POOL_2D": ("StrideH", "StrideW", "Padding", "FilterHeight", "FilterWidth", "FusedActivationFunction"),
    "ADD": ("FusedActivationFunction",),
    "MUL": ("FusedActivationFunction",),
    "RESIZE_BILINEAR": ("AlignCorners", "HalfPixelCenters"),
    "DEPTH_TO_SPACE": ("BlockSize",),
    "CONCATENATION": ("Axis", "FusedActivationFunction"),
}
_TABLES = {
    "CONV_2D": "Conv2DOptions",
    "DEPTHWISE_CONV_2D": "DepthwiseConv2DOptions",
    "MAX_POOL_2D": "Pool2DOptions",
    "ADD": "AddOptions",
    "MUL": "MulOptions",
    "RESIZE_BILINEAR": "ResizeBilinearOptions",
    "DEPTH_TO_SPACE": "DepthToSpaceOptions",
    "CONCATENATION": "ConcatenationOptions",
}


_MOST_WEIGHTS = 2**24  # of one tensor


class TfliteError(MetricHMRError, ValueError):
    """A .tflite file that cannot be read or converted; the message names what is in the way."""


@dataclass(frozen=True)
class Operation:
    """One operation: TFLite's name of it, tensor numbers, and its options by TFLite's names."""

    kind: str
    inputs: tuple[int, ...]
    output: int
    options: Mapping[str, int]


@dataclass(frozen=True)
class TfliteGraph:
    """One network.

    Attributes:
        operations: in the order of execution.
        constants: by tensor number; weights are float32, in TFLite's layout (channels last).
        shapes: by tensor number, channels last, with a batch of one.
        inputs: tensor numbers.
        outputs: tensor numbers.
    """

    operations: tuple[Operation, ...]
    constants: Mapping[int, AnyArray]
    shapes: Mapping[int, tuple[int, ...]]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


def read_tflite(content: bytes) -> TfliteGraph:
    """The network in the bytes of a .tflite file.

    Raises:
        TfliteError: not such a file, more than one graph in it, or a tensor or operation that is not known here.
    """
    if content[4:8] != b"TFL3":
        raise TfliteError("not a .tflite file: bytes 4 to 8 are not 'TFL3'")
    with errors_as(TfliteError, "the .tflite file is damaged; download it again"):
        return _graph_in(content)


def _graph_in(content: bytes) -> TfliteGraph:
    model = tflite.Model.GetRootAs(content, 0)
    if model.SubgraphsLength() != 1:
        raise TfliteError(f"{model.SubgraphsLength()} graphs in the file; only files with one can be read")
    graph = model.Subgraphs(0)
    constants = {i: c for i in range(graph.TensorsLength()) if (c := _constant(model, graph.Tensors(i))) is not None}
    operations = []
    for k in range(graph.OperatorsLength()):
        operation = _operation(model, graph.Operators(k))
        if operation.kind in ("DEQUANTIZE", "DENSIFY"):
            stored = constants[operation.inputs[0]]
            constants[operation.output] = stored.astype(np.float32) if operation.kind == "DEQUANTIZE" else stored
        else:
            operations.append(operation)
    return TfliteGraph(
        operations=tuple(operations),
        constants=constants,
        shapes={i: tuple(graph.Tensors(i).ShapeAsNumpy().tolist()) for i in range(graph.TensorsLength())},
        inputs=tuple(graph.InputsAsNumpy().tolist()),
        outputs=tuple(graph.OutputsAsNumpy().tolist()),
    )


@lru_cache(maxsize=1)
def _names() -> dict[int, str]:
    return {number: name for name, number in vars(tflite.BuiltinOperator).items() if isinstance(number, int)}


def _operation(model: Any, stored: Any) -> Operation:
    code = model.OperatorCodes(stored.OpcodeIndex())
    kind = _names()[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]  # old files have the second alone
    options: dict[str, int] = {}
    if kind in _TABLES:
        table = getattr(tflite, _TABLES[kind])()
        union = stored.BuiltinOptions()
        table.Init(union.Bytes, union.Pos)
        options = {name: int(getattr(table, name)()) for name in _OPTIONS[kind]}
    if stored.OutputsLength() != 1:
        raise TfliteError(f"{kind} with {stored.OutputsLength()} outputs; only operations with one can be read")
    return Operation(kind, tuple(stored.InputsAsNumpy().tolist()), int(stored.Outputs(0)), options)


def _constant(model: Any, tensor: Any) -> AnyArray | None:
    """The stored values of a tensor, dense, in its shape; None for tensors that are computed."""
    buffer = model.Buffers(tensor.Buffer())
    if buffer.DataLength() == 0:
        return None
    if tensor.Type() not in _DTYPES:
        raise TfliteError(
            f"tensor '{tensor.Name().decode()}' has TFLite's type {tensor.Type()}; known: {list(_DTYPES)}"
        )
    values: AnyArray = np.frombuffer(buffer.DataAsNumpy().tobytes(), _DTYPES[tensor.Type()])
    shape = tensor.ShapeAsNumpy()
    return values.reshape(shape) if tensor.Sparsity() is None else _dense(values, shape, tensor.Sparsity())


def _dense(values: AnyArray, shape: AnyArray, sparsity: Any) -> AnyArray:
    """Sparse values with zeros between them.

    The stored positions form a tree: each axis, in order, multiplies the positions so far by all its indices ("dense")
    or by those listed for each of them ("CSR").
    """
    order = sparsity.TraversalOrderAsNumpy()
    if sparsity.BlockMapLength() or order.tolist() != list(range(len(shape))):
        raise TfliteError("sparse weights in blocks or in another order of axes cannot be read")
    if not 0 <= math.prod(shape.tolist()) <= _MOST_WEIGHTS:
        raise TfliteError(f"a tensor of shape {shape.tolist()}, larger than those of these networks")
    flat = np.zeros(1, np.int64)
    for axis, length in enumerate(shape):
        entry = sparsity.DimMetadata(axis)
        if entry.Format() == tflite.DimensionType.DENSE:
            flat = (flat[:, None] * length + np.arange(length)).reshape(-1)
        else:
            ends = _vector(entry.ArraySegmentsType(), entry.ArraySegments())
            flat = np.repeat(flat, np.diff(ends)) * length + _vector(entry.ArrayIndicesType(), entry.ArrayIndices())
    dense = np.zeros(int(np.prod(shape)), values.dtype)
    dense[flat] = values[: len(flat)]
    return dense.reshape(shape)


def _vector(kind: int, union: Any) -> AnyArray:
    kinds = tflite.SparseIndexVector
    tables = {
        kinds.Int32Vector: tflite.Int32Vector,
        kinds.Uint16Vector: tflite.Uint16Vector,
        kinds.Uint8Vector: tflite.Uint8Vector,
    }
    vector = tables[kind]()
    vector.Init(union.Bytes, union.Pos)
    values: AnyArray = vector.ValuesAsNumpy().astype(np.int64)
    return values
