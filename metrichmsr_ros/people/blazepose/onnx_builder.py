"""An ONNX file built node by node.

Weights that float16 holds exactly are stored so and become float32 when the file is loaded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from metrichmsr_ros.types import AnyArray, FloatingArray

OPSET, IR_VERSION = 17, 8
"""Of 2022: ONNX Runtime reads them since 1.12."""

Shape = Sequence[int | str]


class OnnxBuilder:
    """Nodes and stored values so far."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._stored: dict[str, AnyArray] = {}

    def node(self, kind: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:
        """Append a node of ONNX's own operators with one output; returns that."""
        self._nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def constant(self, name: str, values: AnyArray | np.generic) -> str:
        """Store values under a name, as they are; returns the name."""
        self._stored[name] = np.asarray(values)
        return name

    def weight(self, name: str, values: FloatingArray) -> str:
        """Store float32 values under a name, in half the space where nothing is lost; returns the name."""
        half = values.astype(np.float16)
        if not np.array_equal(half, values):
            return self.constant(name, values)
        return self.node("Cast", [self.constant(f"{name}.half", half)], name, to=TensorProto.FLOAT)

    def build(
        self, images: tuple[str, Shape], outputs: Mapping[str, Shape], metadata: Mapping[str, str], name: str
    ) -> bytes:
        """The file's content.

        Args:
            images: name and shape of the input, uint8.
            outputs: shapes by name, float32. An axis of any length is a string.
            metadata: text that the file carries.
            name: of the graph.
        """
        graph = helper.make_graph(
            self._nodes,
            name,
            [helper.make_tensor_value_info(images[0], TensorProto.UINT8, images[1])],
            [helper.make_tensor_value_info(output, TensorProto.FLOAT, shape) for output, shape in outputs.items()],
            [numpy_helper.from_array(values, stored) for stored, values in self._stored.items()],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
        helper.set_model_props(model, dict(metadata))
        onnx.checker.check_model(model)
        content: bytes = model.SerializeToString(deterministic=True)
        return content
