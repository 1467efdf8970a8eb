"""One answer from two looks at the same people: as they are, and mirrored.

The landmark network errs differently on the mirrored picture, and so does ours, so their mean errs less than either.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

import roma
import torch

from metrichmsr_ros.hmr.heads import covariance
from metrichmsr_ros.hmr.inputs import CropBatch
from metrichmsr_ros.hmr.mirror import mirrored, mirrored_back
from metrichmsr_ros.hmr.model import HMROutput, MetricHMR


def estimate_from_looks(model: MetricHMR, first: CropBatch, second: CropBatch, who: Sequence[int]) -> HMROutput:
    """Estimates of the B people of `first`; those with a second look get the mean of both. One forward.

    Args:
        model: the network.
        first: B people.
        second: the looks through the mirrored picture, in the coordinates of the picture itself; S of them.
        who: the S rows of `first` that they are of, each at most once.
    """
    if not who:
        output: HMROutput = model(first)
        return output
    count, index = len(first), torch.as_tensor(who, device=first.landmarks.device)
    both = model(_joined(first, mirrored(second)))
    straight, turned = _rows(both, slice(0, count)), mirrored_back(_rows(both, slice(count, None)))
    return _with_rows(straight, index, mean_estimate(_rows(straight, index), turned))


def mean_estimate(a: HMROutput, b: HMROutput) -> HMROutput:
    """The mean of two answers about the same people: of rotations the nearest to both, of the rest the arithmetic one.

    The stated deviations are averaged too, not divided: both looks see the same pixels, and what scatters least between
    them, how large somebody is, is what most of the deviation is about.
    """
    transl = (a.transl + b.transl) / 2
    deviation = (a.transl_deviation + b.transl_deviation) / 2
    return replace(
        a,
        rotmats=roma.special_procrustes(a.rotmats + b.rotmats),
        betas=(a.betas + b.betas) / 2,
        transl=transl,
        transl_deviation=deviation,
        transl_cov=covariance(transl, deviation),
    )


def _joined(a: CropBatch, b: CropBatch) -> CropBatch:
    return a.with_tensors({name: torch.cat([value, getattr(b, name)]) for name, value in a.tensors().items()})


_PER_PERSON = ("rotmats", "betas", "transl", "transl_cov", "transl_deviation", "expert_share")


def _rows(output: HMROutput, index: Any) -> HMROutput:
    assert {field.name for field in fields(output)} == {*_PER_PERSON, "load_balance", "routing"}
    return replace(output, routing=None, **{name: getattr(output, name)[index] for name in _PER_PERSON})


def _with_rows(output: HMROutput, index: torch.Tensor, rows: HMROutput) -> HMROutput:
    """`output` with the people of `index` replaced by `rows`."""
    changed = {name: getattr(output, name).index_copy(0, index, getattr(rows, name)) for name in _PER_PERSON}
    return replace(output, **changed)
