"""One answer from several looks at the same people: as they are, mirrored, through another landmark network.

A landmark network errs differently on the mirrored picture, another network errs differently altogether, and so does
the body network that reads them: their mean errs less than any of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import roma
import torch

from metrichmsr_ros.hmr.batch import CropBatch, choose
from metrichmsr_ros.hmr.heads import covariance
from metrichmsr_ros.hmr.mirror import mirrored, mirrored_back
from metrichmsr_ros.hmr.model import HMROutput, MetricHMR

OPPOSED = -0.5
"""Cosine of the angle between the facing directions of two looks, 120 degrees, beyond which one took front for back."""
HEAVY_WEIGHT = 2.0
"""Of what the heavier landmark network sees, over the other one's: it errs less (docs/explanation/decisions.md)."""


@dataclass(frozen=True)
class Roles:
    """What S further looks are.

    Attributes:
        person: rows of the people whom they show.
        mirrored: whether the landmark network saw the picture mirrored (its answer has been mirrored back).
    """

    person: Sequence[int] = ()
    mirrored: Sequence[bool] = ()

    def __len__(self) -> int:
        """Number of looks."""
        return len(self.person)


def estimate_from_looks(model: MetricHMR, first: CropBatch, more: CropBatch | None, roles: Roles) -> HMROutput:
    """Estimates of the B people of `first`, each the mean over their looks; one forward.

    What the heavier landmark network sees weighs `HEAVY_WEIGHT` times as much. Of rotations the mean is the one nearest
    to all, of the rest the arithmetic one. Stated deviations are averaged, not divided: all looks see the same pixels,
    and what scatters least between them, how large somebody is, is what most of the deviation is about. A look that
    faces away from the first one counts for nothing.

    Args:
        model: the network.
        first: B people.
        more: S further looks at some of them, in the coordinates of the image itself; None: there are none.
        roles: what these are.
    """
    if more is None or not len(roles):
        output: HMROutput = model(first)
        return output
    device, count = first.landmarks.device, len(first)
    turned = torch.tensor(roles.mirrored, device=device)
    both = model(first.joined(mirrored(more).where(turned, more)))
    start, rest = _rows(both, 0, count), _rows(both, count, None)
    back = mirrored_back(rest)
    looks = {name: choose(turned, getattr(back, name), getattr(rest, name)) for name in _AVERAGED}

    person = torch.tensor(roles.person, device=device)
    facing = (start.rotmats[person, 0, :, 2] * looks["rotmats"][:, 0, :, 2]).sum(-1)
    own_weight = _weight(first)
    weight = torch.where(facing > OPPOSED, _weight(more), 0.0)
    total_weight = own_weight.index_add(0, person, weight)

    def mean(name: str) -> torch.Tensor:
        own = getattr(start, name)
        shape = [-1, *[1] * (own.ndim - 1)]
        total = (own_weight.view(shape) * own).index_add(0, person, weight.view(shape) * looks[name])
        return total / total_weight.view(shape)

    transl, deviation = mean("transl"), mean("transl_deviation")
    return replace(
        start,
        rotmats=roma.special_procrustes(mean("rotmats")),
        betas=mean("betas"),
        transl=transl,
        transl_deviation=deviation,
        transl_cov=covariance(transl, deviation),
    )


def _weight(looks: CropBatch) -> torch.Tensor:
    """(B,) what each look counts."""
    ones = looks.landmarks.new_ones(len(looks))
    return ones if looks.heavy is None else torch.where(looks.heavy, HEAVY_WEIGHT, ones)


_AVERAGED = ("rotmats", "betas", "transl", "transl_deviation")


def _rows(output: HMROutput, begin: int, end: int | None) -> HMROutput:
    names = (*_AVERAGED, "transl_cov", "expert_share")
    return replace(output, routing=None, **{name: getattr(output, name)[begin:end] for name in names})
