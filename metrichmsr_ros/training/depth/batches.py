"""Training batches of the depth refiner: synthetic places, and initial depths with the errors of depth networks."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from metrichmsr_ros.body.load import load_body
from metrichmsr_ros.data.rendering.depth_rooms import Place, make_place
from metrichmsr_ros.data.synthesis.depth_corruptions import initial_depth
from metrichmsr_ros.depth.calibration.refiner import MIRROR_CHANNELS, RefinerConfig, refiner_inputs
from metrichmsr_ros.training.depth.config import DepthTrainConfig
from metrichmsr_ros.training.depth.prox import prox_places

DepthSample = tuple[NDArray[np.float16], ...]


@dataclass(frozen=True, eq=False)
class DepthBatch:
    """Tensors of one step: `channels` (B, C, h, w) on the network's grid, the others (B, 1, H, W) on the places' grid.

    `base` is the initial depth after the closed-form calibration, metres, 0 where unknown. The network refines it.
    `median` (B, 1, 1, 1) is its median.
    """

    channels: Tensor
    base: Tensor
    truth: Tensor
    valid: Tensor
    human: Tensor
    human_weight: Tensor
    median: Tensor

    def to(self, device: torch.device) -> DepthBatch:
        """The same batch on another device."""
        return DepthBatch(*(tensor.to(device) for tensor in vars(self).values()))


def draw_places(config: DepthTrainConfig, report: Callable[[str], None]) -> list[Place]:
    """Synthetic places, and PROX frames if `config.prox` names its folder; reports progress every few seconds."""
    body, places, last = load_body("open_light"), [], time.monotonic()
    for number in range(config.places):
        rng = np.random.default_rng((config.seed, 1, number))
        places.append(make_place(rng, body, *config.place_size))
        if time.monotonic() - last > 5:
            last = time.monotonic()
            report(f"places {number + 1}/{config.places}")
    if config.prox:
        rng = np.random.default_rng((config.seed, 4))
        places += prox_places(Path(config.prox), config.prox_frames, config.place_size, rng)
    return places


def draw_samples(config: DepthTrainConfig, places: list[Place], report: Callable[[str], None]) -> list[DepthSample]:
    """Draws `config.samples` samples: a random place with a random initial depth, as arrays for the network."""
    samples: list[DepthSample] = []
    last, number = time.monotonic(), 0
    while len(samples) < config.samples:
        rng = np.random.default_rng((config.seed, 2, number))
        number += 1
        place = places[int(rng.integers(len(places)))]
        sample = _sample(config.model, place, initial_depth(rng, place))
        if sample is not None:
            samples.append(sample)
        if time.monotonic() - last > 5:
            last = time.monotonic()
            report(f"samples {len(samples)}/{config.samples}")
    return samples


def draw_batch(config: DepthTrainConfig, samples: list[DepthSample], step: int) -> DepthBatch:
    """The batch of one step; the same seed, samples and step give the same batch. Half of it is mirrored."""
    rng = np.random.default_rng((config.seed, 3, step))
    chosen = [samples[index] for index in rng.integers(len(samples), size=config.batch_size)]
    chosen = [mirrored(sample) if rng.random() < 0.5 else sample for sample in chosen]
    tensors = [torch.from_numpy(np.stack(arrays).astype(np.float32)) for arrays in zip(*chosen, strict=True)]
    return DepthBatch(*tensors)


def mirrored(sample: DepthSample) -> DepthSample:
    """The sample flipped left to right: the x component of normals and rays changes sign."""
    flipped = [array[..., ::-1].copy() for array in sample]
    flipped[0][list(MIRROR_CHANNELS)] *= -1
    return tuple(flipped)


def _sample(config: RefinerConfig, place: Place, initial: NDArray[np.float32]) -> DepthSample | None:
    """Arrays in the order of `DepthBatch`, in half precision because thousands of samples stay in memory."""
    inputs = refiner_inputs(initial, place.anchor, place.camera, config)
    if inputs is None:
        return None
    valid = np.isfinite(place.depth) & np.isfinite(initial)
    images = (
        np.where(valid, inputs.base.scale * initial + inputs.base.offset, 0),
        np.where(valid, place.depth, 1),
        valid,
        np.where(place.anchor.mask, place.anchor.depth, 1),
        place.anchor.weight * valid,
    )
    arrays = (inputs.channels, *(image[None] for image in images), np.full((1, 1, 1), inputs.median))
    return tuple(array.astype(np.float16) for array in arrays)
