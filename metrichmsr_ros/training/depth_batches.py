"""What the depth refiner learns from: places drawn once, with new errors of the initial depth at every step."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from metrichmsr_ros.body.model import load_body
from metrichmsr_ros.depth.anchor import Anchor
from metrichmsr_ros.depth.corruptions import initial_depth
from metrichmsr_ros.depth.refiner import RefinerConfig, refiner_inputs
from metrichmsr_ros.depth.rooms import Place, make_place
from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.training.depth_config import DepthTrainConfig


@dataclass(frozen=True, eq=False)
class DepthBatch:
    """Tensors of one step: `channels` (B, C, h, w) on the network's grid, the others (B, 1, H, W) on the places'.

    `base` is the initial depth after the closed form that the network starts from, metres, 0 where unknown;
    `median` (B, 1, 1, 1) its median.
    """

    channels: Tensor
    base: Tensor
    truth: Tensor
    valid: Tensor
    human: Tensor
    human_weight: Tensor
    median: Tensor


def draw_places(config: DepthTrainConfig, report: Callable[[str], None]) -> list[Place]:
    """Synthetic places; says how far it is every few seconds."""
    body, places, last = load_body("open_light"), [], time.monotonic()
    for number in range(config.places):
        rng = np.random.default_rng((config.seed, 1, number))
        places.append(make_place(rng, body, *config.place_size))
        if time.monotonic() - last > 5:
            last = time.monotonic()
            report(f"places {number + 1}/{config.places}")
    return places


def draw_batch(config: DepthTrainConfig, places: list[Place], step: int) -> DepthBatch:
    """The batch of one step; the same for the same seed, places and step."""
    rng = np.random.default_rng((config.seed, 2, step))
    samples: list[tuple[NDArray[np.float32], ...]] = []
    while len(samples) < config.batch_size:
        place = places[int(rng.integers(len(places)))]
        if rng.random() < 0.5:
            place = mirrored(place)
        sample = _sample(config.model, place, initial_depth(rng, place))
        if sample is not None:
            samples.append(sample)
    tensors = [torch.from_numpy(np.stack(arrays)) for arrays in zip(*samples, strict=True)]
    return DepthBatch(*tensors)


def mirrored(place: Place) -> Place:
    """The place in a mirror; its camera's principal point and skew move with it."""
    flip = np.array([[-1.0, 0, place.camera.width - 1], [0, 1, 0], [0, 0, 1]])
    k = flip @ place.camera.intrinsics @ np.diag([-1.0, 1, 1])
    seen = place.anchor
    anchor = Anchor(seen.depth[:, ::-1].copy(), seen.weight[:, ::-1].copy(), seen.person[:, ::-1].copy())
    camera = Camera(place.camera.width, place.camera.height, k)
    return Place(camera, place.depth[:, ::-1].copy(), place.part[:, ::-1].copy(), anchor, place.people)


def _sample(
    config: RefinerConfig, place: Place, initial: NDArray[np.float32]
) -> tuple[NDArray[np.float32], ...] | None:
    inputs = refiner_inputs(initial, place.anchor, place.camera, config)
    if inputs is None:
        return None
    valid = np.isfinite(place.depth) & np.isfinite(initial)
    images = (
        np.where(valid, inputs.scale * initial + inputs.offset, 0),
        np.where(valid, place.depth, 1),
        valid,
        np.where(place.anchor.mask, place.anchor.depth, 1),
        place.anchor.weight * valid,
    )
    whole = [image[None].astype(np.float32) for image in images]
    return inputs.channels, *whole, np.full((1, 1, 1), inputs.median, np.float32)
