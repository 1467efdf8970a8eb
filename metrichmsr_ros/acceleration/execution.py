"""How networks in torch are to run, and the sizes of batch at which they do. Needs no torch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from metrichmsr_ros.errors import MetricHMRError

Precision = Literal["float32", "bf16", "fp16"]
SIZES = (1, 2, 4, 8, 16, 32)
"""Batches are padded to the next of these; larger ones are split."""
WARMED_UP = (1, 2, 4, 8)
"""Sizes that are ready before the first image; the others are made when they are first needed."""


class ExecutionError(MetricHMRError, ValueError):
    """A network cannot run as asked; the message names the setting and the remedy."""


@dataclass(frozen=True)
class Execution:
    """How a network in torch runs.

    Attributes:
        precision: of the products in Vision Transformers and the Patch MoE above them. Normalisation, sums along the
            layers, the routing, the Global MoE, the heads and all geometry stay in float32, as the outputs do.
        compile: compile the network and, on CUDA, record it as a graph for each size of batch.
    """

    precision: Precision = "float32"
    compile: bool = False

    @property
    def is_plain(self) -> bool:
        """Whether nothing special is asked for."""
        return self == Execution()


def padded_size(count: int) -> int:
    """The smallest of `SIZES` that holds `count` rows, at least one; ValueError if none does."""
    for size in SIZES:
        if 0 < count <= size:
            return size
    raise ValueError(f"{count} rows do not fit a batch of 1 to {SIZES[-1]}")


def parts_of(count: int) -> Iterator[slice]:
    """Rows 0 to `count` in parts of at most the largest size."""
    for start in range(0, count, SIZES[-1]):
        yield slice(start, min(start + SIZES[-1], count))


def about_torch(device: str, execution: Execution) -> dict[str, str]:
    """What runs a network in torch, for diagnostics."""
    compiled = str(execution.compile).lower()
    return {"network on": f"torch, {device}", "precision": execution.precision, "compiled": compiled}
