"""Training in one process, or in several started by torchrun, on the same code path.

`ddp` replicates the network in every process and averages gradients. `fsdp` shards parameters, gradients and AdamW's
moments over the processes (FSDP2), for networks that are too large for one device. A checkpoint holds full tensors in
both cases, so it can be resumed with the other setting and with another number of processes.
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
from metrichmsr_ros.hmr.network.model import HMROutput, MetricHMR
from metrichmsr_ros.io.devices import checked_device


@dataclass(frozen=True)
class Processes:
    """Rank of this process, number of processes, and the device that this process trains on."""

    rank: int
    world: int
    device: torch.device

    @property
    def is_first(self) -> bool:
        """True for rank 0, the process that prints, validates and writes files."""
        return self.rank == 0

    def share(self, size: int) -> slice:
        """Rows of a global batch that this process takes. Raises ConfigError if the batch cannot be divided evenly."""
        if size % self.world:
            raise ConfigError(f"batch_size {size} cannot be divided among {self.world} processes; use a multiple")
        part = size // self.world
        return slice(self.rank * part, (self.rank + 1) * part)

    def wrap(self, model: MetricHMR, parallel: str) -> nn.Module:
        """The module for forward passes: `model` itself in one process, else wrapped as `parallel` says.

        "fsdp" turns the parameters of `model` into DTensors: one group for each block of the encoders and the HumanMoE,
        and one for the rest. Raises ConfigError if this torch is too old for it.
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
            torch.export.register_dataclass(HMROutput)  # FSDP hooks the backward pass at its tensors
        mesh = init_device_mesh(self.device.type, (self.world,))
        for blocks in [m for m in model.modules() if isinstance(m, nn.ModuleList)]:
            for block in blocks:
                fully_shard(block, mesh=mesh, shard_placement_fn=self._placement)
        fully_shard(model, mesh=mesh, shard_placement_fn=self._placement)
        return model

    def _placement(self, parameter: nn.Parameter) -> Shard | None:
        """The longest dimension that divides evenly; sharding the first would keep a shared expert in one rank."""
        even = [dim for dim, length in enumerate(parameter.shape) if length % self.world == 0]
        return Shard(max(even, key=lambda dim: parameter.shape[dim])) if even else None

    def mean(self, value: torch.Tensor) -> torch.Tensor:
        """Mean over processes, differentiable; `value` itself in one process."""
        return all_reduce(value) / self.world if self.world > 1 else value

    def model_state(self, model: nn.Module) -> dict[str, Any]:
        """The full state of a model on the CPU in rank 0, nothing in other ranks. Every process must call it.

        It is gathered tensor by tensor, so it need not fit on a device.
        """
        return get_model_state_dict(model, options=StateDictOptions(full_state_dict=True, cpu_offload=True))

    def gathered(self, tensor: torch.Tensor) -> torch.Tensor | None:
        """As `model_state` for one tensor, which may be sharded; None in other ranks than 0."""
        value = whole(tensor)
        return value.cpu() if self.is_first else None

    def barrier(self) -> None:
        """Waits for all processes."""
        if self.world > 1:
            distributed.barrier()


def whole(tensor: torch.Tensor) -> torch.Tensor:
    """The full tensor, gathered from all processes if it is sharded. Every process must call it."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def part_like(tensor: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """This process's shard of the full `tensor`, placed as `like` is; `tensor` itself if `like` is not sharded."""
    if not isinstance(like, DTensor):
        return tensor
    return distribute_tensor(tensor.to(like.device), like.device_mesh, like.placements)


def held_here(tensor: torch.Tensor) -> torch.Tensor:
    """The shard of a tensor that this process holds."""
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


@contextmanager
def processes(device: str) -> Iterator[Processes]:
    """Joins the process group that torchrun started (gloo on a CPU, nccl on GPUs). Without torchrun: one process."""
    world, rank = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))
    target = checked_device(device)
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
