"""Training batches of the depth refiner: synthetic places, and initial depths with the errors of depth networks."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from metrichmsr_ros.body.load import load_body
from metrichmsr_ros.body.open_body import OpenBody
from metrichmsr_ros.data.rendering.background import Backgrounds, load_backgrounds
from metrichmsr_ros.data.rendering.depth_rooms import Place, make_place
from metrichmsr_ros.data.rendering.painted_places import painted
from metrichmsr_ros.data.synthesis.depth_corruptions import initial_depth
from metrichmsr_ros.depth.calibration.confirm import believed
from metrichmsr_ros.depth.calibration.evidence import SourceErrors, confirmed_scale, measure
from metrichmsr_ros.depth.calibration.refiner import MIRROR_CHANNELS, RefinerConfig, refiner_inputs
from metrichmsr_ros.depth.engine import ELEMENT_PX
from metrichmsr_ros.depth.sources.base import DepthContext, resampled, stretched
from metrichmsr_ros.depth.sources.fastdepth import PERSON_STD, SIDE, FastDepth
from metrichmsr_ros.training.depth.config import DepthTrainConfig
from metrichmsr_ros.training.depth.prox import prox_places

DepthSample = tuple[NDArray[np.float16], ...]
PAINTED_TIMES = 2  # painted places are drawn larger than `place_size` by this factor, for FastDepth


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


def draw_painted(config: DepthTrainConfig, report: Callable[[str], None]) -> list[DepthSample]:
    """Samples whose initial depth is FastDepth's on pictures of `config.painted` places; shape alone is the target."""
    if not config.painted:
        return []
    body, samples, last = load_body("open_light"), [], time.monotonic()
    backgrounds = load_backgrounds(Path(config.backgrounds) if config.backgrounds else None, held_out=False)
    network = FastDepth()
    if not isinstance(body, OpenBody):
        raise TypeError("painted places need the open body")
    for number in range(config.painted):
        place, initial = _painted_place(
            config, np.random.default_rng((config.seed, 7, number)), body, backgrounds, network
        )
        sample = painted_sample(config.model, place, initial)
        samples += [] if sample is None else [sample]
        if time.monotonic() - last > 5:
            last = time.monotonic()
            report(f"painted places {number + 1}/{config.painted}")
    return samples


def painted_sample(config: RefinerConfig, place: Place, initial: NDArray[np.float32]) -> DepthSample | None:
    """A sample of FastDepth's depth. The truth has the best scale for the closed form: people alone confirm a scale.

    People do not count in the truth: their own surfaces replace them.
    """
    source = SourceErrors(ELEMENT_PX**2 * initial.size / SIDE**2, PERSON_STD)
    ratios = measure(initial, place.anchor, source)
    anchor = believed(place.anchor, ratios, confirmed_scale(ratios, is_measured=False).log_scale)
    scene = np.where(place.part >= 0, place.depth, np.nan)
    return _sample(config, replace(place, anchor=anchor, depth=scene.astype(np.float32)), initial, scaled=True)


def draw_samples(config: DepthTrainConfig, places: list[Place], report: Callable[[str], None]) -> list[DepthSample]:
    """Draws `config.samples` samples: a random place with a random initial depth, as arrays for the network.

    Those of painted places are added.
    """
    samples: list[DepthSample] = draw_painted(config, report)
    count = len(samples) + config.samples
    last, number = time.monotonic(), 0
    while len(samples) < count:
        rng = np.random.default_rng((config.seed, 2, number))
        number += 1
        place = places[int(rng.integers(len(places)))]
        sample = _sample(config.model, place, initial_depth(rng, place))
        if sample is not None:
            samples.append(sample)
        if time.monotonic() - last > 5:
            last = time.monotonic()
            report(f"samples {len(samples)}/{count}")
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


def _painted_place(
    config: DepthTrainConfig, rng: np.random.Generator, body: OpenBody, backgrounds: Backgrounds, network: FastDepth
) -> tuple[Place, NDArray[np.float32]]:
    """A painted place of `config.place_size` and FastDepth's depth of it."""
    width, height = (PAINTED_TIMES * side for side in config.place_size)
    image, place = painted(rng, make_place(rng, body, width, height), body, backgrounds)
    initial = resampled(network.predict(image, place.camera, DepthContext()), place.camera)
    part = np.s_[::PAINTED_TIMES, ::PAINTED_TIMES]
    anchor = replace(
        place.anchor, depth=place.anchor.depth[part], weight=place.anchor.weight[part], person=place.anchor.person[part]
    )
    camera = stretched(place.camera, *config.place_size)
    return replace(place, camera=camera, depth=place.depth[part], part=place.part[part], anchor=anchor), initial[part]


def _sample(
    config: RefinerConfig, place: Place, initial: NDArray[np.float32], scaled: bool = False
) -> DepthSample | None:
    """Arrays in the order of `DepthBatch`, in half precision because thousands of samples stay in memory.

    `scaled`: the truth is scaled to the median of the closed form's result.
    """
    inputs = refiner_inputs(initial, place.anchor, place.camera, config)
    if inputs is None:
        return None
    valid = np.isfinite(place.depth) & np.isfinite(initial)
    base = inputs.base.apply(initial)
    valid &= np.isfinite(base)
    if not valid.any():
        return None
    gain = float(np.median((base / place.depth)[valid])) if scaled else 1.0
    images = (
        np.where(valid, base, 0),
        np.where(valid, gain * place.depth, 1),
        valid,
        np.where(place.anchor.mask, place.anchor.depth, 1),
        place.anchor.weight * valid,
    )
    arrays = (inputs.channels, *(image[None] for image in images), np.full((1, 1, 1), inputs.median))
    return tuple(array.astype(np.float16) for array in arrays)
