"""Train the depth refiner on synthetic places: `python -m metrichmsr_ros.training.depth --out refiner.safetensors`.

Places (exact depth, imperfect people) are drawn once into memory; every step draws new errors for new initial depths
from `depth.corruptions`, and mirrors half of them. Everything follows from the seed.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from metrichmsr_ros.body.model import load_body
from metrichmsr_ros.depth.anchor import Anchor
from metrichmsr_ros.depth.corruptions import initial_depth
from metrichmsr_ros.depth.losses import LossWeights, refiner_loss
from metrichmsr_ros.depth.refiner import REFINERS, Refiner, RefinerConfig, refiner_inputs
from metrichmsr_ros.depth.rooms import Place, make_place
from metrichmsr_ros.depth.weights import save_refiner
from metrichmsr_ros.geometry.camera import Camera


@dataclass(frozen=True)
class DepthTrainConfig:
    """What one training run is made of.

    Attributes:
        places: how many synthetic places are drawn.
        steps, batch_size, learning_rate, weight_decay: of AdamW with warm-up and cosine decay.
        average: decay of the running average of the weights, which is what is saved.
    """

    model: RefinerConfig = REFINERS["small"]
    losses: LossWeights = field(default_factory=LossWeights)
    places: int = 2000
    steps: int = 3000
    batch_size: int = 16
    learning_rate: float = 1e-3
    weight_decay: float = 1e-2
    average: float = 0.998
    seed: int = 0


@dataclass(frozen=True, eq=False)
class DepthBatch:
    """Tensors of one step, (B, C, H, W) on the network's grid; `scale` and `median` (B, 1, 1, 1)."""

    channels: Tensor
    initial: Tensor
    truth: Tensor
    valid: Tensor
    human: Tensor
    human_weight: Tensor
    scale: Tensor
    median: Tensor


def draw_places(config: DepthTrainConfig, report: Callable[[str], None]) -> list[Place]:
    """Synthetic places on the network's grid; says how far it is every few seconds."""
    body, places, last = load_body("open_light"), [], time.monotonic()
    for number in range(config.places):
        rng = np.random.default_rng((config.seed, 1, number))
        places.append(make_place(rng, body, config.model.width, config.model.height))
        if time.monotonic() - last > 5:
            last = time.monotonic()
            report(f"places {number + 1}/{config.places}")
    return places


def draw_batch(config: DepthTrainConfig, places: list[Place], step: int) -> DepthBatch:
    """The batch of one step; the same for the same seed and step."""
    rng = np.random.default_rng((config.seed, 2, step))
    samples: list[tuple[np.ndarray, ...]] = []
    while len(samples) < config.batch_size:
        place = places[int(rng.integers(len(places)))]
        if rng.random() < 0.5:
            place = mirrored(place)
        sample = _sample(config.model, place, initial_depth(rng, place))
        if sample is not None:
            samples.append(sample)
    tensors = [torch.from_numpy(np.stack(arrays)).float() for arrays in zip(*samples, strict=True)]
    return DepthBatch(*tensors)


def mirrored(place: Place) -> Place:
    """The place in a mirror; its camera's principal point and skew move with it."""
    flip = np.array([[-1.0, 0, place.camera.width - 1], [0, 1, 0], [0, 0, 1]])
    k = flip @ place.camera.intrinsics @ np.diag([-1.0, 1, 1])
    seen = place.anchor
    anchor = Anchor(seen.depth[:, ::-1].copy(), seen.weight[:, ::-1].copy(), seen.person[:, ::-1].copy())
    camera = Camera(place.camera.width, place.camera.height, k)
    return Place(camera, place.depth[:, ::-1].copy(), place.part[:, ::-1].copy(), anchor, place.people)


def _sample(config: RefinerConfig, place: Place, initial: np.ndarray) -> tuple[np.ndarray, ...] | None:
    inputs = refiner_inputs(initial, place.anchor, place.camera, config)
    if inputs is None:
        return None
    valid = np.isfinite(place.depth) & np.isfinite(initial)
    numbers = np.full((1, 1, 1), inputs.scale), np.full((1, 1, 1), inputs.median)
    images = (
        np.nan_to_num(initial),
        np.where(valid, place.depth, 1),
        valid,
        np.where(place.anchor.mask, place.anchor.depth, 1),
        place.anchor.weight * np.isfinite(initial),
    )
    return inputs.channels, *(image[None] for image in images), *numbers


def refined_depth(model: Refiner, batch: DepthBatch) -> tuple[Tensor, Tensor]:
    """Refined depth (B, 1, H, W) in metres and the fields (B, 2, h, w) that made it."""
    fields = model(batch.channels)
    full = F.interpolate(fields, batch.initial.shape[-2:], mode="bilinear", align_corners=False)
    return full[:, :1].exp() * batch.scale * batch.initial + full[:, 1:] * batch.median, fields


def train(config: DepthTrainConfig, report: Callable[[str], None] = print) -> Refiner:
    """Train and return the running average of the weights, in evaluation mode."""
    torch.manual_seed(config.seed)
    model, average = Refiner(config.model).train(), Refiner(config.model).eval()
    average.load_state_dict(model.state_dict())
    optimizer = torch.optim.AdamW(model.parameters(), config.learning_rate, weight_decay=config.weight_decay)
    places = draw_places(config, report)
    sums, last = dict.fromkeys(("depth", "total"), 0.0), time.monotonic()
    done = 0
    for step in range(config.steps):
        for group in optimizer.param_groups:
            group["lr"] = config.learning_rate * _schedule(step, config.steps)
        batch = draw_batch(config, places, step)
        depth, fields = refined_depth(model, batch)
        terms = refiner_loss(depth, fields, batch.truth, batch.valid, batch.human, batch.human_weight, config.losses)
        optimizer.zero_grad()
        terms["total"].backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        _follow(average, model, min(config.average, (step + 1) / (step + 10)))
        sums, done = {name: sums[name] + terms[name].item() for name in sums}, done + 1
        if time.monotonic() - last > 20 or step + 1 == config.steps:
            words = ", ".join(f"{name} {total / done:.4f}" for name, total in sums.items())
            report(f"step {step + 1}/{config.steps}: {words}")
            sums, done, last = dict.fromkeys(sums, 0.0), 0, time.monotonic()
    return average


def _schedule(step: int, steps: int) -> float:
    return min(1.0, (step + 1) / 100) * 0.5 * (1 + math.cos(math.pi * step / steps))


@torch.no_grad()
def _follow(average: Refiner, model: Refiner, keep: float) -> None:
    for mean, now in zip(average.parameters(), model.parameters(), strict=True):
        mean.lerp_(now, 1 - keep)


def main() -> None:
    """The command of the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="safetensors file to write")
    parser.add_argument("--size", choices=sorted(REFINERS), default="small")
    parser.add_argument("--steps", type=int, default=DepthTrainConfig.steps)
    parser.add_argument("--places", type=int, default=DepthTrainConfig.places)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    config = DepthTrainConfig(REFINERS[options.size], places=options.places, steps=options.steps, seed=options.seed)
    save_refiner(options.out, train(config), {"training": json.dumps(asdict(config)), "data": "synthetic places"})


if __name__ == "__main__":
    main()
