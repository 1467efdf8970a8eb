"""OnnxNetwork on small graphs made here: shapes, order of outputs, and what is wrong with a file."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper

from metrichmsr_ros.runtime.session import OnnxNetwork, OnnxNetworkError


def small_graph() -> bytes:
    """`double` and `square` of `x` (n, 3) float32."""
    nodes = [helper.make_node("Add", ["x", "x"], ["double"]), helper.make_node("Mul", ["x", "x"], ["square"])]
    rows = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 3]) for name in ("x", "double", "square")]
    graph = helper.make_graph(nodes, "small", rows[:1], rows[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, {"source_sha256": "abc"})
    return model.SerializeToString()


def test_outputs_come_in_the_order_asked_for_with_any_batch():
    network = OnnxNetwork(small_graph())
    for count in (1, 5):
        x = np.full((count, 3), 3, np.float32)
        square, double = network.run({"x": x}, ("square", "double"))
        np.testing.assert_array_equal(square, 3 * x)
        np.testing.assert_array_equal(double, 2 * x)
    assert network.inputs == {"x": ("n", 3)}
    assert network.outputs == {"double": ("n", 3), "square": ("n", 3)}
    assert network.metadata == {"source_sha256": "abc"}


def test_a_file_is_read_and_a_missing_one_is_named(tmp_path):
    path = tmp_path / "small.onnx"
    path.write_bytes(small_graph())
    assert OnnxNetwork(path, num_threads=2).inputs == {"x": ("n", 3)}
    with pytest.raises(FileNotFoundError, match=r"none\.onnx"):
        OnnxNetwork(tmp_path / "none.onnx")


def test_a_damaged_file_is_named_with_the_version(tmp_path):
    path = tmp_path / "half.onnx"
    path.write_bytes(small_graph()[:60])
    with pytest.raises(OnnxNetworkError, match=r"ONNX Runtime \d.* cannot load .*half\.onnx"):
        OnnxNetwork(path)


def test_a_provider_that_is_not_installed_is_named():
    with pytest.raises(OnnxNetworkError, match=r"has no NoSuchProvider; installed are .*CPUExecutionProvider"):
        OnnxNetwork(small_graph(), providers=("NoSuchProvider", "CPUExecutionProvider"))


def test_a_provider_that_does_not_start_is_named_and_not_replaced_by_the_cpu(monkeypatch):
    claimed = ["CUDAExecutionProvider", "CPUExecutionProvider"]  # its libraries are not here, as without a driver
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: claimed)
    monkeypatch.setattr(onnxruntime, "preload_dlls", lambda: None, raising=False)
    with (
        pytest.warns(UserWarning, match="CUDAExecutionProvider"),
        pytest.raises(OnnxNetworkError, match="CUDAExecutionProvider is installed but does not start"),
    ):
        OnnxNetwork(small_graph(), providers=(("CUDAExecutionProvider", {"device_id": "0"}), "CPUExecutionProvider"))
