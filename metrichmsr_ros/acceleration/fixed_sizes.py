"""A forward at a few fixed batch sizes, each recorded once and replayed from then on.

    estimate = FixedSizes(forward, recorder_of(torch.device("cuda")))
    rows = estimate({"image": crops, "crop_intrinsics": intrinsics})      # any number of rows, on the host

On CUDA a recording is a graph: the host starts all kernels of the network with one call. The graphs are recorded here
and not by `torch.compile(mode="reduce-overhead")`, whose graphs belong to the thread that recorded them, while a node
configures in one thread and estimates in another.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor

from metrichmsr_ros.acceleration.execution import WARMED_UP, padded_size, parts_of

Columns = Mapping[str, Tensor]
Forward = Callable[[Columns], Tensor]
_Key = tuple[int, tuple[tuple[str, torch.Size, torch.dtype], ...]]
_WARM_UPS = 3  # calls before a recording, in which libraries choose kernels and take memory


@dataclass(frozen=True)
class Recording:
    """A forward at one size: `replay` reads `inputs`, whose memory stays the same, and returns the output."""

    inputs: Columns
    replay: Callable[[], Tensor]


class BatchRecorder(Protocol):
    """Makes recordings on one device."""

    @property
    def device(self) -> torch.device:
        """Where inputs and outputs are."""

    @property
    def lock(self) -> threading.Lock:
        """Held while a recording is made, or replayed and its output read: one at a time of all of this recorder's."""

    def record(self, forward: Forward, inputs: Columns) -> Recording:
        """A recording that reads `inputs`, which are on the device and hold an example."""


class CallRecorder:
    """Calls the forward again at every replay; for devices without graphs."""

    def __init__(self, device: torch.device) -> None:
        self.device, self.lock = device, threading.Lock()

    def record(self, forward: Forward, inputs: Columns) -> Recording:
        """Calls the forward once, which compiles it."""
        forward(inputs)
        return Recording(inputs, lambda: forward(inputs))


class GraphRecorder:
    """Records CUDA graphs. All share one pool of memory, because only one is replayed at a time."""

    _recording: ClassVar[threading.Lock] = threading.Lock()
    """Of the process: a recording first waits for the whole device, which fails while another one is made."""

    def __init__(self, device: torch.device) -> None:
        self.device, self.lock = device, threading.Lock()
        self._pool: Any = None

    def record(self, forward: Forward, inputs: Columns) -> Recording:
        """Runs the forward a few times on a stream of its own, then records it."""
        with self._recording, torch.cuda.device(self.device):
            stream = torch.cuda.Stream()
            stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(stream):
                for _ in range(_WARM_UPS):
                    forward(inputs)
            torch.cuda.current_stream().wait_stream(stream)
            if self._pool is None:
                self._pool = torch.cuda.graph_pool_handle()
            graph = torch.cuda.CUDAGraph()
            # Other threads may use the device meanwhile.
            with torch.cuda.graph(graph, pool=self._pool, capture_error_mode="thread_local"):
                output = forward(inputs)

        def replay() -> Tensor:
            graph.replay()
            return output

        return Recording(inputs, replay)


def recorder_of(device: torch.device) -> BatchRecorder:
    """CUDA graphs where there are any."""
    return GraphRecorder(device) if device.type == "cuda" else CallRecorder(device)


class FixedSizes:
    """A forward, ready at fixed batch sizes. Thread-safe.

    Rows must not depend on each other: a batch is padded with rows whose outputs are left out.

    Args:
        forward: tensors (B, ...) by name, on the device, to one tensor (B, ...).
        recorder: makes it ready at one size.
    """

    def __init__(self, forward: Forward, recorder: BatchRecorder) -> None:
        self._forward, self._recorder = forward, recorder
        self._recordings: dict[_Key, Recording] = {}
        self.recorded: Counter[int] = Counter()
        """Recordings made, by size."""
        self.replayed: Counter[int] = Counter()
        """Batches that were answered by a recording, by size."""

    @torch.inference_mode()
    def __call__(self, rows: Columns) -> Tensor:
        """The output of one or more rows, on the host; `rows` are there too, or already on the device."""
        count = len(next(iter(rows.values())))
        return torch.cat([self._part({name: value[part] for name, value in rows.items()}) for part in parts_of(count)])

    @torch.inference_mode()
    def warm_up(self, example: Columns, sizes: Iterable[int] = WARMED_UP) -> None:
        """Make recordings of these sizes with rows like those of `example`, which has at least one."""
        with self._recorder.lock:
            for size in sorted(sizes, reverse=True):  # the largest first: the others fit into its memory
                self._recording({name: value[:1] for name, value in example.items()}, size)

    def _part(self, rows: Columns) -> Tensor:
        count = len(next(iter(rows.values())))
        size = padded_size(count)
        with self._recorder.lock:  # a recording has the same memory in every call, and shares some with others
            recording = self._recording(rows, size)
            for name, value in rows.items():
                recording.inputs[name][:count].copy_(value, non_blocking=True)
            self.replayed[size] += 1
            return recording.replay()[:count].to("cpu", copy=True)

    def _recording(self, rows: Columns, size: int) -> Recording:
        key = size, tuple((name, value.shape[1:], value.dtype) for name, value in sorted(rows.items()))
        if key not in self._recordings:
            inputs = {name: self._filled(value, size) for name, value in rows.items()}
            self._recordings[key] = self._recorder.record(self._forward, inputs)
            self.recorded[size] += 1
        return self._recordings[key]

    def _filled(self, value: Tensor, size: int) -> Tensor:
        """(size, ...) on the device, every row the last one of `value`: people that the network knows how to read."""
        return value[-1:].to(self._recorder.device).expand(size, *value.shape[1:]).clone()
