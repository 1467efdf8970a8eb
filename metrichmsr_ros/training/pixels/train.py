"""Training of the pixel branch: `metrichmsr train pixels CONFIG`.

Writes checkpoint.pt and `name`.safetensors, the whole network with its landmarks' branch unchanged, to
`output`/`name`/. An existing checkpoint is resumed.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import torch

from metrichmsr_ros.body.load import load_body
from metrichmsr_ros.config import ConfigError, to_mapping
from metrichmsr_ros.errors import errors_as
from metrichmsr_ros.hmr.network.batch import CropBatch
from metrichmsr_ros.hmr.network.checkpoint import load_model, save_model
from metrichmsr_ros.hmr.network.model import MetricHMR
from metrichmsr_ros.hmr.network.pixels.branch import PixelPosition
from metrichmsr_ros.hmr.network.pixels.grafting import with_branch
from metrichmsr_ros.io.devices import checked_device
from metrichmsr_ros.io.whole_files import remove_parts
from metrichmsr_ros.training.checkpoints import read_state, write_state
from metrichmsr_ros.training.pixels.config import PixelTrainConfig
from metrichmsr_ros.training.pixels.crops import CropTensors, CropTruth, Position, batch_of, endless, held_out
from metrichmsr_ros.training.pixels.losses import Auxiliary, pixel_losses
from metrichmsr_ros.training.pixels.noise import noisy_maps, without_some
from metrichmsr_ros.training.pixels.resident import ResidentCrops
from metrichmsr_ros.training.pixels.trunk import blazepose_trunk
from metrichmsr_ros.training.pixels.validation import describe, validate

REPORT_EVERY_S = 30.0
_LEAST_RATE = 0.01  # of the learning rate, at the end of the cosine


class PixelRun:
    """The state of one run: branch, moving average of its weights, training heads, AdamW, and where the data stands."""

    def __init__(self, config: PixelTrainConfig, device: str = "cpu") -> None:
        torch.manual_seed(config.seed)
        self.config, self.device = config, checked_device(device)
        self.base = load_model(config.landmarks, setting="landmarks")
        self.body = load_body(self.base.config.body).to(self.device)
        self.branch = _first_branch(config).to(self.device).train()
        if config.heads_only:
            self.branch.requires_grad_(False)
            self.branch.position.requires_grad_(True)
            self.branch.shape.requires_grad_(True)
        if not config.trunk_learning_rate:
            for parameter in _trunk(self.branch):
                parameter.requires_grad_(False)
        self.auxiliary = Auxiliary(self.branch.features).to(self.device).train()
        self.average = {name: value.clone() for name, value in self.branch.state_dict().items()}
        self.optimizer = torch.optim.AdamW(_groups(config, self.branch, self.auxiliary), betas=(0.9, 0.98))
        self.step_count, self.position = 0, Position()

    def step(self, batch: CropBatch, truth: CropTruth) -> float:
        """One optimiser step; a gradient that is not finite changes nothing. Returns the total loss."""
        for group in self.optimizer.param_groups:
            group["lr"] = group["base"] * _schedule(self.config, self.step_count)
        total = self._losses(batch, truth)["total"]
        self.optimizer.zero_grad(set_to_none=True)
        total.backward()
        parameters = [*self.branch.parameters(), *self.auxiliary.parameters()]
        if torch.isfinite(torch.nn.utils.clip_grad_norm_(parameters, 1.0)):
            self.optimizer.step()
        self.step_count += 1
        self._update_average(min(self.config.ema_decay, (1 + self.step_count) / (10 + self.step_count)))
        return total.item()

    def _losses(self, batch: CropBatch, truth: CropTruth) -> dict[str, torch.Tensor]:
        noise = self.config.noise
        located = self.branch.locate(without_some(self.branch.tokens(noisy_maps(batch, noise)), noise))
        return pixel_losses(
            self.branch, self.auxiliary, located, truth, batch.crop_intrinsics, self.body, self.config.child_weight
        )

    @torch.no_grad()
    def _update_average(self, decay: float) -> None:
        for name, value in self.branch.state_dict().items():
            self.average[name].lerp_(value, 1 - decay)

    def averaged_model(self) -> MetricHMR:
        """The whole network with the averaged branch, in evaluation mode."""
        return with_branch(self.base, self.average, self.config.branch)

    def save(self, path: Path) -> None:
        """Writes the whole state; an interrupted write leaves the old file."""
        state = {
            "config": to_mapping(self.config),
            "step": self.step_count,
            "position": asdict(self.position),
            "branch": self.branch.state_dict(),
            "auxiliary": self.auxiliary.state_dict(),
            "average": self.average,
            "optimizer": self.optimizer.state_dict(),
        }
        write_state(path, state)

    def resume(self, path: Path) -> None:
        """Continues from `path`. Raises ConfigError if it was written with another configuration."""
        state = read_state(path, self.config, self.device)
        with errors_as(ConfigError, f"{path} does not fit this network; delete it to start again"):
            self.branch.load_state_dict(state["branch"])
            self.auxiliary.load_state_dict(state["auxiliary"])
            self.average = state["average"]
            self.optimizer.load_state_dict(state["optimizer"])
            self.step_count, self.position = state["step"], Position(**state["position"])


def train(config: PixelTrainConfig, device: str = "cpu", report: Callable[[str], None] = print) -> Path:
    """Trains until `config.steps`, resuming a checkpoint of the same run. Returns the path of the weights.

    Raises CropShardError (data), WeightsFileError (weights), ConfigError.
    """
    if config.threads:
        torch.set_num_threads(config.threads)
    torch.set_float32_matmul_precision("high")  # TF32 where there is a GPU
    folder = Path(config.output) / config.name
    folder.mkdir(parents=True, exist_ok=True)
    remove_parts(folder)
    weights, checkpoint = folder / f"{config.name}.safetensors", folder / "checkpoint.pt"
    run, held = PixelRun(config, device), held_out(Path(config.crops))
    if checkpoint.exists():
        run.resume(checkpoint)
        report(f"resumed {checkpoint} at step {run.step_count}")
    last, since, mean = time.monotonic(), run.step_count, 0.0
    for position, looks in _stream(run, report):
        if run.step_count >= config.steps:
            break
        loss = run.step(*batch_of(looks, run.body, run.device))
        run.position = position
        mean = loss if not mean else 0.98 * mean + 0.02 * loss
        at_end = run.step_count == config.steps
        if time.monotonic() - last > REPORT_EVERY_S or at_end:
            speed = (run.step_count - since) * config.batch_size / (time.monotonic() - last)
            report(f"step {run.step_count}: loss {mean:.3f}, {speed:.0f} people a second")
            last, since = time.monotonic(), run.step_count
        if run.step_count % config.validate_every == 0 or at_end:
            model = run.averaged_model()
            report(f"step {run.step_count}: {describe(validate(model, held))}")
            save_weights(weights, model, {"steps": run.step_count})
        if run.step_count % config.checkpoint_every == 0 or at_end:
            run.save(checkpoint)
    return weights


def _stream(run: PixelRun, report: Callable[[str], None]) -> Iterator[tuple[Position, CropTensors]]:
    """The batches of a run, from where it stands."""
    config, folder = run.config, Path(run.config.crops)
    if not config.resident:
        return endless(folder, config.batch_size, config.seed, run.position)
    crops = ResidentCrops(folder, run.device, config.resident, report)
    return crops.endless(config.batch_size, config.seed, run.position)


def save_weights(path: Path, model: MetricHMR, metadata: dict[str, object]) -> None:
    """Writes the network; the branch as float16, which halves the file and changes distances by less than 0.1 %."""
    assert model.pixel_position is not None
    model.pixel_position.half()
    save_model(path, model, metadata)
    model.pixel_position.float()


def _first_branch(config: PixelTrainConfig) -> PixelPosition:
    branch = PixelPosition(config.branch)
    if not config.start:
        if config.branch.reads != "landmarks":
            branch.trunk.load_state_dict(blazepose_trunk())
        return branch
    start = load_model(config.start, setting="start").pixel_position
    if start is None:
        raise ConfigError(f"start: {config.start} has no pixel branch; name weights of `metrichmsr train pixels`")
    branch.load_state_dict(start.state_dict())
    return branch


def _trunk(branch: PixelPosition) -> list[torch.nn.Parameter]:
    return [parameter for name, parameter in branch.named_parameters() if name.startswith("trunk.")]


def _groups(config: PixelTrainConfig, branch: PixelPosition, auxiliary: Auxiliary) -> list[dict[str, object]]:
    trunk = [p for p in _trunk(branch) if p.requires_grad]
    known = {id(parameter) for parameter in _trunk(branch)}
    rest = [p for p in branch.parameters() if p.requires_grad and id(p) not in known] + list(auxiliary.parameters())
    return [
        {"params": [p for p in rest if p.ndim > 1], "base": config.learning_rate, "weight_decay": config.weight_decay},
        {"params": [p for p in rest if p.ndim <= 1], "base": config.learning_rate, "weight_decay": 0.0},
        {"params": trunk, "base": config.trunk_learning_rate, "weight_decay": 1e-4},
    ]


def _schedule(config: PixelTrainConfig, step: int) -> float:
    cosine = 0.5 * (1 + math.cos(math.pi * min(1.0, step / config.steps)))
    return min(1.0, (step + 1) / config.warmup_steps) * (_LEAST_RATE + (1 - _LEAST_RATE) * cosine)
