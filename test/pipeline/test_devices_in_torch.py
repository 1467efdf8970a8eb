"""A device that ONNX Runtime lacks is left to torch; where torch lacks it too, the error names both remedies."""

from __future__ import annotations

import shutil

import onnxruntime
import pytest
import torch

from metrichmsr_ros.assets import asset_path
from metrichmsr_ros.body.load import load_body_engine
from metrichmsr_ros.depth.factory import DepthChoice, make_engine
from metrichmsr_ros.io.devices import DeviceError
from metrichmsr_ros.pipeline.engines import load_engine


@pytest.fixture
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine on which neither torch nor ONNX Runtime has one."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])


@pytest.mark.parametrize(
    "load",
    [
        lambda: load_engine("embedded", "cuda:0"),
        lambda: load_body_engine("open_light", "cuda:0"),
        lambda: make_engine(DepthChoice("ground", "auto", "cuda:0")),
    ],
    ids=["network", "body", "refiner"],
)
def test_a_gpu_that_neither_has_names_the_provider_and_its_extra_first(no_gpu, load):
    told = r"^device is 'cuda:0', .* no CUDAExecutionProvider.*pip install 'metrichmsr_ros\[gpu\]'.*use cpu.* 0 GPUs"
    with pytest.raises(DeviceError, match=told):
        load()


def test_weights_that_only_torch_runs_name_torch_alone(no_gpu, tmp_path):
    path = shutil.copyfile(asset_path("embedded.safetensors"), tmp_path / "own.safetensors")
    with pytest.raises(DeviceError, match=r"^device is 'cuda:0', but torch"):
        load_engine(path, "cuda:0")
