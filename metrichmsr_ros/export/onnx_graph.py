"""A torch module as an ONNX graph whose weights stay in the module's safetensors file.

The graph's initialisers are ONNX's external data: each names the weights file beside the graph, an offset and a length.
Tensors stored in float16 are widened when the graph is loaded. The same module gives the same bytes.
"""

from __future__ import annotations

import importlib.util
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from metrichmsr_ros.errors import MissingPackageError
from metrichmsr_ros.runtime.weights_file import StoredTensor, WeightsHeader
from metrichmsr_ros.types import AnyArray

OPSET, IR_VERSION = 18, 8
"""Of 2022: ONNX Runtime reads them since 1.14."""

Axes = Mapping[int, str]
_TYPES = {"F32": TensorProto.FLOAT, "F16": TensorProto.FLOAT16}


@dataclass(frozen=True)
class GraphSource:
    """What to export.

    Attributes:
        module: its `forward` takes the inputs by name in one mapping and returns a tensor for each output.
        inputs: an example of each, by name; axes of different lengths have different lengths in it, none is 1.
        axes: names of the axes of any length, by input.
        outputs: names.
        people: inputs on which the graph is compared with torch.
        weights: the file that holds the module's parameters; None: there are none.
        prefix: what the module puts before the names in that file.
        in_single: whether float64 becomes float32: TensorRT has no float64.
    """

    module: nn.Module
    inputs: Mapping[str, Tensor]
    axes: Mapping[str, Axes]
    outputs: Sequence[str]
    people: Mapping[str, AnyArray]
    weights: WeightsHeader | None = None
    prefix: str = ""
    in_single: bool = False


def export_graph(source: GraphSource, metadata: Mapping[str, str]) -> bytes:
    """The ONNX file's content; `metadata` is text that it carries.

    Raises:
        MissingPackageError: torch's exporter lacks its package; names the extra to install.
    """
    if importlib.util.find_spec("onnxscript") is None:
        raise MissingPackageError("torch's ONNX exporter needs onnxscript: pip install 'metrichmsr_ros[train]'")
    model = _translated(source)
    _set_axes(model, source)
    if source.in_single:
        _without_float64(model)
    if source.weights is not None:
        _point_to_weights(model, source.weights, source.prefix)
    _strip(model)
    helper.set_model_props(model, dict(metadata))
    content: bytes = model.SerializeToString(deterministic=True)
    return content


def _translated(source: GraphSource) -> onnx.ModelProto:
    """The optimised graph, with the weights as inputs."""
    module = source.module.eval().requires_grad_(False)
    sizes = {name: torch.export.Dim(name, min=1) for axes in source.axes.values() for name in axes.values()}
    dynamic = {entry: {k: sizes[name] for k, name in source.axes.get(entry, {}).items()} for entry in source.inputs}
    with torch.no_grad(), _quiet():
        exported = torch.export.export(module, (dict(source.inputs),), dynamic_shapes=(dynamic,), strict=False)
        program = torch.onnx.export(
            exported,
            input_names=list(source.inputs),
            output_names=list(source.outputs),
            opset_version=OPSET,
            dynamo=True,
            optimize=False,
            verbose=False,
        )
    assert program is not None
    graph = program.model.graph
    for name in sorted(_stored_names(source) & graph.initializers.keys()):
        value = graph.initializers.pop(name)
        value.const_value = None  # weights must stay weights: the optimiser does not fold them
        graph.inputs.append(value)
    program.optimize()
    return program.model_proto


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the exporter's remarks on itself."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            yield
    finally:
        logger.setLevel(level)


def _stored_names(source: GraphSource) -> set[str]:
    return set() if source.weights is None else {source.prefix + name for name in source.weights.tensors}


def _set_axes(model: onnx.ModelProto, source: GraphSource) -> None:
    """The names of `source.axes` instead of those that the exporter gave."""
    named: dict[str, str] = {}
    for entry in model.graph.input:
        for axis, name in source.axes.get(entry.name, {}).items():
            dimension = entry.type.tensor_type.shape.dim[axis]
            named[dimension.dim_param] = name
            dimension.dim_param = name
    for entry in model.graph.output:
        for dimension in entry.type.tensor_type.shape.dim:
            if dimension.HasField("dim_param"):
                dimension.dim_param = named.get(dimension.dim_param, dimension.dim_param)


def _without_float64(model: onnx.ModelProto) -> None:
    """Compute in float32 what the module computes in float64; the comparison with torch sees what that costs."""
    tensors = list(model.graph.initializer)
    for node in model.graph.node:
        for attribute in node.attribute:
            if attribute.name in ("to", "dtype") and attribute.i == TensorProto.DOUBLE:
                attribute.i = TensorProto.FLOAT
            if attribute.type == onnx.AttributeProto.TENSOR:
                tensors.append(attribute.t)
    for tensor in tensors:
        if tensor.data_type == TensorProto.DOUBLE:
            values = numpy_helper.to_array(tensor).astype(np.float32)
            tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    model.graph.ClearField("value_info")


def _point_to_weights(model: onnx.ModelProto, weights: WeightsHeader, prefix: str) -> None:
    graph, kept, casts = model.graph, [], []
    for entry in graph.input:
        stored = weights.tensors.get(entry.name.removeprefix(prefix)) if entry.name.startswith(prefix) else None
        if stored is None:
            kept.append(entry)
            continue
        half = stored.dtype == "F16"
        name = f"{entry.name}.half" if half else entry.name
        graph.initializer.append(_external(name, stored, weights.path.name))
        if half:
            casts.append(helper.make_node("Cast", [name], [entry.name], to=TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.input[:], graph.node[:]
    graph.input.extend(kept)
    graph.node.extend(nodes)


def _external(name: str, stored: StoredTensor, location: str) -> TensorProto:
    tensor = TensorProto(name=name, data_type=_TYPES[stored.dtype], dims=stored.shape)
    tensor.data_location = TensorProto.EXTERNAL
    places = {"location": location, "offset": stored.offset, "length": stored.length}
    for key, value in places.items():
        tensor.external_data.add(key=key, value=str(value))
    return tensor


def _strip(model: onnx.ModelProto) -> None:
    """Leave out what no runtime reads: the exporter's notes on every node, its version, shapes in between."""
    graph = model.graph
    for part in (graph, *graph.node, *graph.input, *graph.output, *graph.initializer):
        part.ClearField("doc_string")
        part.ClearField("metadata_props")
    graph.ClearField("value_info")
    graph.name = "metrichmsr"
    for field in ("producer_name", "producer_version", "doc_string", "metadata_props"):
        model.ClearField(field)
    model.ir_version = IR_VERSION
    used = {node.domain for node in graph.node}
    imports = [entry for entry in model.opset_import if entry.domain in used]
    del model.opset_import[:]
    model.opset_import.extend(imports)
