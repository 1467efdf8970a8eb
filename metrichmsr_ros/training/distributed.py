"""Training in one process or in several started by torchrun; the same code path for both.

`ddp` keeps a whole network in every process and averages gradients; `fsdp` shares parameters, gradients and AdamW's
moments among them (FSDP2), for networks that are too large for one device. A checkpoint holds whole tensors either
way, so that it does not depend on how, or in how many processes, it was trained.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import distributed, nn
from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.nn.functional import all_reduce
from torch.distributed.tensor import DTensor, Shard, distribute_tensor
from torch.nn.parallel import DistributedDataParallel

from metrichmsr_ros.config import ConfigError
from metrichmsr_ros.hmr.model import HMROutput, MetricHMR


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

    def share(self, size: int) -> slice:
        """This process's part of a global batch, equal on all. Raises ConfigError when it cannot be divided."""
        if size % self.world:
            raise ConfigError(f"batch_size {size} cannot be divided among {self.world} processes")
        part = size // self.world
        return slice(self.rank * part, (self.rank + 1) * part)

    def wrap(self, model: MetricHMR, parallel: str) -> nn.Module:
        """What to call for a forward pass: `model` itself, or among several processes as `parallel` says.

        "fsdp" turns `model`'s own parameters into DTensors, one group for every block of its encoders and its HumanMoE
        and one for the rest. Raises ConfigError when this torch is too old for it.
        """
        if self.world == 1:
            return model
        if parallel == "ddp":
            return DistributedDataParallel(model)
        try:
            from torch.distributed.fsdp import fully_shard
        except ImportError:
            raise ConfigError(f"parallel: fsdp needs torch 2.6, this is {torch.__version__}; use ddp") from None
        if HMROutput not in torch.utils._pytree.SUPPORTED_NODES:
            torch.export.register_dataclass(HMROutput)  # its tensors are where FSDP hooks the backward pass
        mesh = init_device_mesh(self.device.type, (self.world,))
        for blocks in [m for m in model.modules() if isinstance(m, nn.ModuleList)]:
            for block in blocks:
                fully_shard(block, mesh=mesh, shard_placement_fn=self._divided)
        fully_shard(model, mesh=mesh, shard_placement_fn=self._divided)
        return model

    def _divided(self, parameter: nn.Parameter) -> Shard | None:
        """Along its longest even side: along the first, as is usual, one shared expert would lie in one process."""
        even = [side for side, length in enumerate(parameter.shape) if length % self.world == 0]
        return Shard(max(even, key=lambda side: parameter.shape[side])) if even else None

    def mean(self, value: torch.Tensor) -> torch.Tensor:
        """Mean over processes, differentiable; `value` itself in one process."""
        return all_reduce(value) / self.world if self.world > 1 else value

    def model_state(self, model: nn.Module) -> dict[str, Any]:
        """The whole state of a model on the CPU, in the first process; the others, who must ask too, get nothing.

        A network that no device can hold is gathered tensor by tensor.
        """
        return get_model_state_dict(model, options=StateDictOptions(full_state_dict=True, cpu_offload=True))

    def gathered(self, tensor: torch.Tensor) -> torch.Tensor | None:
        """As `model_state`, for one tensor of which each process may hold a part."""
        value = whole(tensor)
        return value.cpu() if self.is_first else None

    def barrier(self) -> None:
        """Waits for the others."""
        if self.world > 1:
            distributed.barrier()


def whole(tensor: torch.Tensor) -> torch.Tensor:
    """All of a tensor of which each process may hold a part; every process must ask."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def part_like(tensor: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """This process's part of a whole `tensor`, shared out as `like` is; itself where that is whole."""
    if not isinstance(like, DTensor):
        return tensor
    return distribute_tensor(tensor.to(like.device), like.device_mesh, like.placements)


def held_here(tensor: torch.Tensor) -> torch.Tensor:
    """What of a tensor lies in this process."""
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


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
