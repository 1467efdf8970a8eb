"""Test-time augmentation: one estimate from several views of the same people.

A view is the output of a landmark network for a person: from the image, from the mirrored image, or from the heavy
landmark network. Errors differ between views, so their mean has a smaller error than each of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import roma
import torch

from metrichmsr_ros.hmr.facing import front_of, majority
from metrichmsr_ros.hmr.network.batch import CropBatch
from metrichmsr_ros.hmr.network.heads import covariance
from metrichmsr_ros.hmr.network.mirroring import PER_VIEW, estimate_as_seen
from metrichmsr_ros.hmr.network.model import HMROutput, MetricHMR

HEAVY_WEIGHT = 2.0
"""Weight of views by the heavy landmark network; other views have weight 1 (docs/explanation/decisions.md)."""


@dataclass(frozen=True)
class ViewRoles:
    """Person and kind of S further views.

    Attributes:
        person: row of the person of each view.
        mirrored: whether the view is of the mirrored image; its landmarks have been mirrored back.
    """

    person: Sequence[int] = ()
    mirrored: Sequence[bool] = ()

    def __len__(self) -> int:
        """Number of views."""
        return len(self.person)


@dataclass(frozen=True)
class Views:
    """Estimates of B people by N views, in coordinates of the original image.

    Attributes:
        output: N estimates; the first B are the first views of the people.
        person: (N,) int64, row of the person.
        weight: (N,) weight in the vote and in the mean.
        people: B.
    """

    output: HMROutput
    person: torch.Tensor
    weight: torch.Tensor
    people: int

    @property
    def sight(self) -> torch.Tensor:
        """(N, 3) unit vectors from the camera to the person."""
        return torch.nn.functional.normalize(self.output.transl, dim=-1)

    def voted(self, weight: torch.Tensor) -> torch.Tensor:
        """(N,) bool: the heaviest cluster of agreeing views of each person, by a `weight` (N,)."""
        return majority(front_of(self.output.rotmats), self.sight, weight, self.person)

    def joined(self, more: Views) -> Views:
        """These views and further ones of the same B people."""
        added: dict[str, Any] = {
            name: torch.cat([getattr(self.output, name), getattr(more.output, name)]) for name in PER_VIEW
        }
        person, weight = torch.cat([self.person, more.person]), torch.cat([self.weight, more.weight])
        return Views(replace(self.output, **added), person, weight, self.people)


def estimate_from_views(model: MetricHMR, first: CropBatch, more: CropBatch | None, roles: ViewRoles) -> HMROutput:
    """Estimates of the B people of `first`, each the mean over their views that agree in facing.

    Views vote by weight (`facing.majority`); those outside the heaviest cluster are left out.

    Args:
        model: the network.
        first: B people.
        more: S further views of some of them, in coordinates of the original image; None: no further views.
        roles: person and kind of each view in `more`.
    """
    views = estimate_views(model, first, more, roles)
    return mean_of(views, views.voted(views.weight))


def estimate_views(model: MetricHMR, first: CropBatch, more: CropBatch | None, roles: ViewRoles) -> Views:
    """Estimates of every view in one forward pass; arguments as for `estimate_from_views`."""
    rows, count = torch.arange(len(first), device=first.landmarks.device), len(first)
    if more is None or not len(roles):
        return Views(model(first), rows, _weight(first), count)
    further = torch.tensor(roles.person, device=rows.device)
    turned = torch.tensor([*[False] * count, *roles.mirrored], device=rows.device)
    both = first.joined(more)
    return Views(estimate_as_seen(model, both, turned), torch.cat([rows, further]), _weight(both), count)


def further_estimates(model: MetricHMR, more: CropBatch, roles: ViewRoles, people: int) -> Views:
    """Estimates of further views alone, of some of `people` people, to be joined to the first ones."""
    person, turned = (torch.tensor(part, device=more.landmarks.device) for part in (roles.person, roles.mirrored))
    return Views(estimate_as_seen(model, more, turned), person, _weight(more), people)


def mean_of(views: Views, keep: torch.Tensor) -> HMROutput:
    """(B) estimates, each the weighted mean over the person's views that `keep` (N,) bool names, at least one each.

    Rotations get the chordal mean, all other values the arithmetic mean. Deviations are averaged, not reduced by the
    number of views: all views share the same pixels, and the error of a person's size, which dominates the deviation,
    is common to all of them.
    """
    if len(views.person) == views.people:
        return views.output
    weight = torch.where(keep, views.weight, 0.0)
    total = weight.new_zeros(views.people).index_add(0, views.person, weight)

    def mean(name: str) -> torch.Tensor:
        values = getattr(views.output, name)
        shape = [-1, *[1] * (values.ndim - 1)]
        empty = values.new_zeros(views.people, *values.shape[1:])
        return empty.index_add(0, views.person, weight.view(shape) * values) / total.view(shape)

    transl, deviation = mean("transl"), mean("transl_deviation")
    return replace(
        views.output,
        rotmats=roma.special_procrustes(mean("rotmats")),
        betas=mean("betas"),
        transl=transl,
        transl_deviation=deviation,
        transl_cov=covariance(transl, deviation),
        expert_share=views.output.expert_share[: views.people],
    )


def _weight(views: CropBatch) -> torch.Tensor:
    """(B,) weight of each view."""
    ones = views.landmarks.new_ones(len(views))
    return ones if views.heavy is None else torch.where(views.heavy, HEAVY_WEIGHT, ones)
