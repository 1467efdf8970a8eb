"""One optimisation: the network, its running average, AdamW, and everything needed to resume it exactly.

Nothing random is stored: the people and the augmentation of a step follow from (seed, step), so that a resumed run
repeats the run that was not interrupted.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import torch

from metrichmsr_ros.body.model import BodyModel
from metrichmsr_ros.hmr.checkpoint import load_model
from metrichmsr_ros.hmr.config import to_mapping
from metrichmsr_ros.hmr.losses import human_losses, total_loss
from metrichmsr_ros.hmr.model import MetricHMR, load_balance
from metrichmsr_ros.training.augment import augment
from metrichmsr_ros.training.config import TrainConfig
from metrichmsr_ros.training.distributed import Processes
from metrichmsr_ros.training.people_table import PeopleTable


class TrainingError(RuntimeError):
    """Training cannot go on; the message names the people of the batch or the file, and what to do."""


class HumanRun:
    """The state of one training run of MetricHMR."""

    def __init__(self, config: TrainConfig, people: PeopleTable, body: BodyModel, among: Processes) -> None:
        torch.manual_seed(config.seed)
        self.config, self.people, self.among = config, people, among
        self.body = body.to(among.device)
        self.model = _initial_model(config).to(among.device)
        self.network = among.wrap(self.model)
        self.average = [parameter.detach().clone() for parameter in self.model.parameters()]
        self.optimizer = torch.optim.AdamW(
            _parameter_groups(self.model, config.weight_decay), lr=config.learning_rate, betas=(0.9, 0.98)
        )
        self.step_count = 0
        self.total_steps = config.steps or math.ceil(config.epochs * len(people) / config.batch_size)
        self._order: tuple[int, torch.Tensor] = (-1, torch.empty(0))

    def step(self) -> dict[str, float]:
        """One update on the next batch. Returns the losses, `total` and `gradient` (norm before clipping).

        Raises TrainingError, before anything is changed, when the loss or its gradient is not finite.
        """
        index = self.batch_index(self.step_count)
        generator = _generator(self.config.seed, 0, self.step_count)
        batch, truth = augment(*self.people.select(index), self.config.augmentation, generator)
        mine = torch.arange(len(index))[self.among.share(index)]
        batch, truth = batch.select(mine).to(self.among.device), truth.select(mine).to(self.among.device)
        with_vertices = self.config.losses.vertices > 0 and self.step_count % self.config.vertices_every == 0
        with torch.autocast(batch.landmarks.device.type, torch.bfloat16, enabled=self.config.precision == "bf16"):
            output = self.network(batch)
        losses = human_losses(output, truth, batch, self.body, with_vertices)
        losses["vertices"] = losses["vertices"] * self.config.vertices_every
        losses["load_balance"] = load_balance(self.among.mean(output.expert_share.mean(0, keepdim=True)))
        total = total_loss(losses, self.config.losses)
        self.optimizer.zero_grad(set_to_none=True)
        total.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.config.gradient_clip)
        if not math.isfinite(total.item()) or not math.isfinite(norm.item()):
            raise TrainingError(self._complaint(losses, norm.item(), index))
        for group in self.optimizer.param_groups:
            group["lr"] = self.learning_rate(self.step_count)
        self.optimizer.step()
        self.step_count += 1
        self._update_average()
        return {name: value.item() for name, value in losses.items()} | {"total": total.item(), "gradient": norm.item()}

    def batch_index(self, step: int) -> torch.Tensor:
        """People of the global batch of `step`: every epoch visits everybody once, in an order of its own."""
        size, count = self.config.batch_size, len(self.people)
        positions = range(step * size, (step + 1) * size)
        return torch.stack([self._permutation(p // count)[p % count] for p in positions])

    def _permutation(self, epoch: int) -> torch.Tensor:
        if self._order[0] != epoch:
            generator = _generator(self.config.seed, 1, epoch)
            self._order = (epoch, torch.randperm(len(self.people), generator=generator))
        return self._order[1]

    def learning_rate(self, step: int) -> float:
        """Linear warm-up, then constant or half a cosine down to a hundredth."""
        peak, warmup = self.config.learning_rate, self.config.warmup_steps
        if step < warmup:
            return peak * (step + 1) / warmup
        if self.config.schedule == "constant":
            return peak
        progress = min(1.0, (step - warmup) / max(1, self.total_steps - warmup))
        return peak * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * progress)))

    @torch.no_grad()
    def _update_average(self) -> None:
        decay = min(self.config.ema_decay, (1 + self.step_count) / (10 + self.step_count))
        torch._foreach_lerp_(self.average, [p.detach() for p in self.model.parameters()], 1 - decay)

    def averaged_model(self) -> MetricHMR:
        """A copy of the network with the running average of its weights, in evaluation mode."""
        model = MetricHMR(self.config.model).to(self.among.device)
        model.load_state_dict(self.model.state_dict())
        with torch.no_grad():
            for parameter, value in zip(model.parameters(), self.average, strict=True):
                parameter.copy_(value)
        return model.eval()

    def save(self, path: Path) -> None:
        """Writes the whole state; the file is replaced at once, so that a kill leaves the old or the new one."""
        state = {
            "config": to_mapping(self.config),
            "step": self.step_count,
            "people": len(self.people),
            "model": self.model.state_dict(),
            "average": self.average,
            "optimizer": self.optimizer.state_dict(),
        }
        partial = path.with_suffix(".partial")
        torch.save(state, partial)
        partial.replace(path)

    def resume(self, path: Path) -> None:
        """Continues from `path`. Raises TrainingError when it was written with another configuration or data."""
        state: dict[str, Any] = torch.load(path, map_location=self.among.device, weights_only=True)
        mine = to_mapping(self.config)
        changed = [key for key in mine if mine[key] != state["config"].get(key)]
        if changed or state["people"] != len(self.people):
            seen = f"it saw {state['people']} people, there are {len(self.people)} now"
            reason = f"{changed} changed" if changed else seen
            raise TrainingError(f"{path}: cannot be resumed, {reason}; name another output folder or delete it")
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.average = state["average"]
        self.step_count = state["step"]

    def _complaint(self, losses: dict[str, torch.Tensor], norm: float, index: torch.Tensor) -> str:
        bad = [name for name, value in losses.items() if not torch.isfinite(value)] or [f"gradient norm {norm}"]
        keys = ", ".join(self.people.keys[i] for i in index.tolist())
        return f"step {self.step_count}: not finite: {', '.join(bad)}. People of this batch: {keys}"


def _initial_model(config: TrainConfig) -> MetricHMR:
    if not config.initial_weights:
        return MetricHMR(config.model)
    model = load_model(config.initial_weights).train()
    if model.config != config.model:
        raise TrainingError(f"{config.initial_weights}: its network is not the one of `model`; start from its own file")
    return model


def _generator(seed: int, stream: int, number: int) -> torch.Generator:
    """Random numbers that follow from three integers alone."""
    return torch.Generator().manual_seed(((seed * 2 + stream) << 32) + number)


def _parameter_groups(model: MetricHMR, weight_decay: float) -> list[dict[str, Any]]:
    """Biases, norms and single vectors are not decayed."""
    decayed = [p for p in model.parameters() if p.ndim >= 2]
    free = [p for p in model.parameters() if p.ndim < 2]
    return [{"params": decayed, "weight_decay": weight_decay}, {"params": free, "weight_decay": 0.0}]
