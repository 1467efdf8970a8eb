"""Smoothing of body shapes over the length of a track: a person has one shape.

The estimated shape varies from image to image, although the body does not. The mean of all estimates so far also
reduces the variance of the distance, because the distance follows from the size of the body and its image.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np

from metrichmsr_ros.body.engine import BodyEngine
from metrichmsr_ros.hmr.estimate import HMREstimate
from metrichmsr_ros.people.stamps import news_share
from metrichmsr_ros.types import Float32Array

MEMORY = 100
"""Images after which the weight of a new estimate stays constant, so that the mean recovers from an identity switch."""


class ShapeSmoother:
    """Running means of betas per track.

    Args:
        body: the body model of the estimates.
    """

    def __init__(self, body: BodyEngine) -> None:
        self._body = body
        self._means: dict[str, tuple[Float32Array, float, float]] = {}  # mean, its weight in images, last stamp

    def __call__(self, estimate: HMREstimate, ids: Sequence[str], stamp_s: float) -> HMREstimate:
        """The B people of `estimate` with the mean shapes of tracks `ids`, moved so that their image size stays.

        `stamp_s`: of the image, s.
        """
        rows = [self._mean(name, betas, stamp_s) for name, betas in zip(ids, estimate.betas, strict=True)]
        betas = np.stack(rows)
        new, old = np.split(self._body.height(np.concatenate([betas, estimate.betas])), 2)
        scale: Float32Array = new / old
        return with_shapes(estimate, betas, scale, self._body)

    def forget_all_but(self, ids: Collection[str]) -> None:
        """Drop the shapes of all tracks but `ids`."""
        self._means = {name: mean for name, mean in self._means.items() if name in ids}

    def _mean(self, name: str, betas: Float32Array, stamp_s: float) -> Float32Array:
        mean, weight, last_s = self._means.get(name, (betas, 0.0, -math.inf))
        counts = news_share(stamp_s - last_s)
        weight = min(weight + counts, MEMORY)
        new: Float32Array = mean + (betas - mean) * np.float32(counts / weight)
        self._means[name] = new, weight, stamp_s
        return new


def with_shapes(
    estimate: HMREstimate,
    betas: Float32Array,
    scale: Float32Array,
    body: BodyEngine,
    distance_std: Float32Array | None = None,
) -> HMREstimate:
    """The same people with other `betas` (B, 10), `scale` (B,) times as large and as far from the camera.

    `distance_std` (B,): new relative standard deviation of the distance; None: deviations are multiplied by `scale`.
    """
    new, old = np.split(body.rest_joints(np.concatenate([betas, estimate.betas]))[:, 0], 2)
    transl = scale[:, None] * (estimate.transl + old) - new  # SMPL's pelvis is not its origin
    deviation: Float32Array = scale[:, None] * estimate.transl_deviation
    if distance_std is not None:
        along: Float32Array = distance_std * np.linalg.norm(transl, axis=-1)
        deviation = np.stack([along, deviation[:, 1]], axis=-1)
    return replace(estimate, betas=betas, transl=transl, transl_deviation=deviation)
