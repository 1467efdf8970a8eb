"""One person, one body: shapes averaged over the time that a person is followed.

Each image gives a guess of the shape that scatters from image to image though nobody's size changes. With the mean of
all guesses so far a person's distance scatters less as well, because image and size fix it together.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

import torch

from metrichmsr_ros.body.base import BodyModel
from metrichmsr_ros.hmr.heads import covariance
from metrichmsr_ros.hmr.model import HMROutput

MEMORY = 100
"""Images after which a new guess counts no less any more, so that an identity that was mixed up is got over."""


class ShapeSmoother:
    """Running means of betas, by person.

    Args:
        body: the body model of the estimates.
    """

    def __init__(self, body: BodyModel) -> None:
        self._body = body
        self._means: dict[str, tuple[torch.Tensor, int]] = {}

    @torch.inference_mode()
    def __call__(self, estimate: HMROutput, ids: Sequence[str]) -> HMROutput:
        """The B people of `estimate` with their mean shapes, as far away as they then look the same."""
        rows = [self._mean(name, betas) for name, betas in zip(ids, estimate.betas, strict=True)]
        betas = torch.stack(rows)
        scale = self._body.height(betas) / self._body.height(estimate.betas)
        return with_shapes(estimate, betas, scale, self._body)

    def forget_all_but(self, ids: Collection[str]) -> None:
        """Drop the shapes of people who are gone."""
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

    `distance_std` (B,): what is then known of the distance, as a share of it; None: deviations grow with the scale.
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
