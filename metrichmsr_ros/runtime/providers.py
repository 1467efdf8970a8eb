"""What computes a graph on a device that a user names: ONNX Runtime's execution providers.

    providers = providers_of("cuda:1")           # None: this ONNX Runtime has none for it; torch may have the device
    network = OnnxNetwork(path, providers=providers or CPU)

On a device of torch without a provider, networks run in torch instead.
"""

from __future__ import annotations

from collections.abc import Mapping

import onnxruntime

from metrichmsr_ros.errors import MetricHMRError

Provider = str | tuple[str, Mapping[str, str]]
"""Name of an execution provider, and its options if it has any."""
Providers = tuple[Provider, ...]
"""In order of preference; the CPU, which is last, runs what the others cannot."""

CPU: Providers = ("CPUExecutionProvider",)
_CUDA = "CUDAExecutionProvider"
_PROVIDERS: Mapping[str, tuple[str, ...]] = {
    "cuda": (_CUDA,),
    "tensorrt": ("TensorrtExecutionProvider", _CUDA),
    "openvino": ("OpenVINOExecutionProvider",),
}
_HAVE_INDEX = ("cuda", "tensorrt")
_TORCH_TOO = ("cuda",)
_PACKAGES = {
    "cuda": "pip install 'metrichmsr_ros[gpu]' as docs/how_to/export.md says",
    "tensorrt": "pip install 'metrichmsr_ros[gpu]', and TensorRT",
    "openvino": "pip install onnxruntime-openvino in place of onnxruntime",
}


class ProviderError(MetricHMRError, RuntimeError):
    """A device that only ONNX Runtime has, and not the installed one; the message names the remedy."""


def providers_of(device: str) -> Providers | None:
    """The providers of `cpu`, `cuda`, `cuda:1`, `tensorrt`, `tensorrt:1` or `openvino`.

    None for `cuda` where this ONNX Runtime lacks its provider, and for every other name: those are torch's.

    Raises:
        ProviderError: `tensorrt` or `openvino`, which torch has not, without their provider.
    """
    if device == "cpu":
        return CPU
    kind, _, index = device.partition(":")
    if kind not in _PROVIDERS or not _is_index(device, kind, index):
        return None
    if lack := lack_of(device):
        if kind in _TORCH_TOO:
            return None
        raise ProviderError(lack)
    first, *others = _PROVIDERS[kind]
    have = onnxruntime.get_available_providers()
    options = {"device_id": index or "0"} if kind in _HAVE_INDEX else {}
    wanted = (first, *(other for other in others if other in have))
    return (*((name, options) if options else name for name in wanted), *CPU)


def lack_of(device: str) -> str:
    """What this ONNX Runtime lacks for a device of `providers_of`, and the remedy; empty if nothing, or it has none."""
    kind, _, index = device.partition(":")
    have = onnxruntime.get_available_providers()
    if kind not in _PROVIDERS or not _is_index(device, kind, index) or _PROVIDERS[kind][0] in have:
        return ""
    return (
        f"device is {device!r}, but the installed ONNX Runtime has no {_PROVIDERS[kind][0]}, only {', '.join(have)}: "
        f"{_PACKAGES[kind]}, or use cpu"
    )


def _is_index(device: str, kind: str, index: str) -> bool:
    return device == kind or (kind in _HAVE_INDEX and index.isdecimal())


def name_of(provider: Provider) -> str:
    """The provider's name without its options."""
    return provider if isinstance(provider, str) else provider[0]
