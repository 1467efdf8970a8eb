"""Which execution providers a device's name stands for, with an ONNX Runtime that claims to have them."""

from __future__ import annotations

import onnxruntime
import pytest

from metrichmsr_ros.runtime.providers import CPU, ProviderError, lack_of, providers_of

CUDA, TENSORRT, OPENVINO = "CUDAExecutionProvider", "TensorrtExecutionProvider", "OpenVINOExecutionProvider"
ONLY_CPU = "CPUExecutionProvider"


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch):
    def install(*names: str) -> None:
        monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [*names, ONLY_CPU])

    return install


@pytest.mark.parametrize("names", [(), (CUDA,), (TENSORRT, CUDA)])
def test_the_cpu_is_the_cpu_whatever_is_installed(installed, names):
    installed(*names)
    assert providers_of("cpu") == CPU == (ONLY_CPU,)


@pytest.mark.parametrize(
    ("have", "device", "expected"),
    [
        ((CUDA,), "cuda", ((CUDA, {"device_id": "0"}), ONLY_CPU)),
        ((TENSORRT, CUDA), "cuda:1", ((CUDA, {"device_id": "1"}), ONLY_CPU)),
        ((TENSORRT, CUDA), "tensorrt:2", ((TENSORRT, {"device_id": "2"}), (CUDA, {"device_id": "2"}), ONLY_CPU)),
        ((TENSORRT,), "tensorrt", ((TENSORRT, {"device_id": "0"}), ONLY_CPU)),
        ((OPENVINO,), "openvino", (OPENVINO, ONLY_CPU)),
    ],
)
def test_a_device_is_its_provider_with_the_cpu_last(installed, have, device, expected):
    installed(*have)
    assert providers_of(device) == expected


def test_a_gpu_without_its_provider_is_left_to_torch(installed):
    installed()
    assert providers_of("cuda") is None
    assert providers_of("cuda:1") is None


@pytest.mark.parametrize("device", ["mps", "cuda:", "cuda:x", "cuda:-1", "openvino:0", "CUDA", "", "cpu:0"])
def test_other_names_are_left_to_torch(installed, device):
    installed(TENSORRT, CUDA, OPENVINO)
    assert providers_of(device) is None


@pytest.mark.parametrize(
    ("device", "remedy"), [("tensorrt", r"metrichmsr_ros\[gpu\]"), ("openvino", "onnxruntime-openvino")]
)
def test_a_device_that_torch_cannot_have_either_names_the_package(installed, device, remedy):
    installed()
    with pytest.raises(ProviderError, match=rf"device is '{device}'.*only CPUExecutionProvider: .*{remedy}.*use cpu"):
        providers_of(device)


@pytest.mark.parametrize("device", ["cuda", "cuda:1"])
def test_what_a_gpu_lacks_names_the_extra(installed, device):
    installed()
    lack = lack_of(device)
    assert lack.startswith(f"device is '{device}', but the installed ONNX Runtime has no {CUDA}, only {ONLY_CPU}: ")
    assert "pip install 'metrichmsr_ros[gpu]'" in lack
    assert "or use cpu" in lack
    installed(CUDA)
    assert lack_of(device) == ""


@pytest.mark.parametrize("device", ["cpu", "mps", "cuda:x", ""])
def test_devices_of_no_provider_lack_nothing(installed, device):
    installed()
    assert lack_of(device) == ""
