"""Training of the depth refiner: `metrichmsr train depth CONFIG`.

Writes checkpoint.pt and `name`.safetensors to `output`/`name`/. An existing checkpoint is resumed. The batch of a step
is a function of (seed, step) alone, so a resumed run repeats the uninterrupted one.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from metrichmsr_ros.config import ConfigError, to_mapping
from metrichmsr_ros.depth.calibration.losses import refiner_loss
from metrichmsr_ros.depth.calibration.network import Refiner
from metrichmsr_ros.depth.calibration.weights import load_refiner, save_refiner
from metrichmsr_ros.errors import errors_as
from metrichmsr_ros.io.devices import checked_device
from metrichmsr_ros.io.whole_files import remove_parts
from metrichmsr_ros.training.checkpoints import read_state, write_state
from metrichmsr_ros.training.depth.batches import DepthBatch, DepthSample, draw_batch, draw_places, draw_samples
from metrichmsr_ros.training.depth.config import DepthTrainConfig

WARMUP_STEPS = 100
REPORT_EVERY_S = 20.0


def refined_depth(model: Refiner, batch: DepthBatch) -> tuple[Tensor, Tensor]:
    """Refined depth (B, 1, H, W) in metres, and the scale and offset fields (B, 2, h, w) that it was computed with."""
    fields = model(batch.channels).float()
    full = F.interpolate(fields, batch.base.shape[-2:], mode="bilinear", align_corners=False)
    return full[:, :1].exp() * batch.base + full[:, 1:] * batch.median, fields


class DepthRun:
    """The state of one training run: network, moving average of its weights, AdamW, and number of steps done."""

    def __init__(self, config: DepthTrainConfig, samples: list[DepthSample], device: str = "cpu") -> None:
        torch.manual_seed(config.seed)
        self.config, self.samples, self.device = config, samples, checked_device(device)
        self.model = _started(config).to(self.device).train()
        self.average = Refiner(config.model).to(self.device).eval()
        self.average.load_state_dict(self.model.state_dict())
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(), config.learning_rate, weight_decay=config.weight_decay
        )
        self.step_count = 0

    def step(self) -> dict[str, float]:
        """One optimiser step. Returns the weighted losses and their total."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.config.learning_rate * _schedule(self.step_count, self.config.steps)
        batch = draw_batch(self.config, self.samples, self.step_count).to(self.device)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.config.precision == "bf16"):
            depth, fields = refined_depth(self.model, batch)
        terms = refiner_loss(
            depth, fields, batch.truth, batch.valid, batch.human, batch.human_weight, self.config.losses
        )
        self.optimizer.zero_grad(set_to_none=True)
        terms["total"].backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.step_count += 1
        self._update_average(min(self.config.average, self.step_count / (self.step_count + 9)))
        return {name: value.item() for name, value in terms.items()}

    @torch.no_grad()
    def _update_average(self, decay: float) -> None:
        for mean, current in zip(self.average.parameters(), self.model.parameters(), strict=True):
            mean.lerp_(current, 1 - decay)

    def save(self, path: Path) -> None:
        """Writes the whole state. The file is replaced atomically: an interrupted write leaves the old file."""
        state = {
            "config": to_mapping(self.config),
            "step": self.step_count,
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }
        write_state(path, state)

    def resume(self, path: Path) -> None:
        """Continues from `path`. Raises ConfigError if it was written with another configuration."""
        state = read_state(path, self.config, self.device)
        with errors_as(ConfigError, f"{path} does not fit this network; delete it to start again"):
            self.model.load_state_dict(state["model"])
            self.average.load_state_dict(state["average"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.step_count = state["step"]


def train(config: DepthTrainConfig, device: str = "cpu", report: Callable[[str], None] = print) -> Path:
    """Trains until `config.steps`, resuming a checkpoint of the same run. Returns the path of the weights."""
    checked_device(device)  # before the samples are drawn
    folder = Path(config.output) / config.name
    folder.mkdir(parents=True, exist_ok=True)
    samples = draw_samples(config, draw_places(config, report), report)
    remove_parts(folder)
    run, checkpoint = DepthRun(config, samples, device), folder / "checkpoint.pt"
    if checkpoint.exists():
        run.resume(checkpoint)
        report(f"resumed {checkpoint} at step {run.step_count}")
    weights = folder / f"{config.name}.safetensors"
    history: list[dict[str, float]] = []
    last = time.monotonic()
    while run.step_count < config.steps:
        history.append(run.step())
        at_end = run.step_count == config.steps
        if time.monotonic() - last > REPORT_EVERY_S or at_end:
            report(_brief(run, history))
            history, last = [], time.monotonic()
        if run.step_count % config.checkpoint_every == 0 or at_end:
            save_refiner(weights, run.average, _provenance(run))  # first: a finished run is not trained again
            run.save(checkpoint)
    return weights


def _started(config: DepthTrainConfig) -> Refiner:
    if not config.start:
        return Refiner(config.model)
    if not Path(config.start).is_file():
        raise ConfigError(
            f"start: {config.start} is not a file; name a .safetensors file that `metrichmsr train depth` wrote, or "
            "leave it empty"
        )
    model = load_refiner(config.start)
    if model.config != config.model:
        raise ConfigError(f"start: {config.start} is a refiner of another size than `model`; name one of the same size")
    return model


def _schedule(step: int, steps: int) -> float:
    return min(1.0, (step + 1) / WARMUP_STEPS) * 0.5 * (1 + math.cos(math.pi * step / steps))


def _brief(run: DepthRun, history: list[dict[str, float]]) -> str:
    means = {name: sum(terms[name] for terms in history) / len(history) for name in ("depth", "total")}
    losses = ", ".join(f"{name} {mean:.4f}" for name, mean in means.items())
    return f"step {run.step_count}/{run.config.steps}: {losses}"


def _provenance(run: DepthRun) -> dict[str, str]:
    painted = f", {run.config.painted} painted ones seen by FastDepth" if run.config.painted else ""
    data = f"{run.config.places} synthetic places{painted}" + (" and PROX" if run.config.prox else "")
    return {
        "training": json.dumps({k: v for k, v in to_mapping(run.config).items() if k != "output"}),
        "steps": str(run.step_count),
        "data": data,
    }
