"""The node tells what runs its network."""

from __future__ import annotations

from metrichmsr_ros.acceleration.execution import Execution, about_torch
from metrichmsr_ros.assets import asset_path
from metrichmsr_ros.hmr.onnx_engine import OnnxEngine


def test_torch_tells_device_precision_and_compilation():
    about = about_torch("cuda:1", Execution("bf16", compile=True))
    assert about == {"network on": "torch, cuda:1", "precision": "bf16", "compiled": "true"}


def test_onnx_runtime_tells_its_provider():
    about = OnnxEngine(asset_path("embedded.safetensors")).about
    assert about["network on"] == "ONNX Runtime, CPUExecutionProvider"
    assert about["precision"] == "float32"
