"""Test-time augmentation: one estimate from several views of the same people.

A view is the output of a landmark network for a person: from the image, from the mirrored image, from the heavy
landmark network, or from a wider crop. Errors differ between views, so their mean has a smaller error than each of
them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from metrichmsr_ros.geometry.rotations import nearest_rotations
from metrichmsr_ros.hmr.engine import HMREngine
from metrichmsr_ros.hmr.estimate import HMREstimate, unit
from metrichmsr_ros.hmr.facing import front_of, majority
from metrichmsr_ros.hmr.inputs import CropInputs
from metrichmsr_ros.types import AnyArray, Float32Array, FloatingArray, IndexArray

HEAVY_WEIGHT = 2.0
"""Weight of views by the heavy landmark network; other views have weight 1 (docs/explanation/decisions.md)."""
_CHEST_M = 0.4  # from the hips up along the trunk


@dataclass(frozen=True)
class ViewRoles:
    """Person and kind of S further views.

    Attributes:
        person: row of the person of each view.
        mirrored: whether the view is of the mirrored image; its landmarks have been mirrored back.
        wide: 0: its crop is the usual one. Above: it is wider; this share of the person's distance is that of wide
            views. Empty: all are usual.
    """

    person: Sequence[int] = ()
    mirrored: Sequence[bool] = ()
    wide: Sequence[float] = ()

    def __len__(self) -> int:
        """Number of views."""
        return len(self.person)

    @property
    def wide_share(self) -> Float32Array:
        """(S,) `wide` of every view."""
        return np.array(self.wide or [0.0] * len(self), np.float32)


@dataclass(frozen=True, eq=False)
class Views:
    """Estimates of B people by N views, in coordinates of the original image.

    Attributes:
        output: N estimates; the first B are the first views of the people.
        person: (N,) int64, row of the person.
        weight: (N,) weight in the vote and in the mean.
        people: B.
        wide: (N,) 0: a usual view. Above: one with a wide crop; this share of the distance is that of wide views, while
            pose and shape are of the usual ones, and the chest stays on their ray.
    """

    output: HMREstimate
    person: NDArray[np.int64]
    weight: Float32Array
    people: int
    wide: Float32Array

    @property
    def sight(self) -> Float32Array:
        """(N, 3) unit vectors from the camera to the person."""
        return unit(self.output.transl)

    def voted(self, weight: FloatingArray) -> NDArray[np.bool_]:
        """(N,) bool: the heaviest cluster of agreeing views of each person, by a `weight` (N,)."""
        return majority(front_of(self.output.rotmats), self.sight, weight, self.person)

    def joined(self, more: Views) -> Views:
        """These views and further ones of the same B people."""
        person = np.concatenate([self.person, more.person])
        weight = np.concatenate([self.weight, more.weight])
        wide = np.concatenate([self.wide, more.wide])
        return Views(self.output.joined(more.output), person, weight, self.people, wide)


def estimate_from_views(engine: HMREngine, first: CropInputs, more: CropInputs | None, roles: ViewRoles) -> HMREstimate:
    """Estimates of the B people of `first`, each the mean over their views that agree in facing.

    Views vote by weight (`facing.majority`); those outside the heaviest cluster are left out.

    Args:
        engine: the network.
        first: B people.
        more: S further views of some of them, in coordinates of the original image; None: no further views.
        roles: person and kind of each view in `more`.
    """
    views = estimate_views(engine, first, more, roles)
    return mean_of(views, views.voted(views.weight))


def estimate_views(engine: HMREngine, first: CropInputs, more: CropInputs | None, roles: ViewRoles) -> Views:
    """Estimates of every view in one forward pass; arguments as for `estimate_from_views`."""
    rows, straight, count = np.arange(len(first)), np.zeros(len(first), np.bool_), len(first)
    usual = np.zeros(count, np.float32)
    if more is None or not len(roles):
        return Views(engine(first.without_maps(), straight), rows, _weight(first), count, usual)
    further, turned, wide = _arrays(roles)
    both = first.without_maps().joined(more.without_maps())
    estimates = engine(both, np.concatenate([straight, turned]))
    return Views(estimates, np.concatenate([rows, further]), _weight(both), count, np.concatenate([usual, wide]))


def further_estimates(engine: HMREngine, more: CropInputs, roles: ViewRoles, people: int) -> Views:
    """Estimates of further views alone, of some of `people` people, to be joined to the first ones."""
    person, turned, wide = _arrays(roles)
    return Views(engine(more.without_maps(), turned), person, _weight(more), people, wide)


def _arrays(roles: ViewRoles) -> tuple[NDArray[np.int64], NDArray[np.bool_], Float32Array]:
    """Of S views: person, whether mirrored, how wide views count."""
    return np.array(roles.person, np.int64), np.array(roles.mirrored, np.bool_), roles.wide_share


def mean_of(views: Views, keep: NDArray[np.bool_]) -> HMREstimate:
    """(B) estimates, each the weighted mean over the person's views that `keep` (N,) bool names, at least one each.

    Rotations get the chordal mean, all other values the arithmetic mean. Deviations are averaged, not reduced by the
    number of views: all views share the same pixels, and the error of a person's size, which dominates the deviation,
    is common to all of them.

    Where `keep` names wide views of a person, the distance and its deviation lie between the means over the usual and
    over the wide ones, nearer to the latter by `Views.wide`. All else is the mean over the usual views, or over the
    wide ones where it names no others.
    """
    if len(views.person) == views.people:
        return views.output
    person, people, output = views.person, views.people, views.output
    weight: Float32Array = np.where(keep, views.weight, 0).astype(np.float32)
    usual = _only(views.wide == 0, weight, views)
    rotmats = nearest_rotations(_mean(output.rotmats, usual, views))
    everybody = sums_by_person(views.weight, person, people)
    mean = HMREstimate(
        rotmats=rotmats,
        betas=_mean(output.betas, usual, views),
        transl=_mean(output.transl, usual, views),
        transl_deviation=_mean(output.transl_deviation, usual, views),
        spread=np.where(
            (sums_by_person((usual > 0).astype(np.float32), person, people) > 1)[:, None],
            np.sqrt(_mean(_squared_turns(output.rotmats, rotmats[person]), usual, views)),
            np.float32(np.nan),
        ),
        doubt=(1 - sums_by_person(weight, person, people) / everybody).astype(np.float32),
    )
    return _at_distance_of_wide(mean, views, weight) if views.wide.any() else mean


def _at_distance_of_wide(mean: HMREstimate, views: Views, weight: Float32Array) -> HMREstimate:
    """`mean` with shares of wide views in the distance and its deviation, of people who have some of `weight` (N,).

    The chest stays on its ray: it is what is seen of people whose legs are hidden.
    """
    wide = _only(views.wide > 0, weight, views)
    share = _mean(views.wide, wide, views)
    distance = _mean(np.linalg.norm(views.output.transl, axis=-1), wide, views)
    scale = 1 + share * (distance / np.linalg.norm(mean.transl, axis=-1) - 1)
    deviation = mean.transl_deviation.copy()
    along = _mean(views.output.transl_deviation[:, 0], wide, views)
    deviation[:, 0] += share * (along - deviation[:, 0])
    chest = mean.transl + _CHEST_M * mean.rotmats[:, 0, :, 1]
    return replace(mean, transl=mean.transl + (scale - 1)[:, None] * chest, transl_deviation=deviation)


def _only(these: NDArray[np.bool_], weight: Float32Array, views: Views) -> Float32Array:
    """(N,) `weight` of `these` views (N,) bool, 0 of others; of people who have no such view, of all their views."""
    some: Float32Array = np.where(these, weight, np.float32(0))
    only: Float32Array = np.where((sums_by_person(some, views.person, views.people) > 0)[views.person], some, weight)
    return only


def _mean(values: Float32Array, weight: Float32Array, views: Views) -> Float32Array:
    """(B, ...) weighted means of `values` (N, ...) over the views of each person."""
    shape = [-1, *[1] * (values.ndim - 1)]
    sums = sums_by_person(weight.reshape(shape) * values, views.person, views.people)
    total = sums_by_person(weight, views.person, views.people)
    means: Float32Array = np.divide(sums, total.reshape(shape), dtype=np.float32)
    return means


def _squared_turns(first: Float32Array, second: Float32Array) -> Float32Array:
    """(...) rad^2, about the squared angles between rotations (..., 3, 3), from the distance of their matrices."""
    turns: Float32Array = np.square(first - second).sum((-1, -2)) / 2
    return turns


def sums_by_person(values: AnyArray, person: IndexArray, people: int) -> AnyArray:
    """(B, ...) sums of `values` (N, ...) over the views of each of `people` people."""
    sums = np.zeros((people, *values.shape[1:]), values.dtype)
    np.add.at(sums, person, values)
    return sums


def _weight(views: CropInputs) -> Float32Array:
    """(B,) weight of each view."""
    heavy = np.zeros(len(views), np.bool_) if views.heavy is None else views.heavy
    return np.where(heavy, HEAVY_WEIGHT, 1).astype(np.float32)
