"""Smoothing of body shapes over the length of a track: a person has one shape.

The estimated shape varies from image to image, although the body does not. The mean of all estimates so far also
reduces the variance of the distance, because the distance follows from the size of the body and its image.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

import torch

from metrichmsr_ros.body.base import BodyModel
from metrichmsr_ros.hmr.network.heads import covariance
from metrichmsr_ros.hmr.network.model import HMROutput

MEMORY = 100
"""Images after which the weight of a new estimate stays constant, so that the mean recovers from an identity switch."""


class ShapeSmoother:
    """Running means of betas per track.

    Args:
        body: the body model of the estimates.
    """

    def __init__(self, body: BodyModel) -> None:
        self._body = body
        self._means: dict[str, tuple[torch.Tensor, int]] = {}

    @torch.inference_mode()
    def __call__(self, estimate: HMROutput, ids: Sequence[str]) -> HMROutput:
        """The B people of `estimate` with the mean shapes of tracks `ids`, moved so that their image size stays."""
        rows = [self._mean(name, betas) for name, betas in zip(ids, estimate.betas, strict=True)]
        betas = torch.stack(rows)
        scale = self._body.height(betas) / self._body.height(estimate.betas)
        return with_shapes(estimate, betas, scale, self._body)

    def forget_all_but(self, ids: Collection[str]) -> None:
        """Drop the shapes of all tracks but `ids`."""
        self._means = {name: mean for name, mean in self._means.items() if name in ids}

    def _mean(self, name: str, betas: torch.Tensor) -> torch.Tensor:
        mean, count = self._means.get(name, (betas, 0))
        count = min(count + 1, MEMORY)
        mean = mean + (betas - mean) / count
        self._means[name] = mean, count
        return mean


def with_shapes(
    estimate: HMROutput,
    betas: torch.Tensor,
    scale: torch.Tensor,
    body: BodyModel,
    distance_std: torch.Tensor | None = None,
) -> HMROutput:
    """The same people with other `betas` (B, 10), `scale` (B,) times as large and as far from the camera.

    `distance_std` (B,): new relative standard deviation of the distance; None: deviations are multiplied by `scale`.
    """
    pelvis = estimate.transl + body.rest_joints(estimate.betas)[:, 0]  # SMPL's pelvis is not its origin
    transl = scale[:, None] * pelvis - body.rest_joints(betas)[:, 0]
    deviation = scale[:, None] * estimate.transl_deviation
    if distance_std is not None:
        deviation = torch.stack([distance_std * transl.norm(dim=-1), deviation[:, 1]], dim=-1)
    return replace(
        estimate,
        betas=betas,
        transl=transl,
        transl_deviation=deviation,
        transl_cov=covariance(transl, deviation),
    )
