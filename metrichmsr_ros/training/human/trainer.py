"""One training run: the network, the moving average of its weights, AdamW, and checkpoints that resume it exactly.

A checkpoint stores no random state. The people and the augmentation of a step are a function of (seed, step), so a
resumed run repeats the uninterrupted one.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch.distributed.tensor import DTensor

from metrichmsr_ros.body.base import BodyModel
from metrichmsr_ros.config import to_mapping
from metrichmsr_ros.errors import errors_as
from metrichmsr_ros.hmr.network.checkpoint import load_model, saved_config
from metrichmsr_ros.hmr.network.losses import human_losses, total_loss
from metrichmsr_ros.hmr.network.model import MetricHMR, load_balance
from metrichmsr_ros.hmr.network.pixels.grafting import without_branch
from metrichmsr_ros.training.checkpoints import load_state, write_state
from metrichmsr_ros.training.distributed import Processes, held_here, part_like, whole
from metrichmsr_ros.training.human.batches import Batches, generator_of, total_steps
from metrichmsr_ros.training.human.config import TrainConfig, TrainingError, differing_keys


class HumanRun:
    """The state of one training run of MetricHMR."""

    def __init__(self, config: TrainConfig, batches: Batches, body: BodyModel, among: Processes) -> None:
        torch.manual_seed(config.seed)
        self.config, self.batches, self.among = config, batches, among
        self.body = body.to(among.device)
        self.model = _initial_model(config).to(among.device)
        self.network = among.wrap(self.model, config.parallel)
        # Not AveragedModel of torch: it copies the network, which FSDP2 refuses.
        self.average = [parameter.detach().clone() for parameter in self.model.parameters()]
        self.optimizer = torch.optim.AdamW(
            _parameter_groups(self.model, config.weight_decay), lr=config.learning_rate, betas=(0.9, 0.98)
        )
        self.step_count = 0
        self._labels = batches.labels_sha256()
        self.total_steps = total_steps(config, len(batches))

    def step(self) -> dict[str, float]:
        """One optimiser step on the next batch. Returns the losses, `total` and `gradient` (norm before clipping).

        Raises TrainingError if the loss or its gradient is not finite; the weights are then unchanged.
        """
        batch, truth = self.batches.share(self.step_count, self.among)
        batch, truth = batch.to(self.among.device), truth.to(self.among.device)
        torch.manual_seed(generator_of(self.config.seed, 2, self.step_count).initial_seed())  # of dropout
        with_vertices = self.config.losses.vertices > 0 and self.step_count % self.config.vertices_every == 0
        with torch.autocast(batch.landmarks.device.type, torch.bfloat16, enabled=self.config.precision == "bf16"):
            output = self.network(batch)
        losses = human_losses(output, truth, batch, self.body, with_vertices)
        losses["vertices"] = losses["vertices"] * self.config.vertices_every
        losses["load_balance"] = load_balance(self.among.mean(output.expert_share.mean(0, keepdim=True)))
        total = total_loss(losses, self.config.losses)
        self.optimizer.zero_grad(set_to_none=True)
        total.backward()
        norm = whole(torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.config.gradient_clip))
        if not math.isfinite(total.item()) or not math.isfinite(norm.item()):
            raise TrainingError(self._not_finite(losses, norm.item()))
        for group in self.optimizer.param_groups:
            group["lr"] = self.learning_rate(self.step_count)
        self.optimizer.step()
        self.step_count += 1
        self._update_average()
        return {name: value.item() for name, value in losses.items()} | {"total": total.item(), "gradient": norm.item()}

    def learning_rate(self, step: int) -> float:
        """Linear warm-up, then constant, or a half cosine down to a hundredth of the peak."""
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
        current = [held_here(parameter.detach()) for parameter in self.model.parameters()]
        torch._foreach_lerp_([held_here(value) for value in self.average], current, 1 - decay)

    def averaged_model(self) -> MetricHMR:
        """A copy of the network with the averaged weights, in evaluation mode. Every process must call it."""
        model = _unshared_copy(self.model, self.config).to(self.among.device)
        with torch.no_grad():
            for parameter, value in zip(model.parameters(), self.average, strict=True):
                parameter.copy_(whole(value))
        return model.eval()

    def save(self, path: Path) -> None:
        """Writes the whole state. The file is replaced atomically: an interrupted write leaves the old file.

        Every process must call it; rank 0 writes.
        """
        state = {
            "config": to_mapping(self.config),
            "step": self.step_count,
            "people": len(self.batches),
            "labels_sha256": self._labels,
            "model": self.among.model_state(self.model),
            "average": [self.among.gathered(value) for value in self.average],
            "optimizer": self._optimizer_state(),
        }
        if self.among.is_first:
            write_state(path, state)
        self.among.barrier()

    def resume(self, path: Path) -> None:
        """Continues from `path`. Raises TrainingError if it was written with another configuration or data."""
        state = load_state(path, self.among.device)
        changed = differing_keys(self.config, state["config"])
        reason = f"{changed} changed" if changed else self._change_of_data(state)
        if reason:
            raise TrainingError(f"{path}: cannot be resumed, {reason}; name another output folder or delete it")
        with errors_as(TrainingError, f"{path} does not fit this network; delete it to start again"):
            self._continue(state)

    def _change_of_data(self, state: Mapping[str, Any]) -> str:
        """How the people of a checkpoint differ from those of this run; empty if they do not."""
        if state["people"] != len(self.batches):
            return f"it was trained on {state['people']} people, the data now has {len(self.batches)}"
        is_same = state.get("labels_sha256", self._labels) == self._labels  # older checkpoints have no digest
        return "" if is_same else "its people had other names or labels than the data now has"

    def _continue(self, state: dict[str, Any]) -> None:
        # set_model_state_dict would silently keep the initial value of a parameter that is not in the file.
        current = self.model.state_dict()
        self.model.load_state_dict({name: part_like(value, current[name]) for name, value in state["model"].items()})
        self.average = [part_like(v, p) for v, p in zip(state["average"], self.model.parameters(), strict=True)]
        parameters = [p for group in self.optimizer.param_groups for p in group["params"]]
        moments = {
            number: {name: part_like(v, parameters[number]) if v.ndim else v for name, v in values.items()}
            for number, values in state["optimizer"]["state"].items()
        }
        self.optimizer.load_state_dict(state["optimizer"] | {"state": moments})
        self.step_count = state["step"]

    def _optimizer_state(self) -> dict[str, Any]:
        """The optimiser's state, gathered as in `Processes.model_state`; keys are the parameters' numbers."""
        state = self.optimizer.state_dict()
        moments = {
            number: {name: self.among.gathered(value) for name, value in values.items()}
            for number, values in state["state"].items()
        }
        return state | {"state": moments}

    def _not_finite(self, losses: dict[str, torch.Tensor], norm: float) -> str:
        """The error message for a loss or gradient that is not finite."""
        bad = [name for name, value in losses.items() if not torch.isfinite(value)] or [f"gradient norm {norm}"]
        names = ", ".join(self.batches.names(self.step_count))
        return f"step {self.step_count}: not finite: {', '.join(bad)}. People of this batch: {names}"


def _initial_model(config: TrainConfig) -> MetricHMR:
    if not config.initial_weights:
        return MetricHMR(config.model)
    model = without_branch(load_model(config.initial_weights, setting="initial_weights")).train()
    if config.model.image_encoder.reads_heavy and not model.config.image_encoder.reads_heavy:
        model = reading_heavy(model).train()
    if model.config != config.model and model.config != saved_config(MetricHMR(config.model)):
        raise TrainingError(f"{config.initial_weights}: its network differs from `model`; use weights of this network")
    return model


def reading_heavy(model: MetricHMR) -> MetricHMR:
    """A copy of a network for BlazePose's full landmarks that also reads those of BlazePose's heavy network.

    The weights of the heavy branch start as copies of those of the full branch.
    """
    encoder = replace(model.config.image_encoder, reads_heavy=True)
    wider = MetricHMR(replace(model.config, image_encoder=encoder))
    old = model.state_dict()
    wider.load_state_dict(
        {name: old.get(name, old.get(name.replace("encoder.heavy.", "encoder."))) for name in wider.state_dict()}
    )
    return wider


def _unshared_copy(model: MetricHMR, config: TrainConfig) -> MetricHMR:
    """A copy of the network with unsharded parameters, whose values may be of the last step."""
    if not any(isinstance(parameter, DTensor) for parameter in model.parameters()):
        return copy.deepcopy(model)
    copied = MetricHMR(config.model)
    copied.load_state_dict({name: whole(value) for name, value in model.state_dict().items()})
    return copied


def _parameter_groups(model: MetricHMR, weight_decay: float) -> list[dict[str, Any]]:
    """Parameter groups of AdamW: biases, norms and single vectors have no weight decay."""
    decayed = [p for p in model.parameters() if p.ndim >= 2]
    free = [p for p in model.parameters() if p.ndim < 2]
    return [{"params": decayed, "weight_decay": weight_decay}, {"params": free, "weight_decay": 0.0}]
