"""A network as an ONNX graph, run by ONNX Runtime.

network = OnnxNetwork(path, num_threads=2)
(landmarks,) = network.run({"crops": crops}, ("landmarks",))
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import onnxruntime

from metrichmsr_ros.errors import MetricHMRError
from metrichmsr_ros.runtime.providers import CPU, Providers, name_of
from metrichmsr_ros.types import AnyArray

_HARMFUL = ("QuickGeluFusion",)  # its kernel lacks the blocked layout of convolutions, which is undone and made again


class OnnxNetworkError(MetricHMRError, ValueError):
    """ONNX Runtime cannot load the graph, or lacks a provider that was asked for."""


class DamagedNetworkError(OnnxNetworkError):
    """The file of a graph has another sha256 than when it was made."""


class OnnxNetwork:
    """One graph with its own threads.

    Threads sleep between calls: they never spin while other networks, other programs or nobody needs the cores. Calls
    from several threads at a time are allowed. Results do not depend on the number of threads.

    Args:
        model: path of the ONNX file, or its content.
        num_threads: CPU threads of one call, the caller's included.
        providers: ONNX Runtime's execution providers, see `providers_of`.

    Raises:
        FileNotFoundError: no file of that name.
        OnnxNetworkError: not an ONNX graph that this ONNX Runtime can run, or a provider that is not installed or does
            not start.
    """

    def __init__(self, model: str | Path | bytes, num_threads: int = 1, providers: Providers = CPU) -> None:
        if not isinstance(model, bytes) and not Path(model).is_file():
            raise FileNotFoundError(f"{model} is not a file")
        _check_installed(providers)
        _load_cuda(providers)
        try:
            self._session = onnxruntime.InferenceSession(
                model if isinstance(model, bytes) else str(model),
                _options(num_threads),
                providers=list(providers),
                disabled_optimizers=_HARMFUL,
            )
        except Exception as error:  # its exceptions derive from nothing narrower
            name = "the graph" if isinstance(model, bytes) else model
            raise OnnxNetworkError(f"ONNX Runtime {onnxruntime.__version__} cannot load {name}: {error}") from error
        _check_started(self._session, providers)

    @classmethod
    def checked(cls, model: Path, sha256: str, num_threads: int = 1, providers: Providers = CPU) -> OnnxNetwork:
        """The network of a file whose sha256 is known; another thread computes it while ONNX Runtime loads the file.

        Raises:
            DamagedNetworkError: the file has another sha256.
            FileNotFoundError, OnnxNetworkError: as for the class.
        """
        with ThreadPoolExecutor(1) as pool:
            found = pool.submit(lambda: hashlib.sha256(model.read_bytes()).hexdigest())
            try:
                network = cls(model, num_threads, providers)
            except OnnxNetworkError:
                _check_digest(model, found.result(), sha256)
                raise
            _check_digest(model, found.result(), sha256)
        return network

    @property
    def runs_on(self) -> str:
        """What runs the network, for diagnostics."""
        return f"ONNX Runtime, {self._session.get_providers()[0]}"

    @property
    def takes_batches(self) -> bool:
        """Whether several images a call cost less than as many calls: not on a CPU."""
        return self._session.get_providers()[0] not in CPU

    @property
    def inputs(self) -> dict[str, tuple[int | str, ...]]:
        """Shapes by input's name; an axis of any length is a string."""
        return {entry.name: tuple(entry.shape) for entry in self._session.get_inputs()}

    @property
    def outputs(self) -> dict[str, tuple[int | str, ...]]:
        """Shapes by output's name; an axis of any length is a string."""
        return {entry.name: tuple(entry.shape) for entry in self._session.get_outputs()}

    @property
    def metadata(self) -> dict[str, str]:
        """What the graph's maker wrote into it."""
        return dict(self._session.get_modelmeta().custom_metadata_map)

    def run(self, inputs: Mapping[str, AnyArray], outputs: Sequence[str]) -> list[AnyArray]:
        """The named outputs, each a new array.

        Raises:
            ValueError: an input without any values, of which ONNX Runtime may crash.
        """
        empty = [name for name, values in inputs.items() if not values.size]
        if empty:
            raise ValueError(f"inputs without values: {', '.join(empty)}")
        found: list[AnyArray] = self._session.run(list(outputs), dict(inputs))
        return found


def _check_digest(model: Path, found: str, sha256: str) -> None:
    if found != sha256:
        raise DamagedNetworkError(f"{model} is damaged: its sha256 is {found}, not {sha256 or 'known'}")


def _check_installed(providers: Providers) -> None:
    have = onnxruntime.get_available_providers()
    missing = sorted({name_of(provider) for provider in providers} - set(have))
    if missing:
        raise OnnxNetworkError(f"ONNX Runtime has no {', '.join(missing)}; installed are {', '.join(have)}")


def _load_cuda(providers: Providers) -> None:
    """Load CUDA and cuDNN where pip installed them; ONNX Runtime itself looks only where the system has libraries."""
    preload = getattr(onnxruntime, "preload_dlls", None)  # since 1.21
    if preload is not None and "CUDAExecutionProvider" in map(name_of, providers):
        preload()


def _check_started(session: onnxruntime.InferenceSession, providers: Providers) -> None:
    """ONNX Runtime goes on without a provider that fails to start, and would run everything on the CPU unasked."""
    first = name_of(providers[0])
    if first not in session.get_providers():
        raise OnnxNetworkError(
            f"{first} is installed but does not start: its libraries (for GPUs CUDA 12 and cuDNN 9) or the device are "
            "missing; see docs/how_to/export.md, or set device to cpu"
        )


def _options(num_threads: int) -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = num_threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # errors are raised, so the log need not repeat them
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # Else weights lie in the arena of intermediate results, which grows by powers of two.
    options.add_session_config_entry("session.use_device_allocator_for_initializers", "1")
    return options
