"""Training in one process or in several started by torchrun; the same code path for both."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import distributed, nn
from torch.distributed.nn.functional import all_reduce
from torch.nn.parallel import DistributedDataParallel


@dataclass(frozen=True)
class Processes:
    """This process among `world` ones. `device` is where it trains."""

    rank: int
    world: int
    device: torch.device

    @property
    def is_first(self) -> bool:
        """True in the one process that prints, validates and writes files."""
        return self.rank == 0

    def share(self, index: torch.Tensor) -> slice:
        """This process's part of a global batch, equal on all. Raises ValueError when it cannot be divided."""
        if len(index) % self.world:
            raise ValueError(f"batch_size {len(index)} cannot be divided among {self.world} processes")
        part = len(index) // self.world
        return slice(self.rank * part, (self.rank + 1) * part)

    def wrap(self, model: nn.Module) -> nn.Module:
        """`model`, averaging gradients over processes where there are several."""
        return DistributedDataParallel(model) if self.world > 1 else model

    def mean(self, value: torch.Tensor) -> torch.Tensor:
        """Mean over processes, differentiable; `value` itself in one process."""
        return all_reduce(value) / self.world if self.world > 1 else value

    def barrier(self) -> None:
        """Waits for the others."""
        if self.world > 1:
            distributed.barrier()


@contextmanager
def processes(device: str) -> Iterator[Processes]:
    """Joins the processes that torchrun started (gloo on a CPU, nccl on GPUs), or stands alone without torchrun."""
    world, rank = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))
    target = torch.device(device)
    if target.type == "cuda" and target.index is None:
        target = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
    if world == 1:
        yield Processes(0, 1, target)
        return
    distributed.init_process_group("nccl" if target.type == "cuda" else "gloo")
    try:
        yield Processes(rank, world, target)
    finally:
        distributed.destroy_process_group()
