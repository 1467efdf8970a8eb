"""Feet that stand do not slide: which feet stand, where, and how far the root moves for them.

A foot stands while it is slow and low; in a walk, while it is so in the mean over all strides, which also tells how
long a foot stands whose person is hidden for part of the step. Its place over one stance is one point: the root is
moved a little, smoothly, to agree with all stances (linear least squares). What is left is for the legs (`legs.reach`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_matrix
from scipy.sparse.linalg import spsolve

from metrichmsr_ros.refinement.gait_phase import stride_waves
from metrichmsr_ros.refinement.smoothing import second_derivative
from metrichmsr_ros.types import AnyArray, Float64Array

TOES = (10, 11)  # SMPL's foot joints, the balls of the feet
SLOW_M_S = 0.3  # a foot that stands is slower, as estimated,
SLOW_SHARE = 0.9  # or slower than this share of the root's speed: a foot that swings is about twice as fast as the root
LOW_M = 0.07  # and not higher than this above the lowest place of its surroundings
AROUND_S = 0.6  # these surroundings
FASTEST_SHARE = 3.0  # of the root's speed; faster feet are errors
LEAST_AVERAGED = 15  # images of a walk, over which the speeds of feet are averaged
LEAST_S = 0.15  # shorter stances are none
LEAST_SWING_S = 0.25  # from one stance to the next of the same foot; swings last 0.35 s and more, even in a run
STANCE_STD_M = 0.01
SHIFT_STIFFNESS = 3e-3  # s^3, of the root's shift over time: slower than the steps of a walk
BLEND_S = 0.25  # before and after a stance the leg moves over to its own motion


@dataclass(frozen=True)
class Stance:
    """One foot that stands: 0 left or 1 right, and its images from `first` to `last`, both included."""

    foot: int
    first: int
    last: int

    @property
    def images(self) -> slice:
        """The images of the stance."""
        return slice(self.first, self.last + 1)


def stances(
    joints_world: Float64Array,
    stamps_s: Float64Array,
    is_seen: NDArray[np.bool_],
    phases: Float64Array | None = None,
) -> list[Stance]:
    """Stances of both feet in which the person is seen at least once.

    Args:
        joints_world: (T, 24, 3) m, z up. stamps_s: (T,). is_seen: (T,) whether the person is seen.
        phases: (T,) rad of the strides, whose speeds of feet are averaged; NaN: not known. None: of no image.
    """
    found = []
    root = _speeds(joints_world[:, 0], stamps_s)
    limit = np.maximum(SLOW_M_S, SLOW_SHARE * root)
    speeds = np.stack([_speeds(joints_world[:, toe], stamps_s) for toe in TOES])
    is_known = is_seen
    if phases is not None:
        speeds = _as_in_every_stride(speeds, np.maximum(root, SLOW_M_S), phases, is_seen)
        is_known = is_seen | ~np.isnan(phases)  # while a walker is hidden, the stride goes on
    for foot, toe in enumerate(TOES):
        places = joints_world[:, toe]
        slow = speeds[foot] < limit
        near = np.abs(stamps_s[:, None] - stamps_s[None, :]) <= AROUND_S
        lowest = np.where(near, joints_world[None, :, list(TOES), 2].min(axis=2), np.inf).min(axis=1)
        stands = slow & is_known & (places[:, 2] < lowest + LOW_M)
        runs = [Stance(foot, *run) for run in _without_short_swings(_runs(stands), stamps_s)]
        found += [s for s in runs if stamps_s[s.last] - stamps_s[s.first] >= LEAST_S and is_seen[s.images].any()]
    return found


def _speeds(places: Float64Array, stamps_s: Float64Array) -> Float64Array:
    """(T,) m/s over the floor: the lower of the speeds before and after each image."""
    steps = np.linalg.norm(np.diff(places[:, :2], axis=0), axis=1) / np.diff(stamps_s)
    return np.minimum(np.append(steps, np.inf), np.insert(steps, 0, np.inf))


def _as_in_every_stride(
    speeds: Float64Array, root: Float64Array, phases: Float64Array, is_seen: NDArray[np.bool_]
) -> Float64Array:
    """(2, T) m/s, where phases are known the mean of both feet over all strides, in proportion to the root's (T,)."""
    known = ~np.isnan(phases)
    if np.count_nonzero(known & is_seen) < LEAST_AVERAGED:
        return speeds
    waves = [stride_waves(phases + turn) for turn in (0.0, np.pi)]  # the right foot is half a stride later
    both = np.concatenate([wave[known & is_seen] for wave in waves])
    shares = np.minimum(speeds / root, FASTEST_SHARE)[:, known & is_seen].reshape(-1)
    factors = np.linalg.lstsq(both, shares, rcond=None)[0]
    return np.stack([np.where(known, (wave @ factors) * root, own) for wave, own in zip(waves, speeds, strict=True)])


def _runs(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First and last index of each run of true values."""
    edges = np.diff(np.concatenate([[0], flags.astype(np.int8), [0]]))
    return list(zip(np.flatnonzero(edges == 1).tolist(), (np.flatnonzero(edges == -1) - 1).tolist(), strict=True))


def _without_short_swings(runs: list[tuple[int, int]], stamps_s: Float64Array) -> list[tuple[int, int]]:
    """Runs joined where no foot can have swung between them: it did not leave its place."""
    joined: list[tuple[int, int]] = []
    for first, last in runs:
        if joined and stamps_s[first] - stamps_s[joined[-1][1]] < LEAST_SWING_S:
            joined[-1] = joined[-1][0], last
        else:
            joined.append((first, last))
    return joined


def root_shifts(
    joints_world: Float64Array,
    stamps_s: Float64Array,
    found: list[Stance],
    is_seen: NDArray[np.bool_],
    root_std_m: float,
    places: Float64Array | None = None,
) -> Float64Array:
    """(T, 3) m by which to move a person so that feet slide least.

    Minimises the squares of the feet's distances from one point a stance, of the shifts and of their second derivative.

    Args:
        joints_world: (T, 24, 3) m. stamps_s: (T,). found: the stances.
        is_seen: (T,) whether the person is seen; the feet of other images say nothing about the root.
        root_std_m: how far the root may move.
        places: (S, 3) m of the stances; None: they are found too.
    """
    count, free = len(stamps_s), len(found) if places is None else 0
    images = np.concatenate([np.arange(stance.first, stance.last + 1) for stance in found])
    numbers = np.concatenate([np.full(stance.last + 1 - stance.first, number) for number, stance in enumerate(found)])
    images, numbers = images[is_seen[images]], numbers[is_seen[images]]
    toes = np.array([TOES[found[number].foot] for number in numbers])
    lines = np.arange(len(images))
    right = -joints_world[images, toes] / STANCE_STD_M
    contact = _sparse(lines, images, 1 / STANCE_STD_M, (len(lines), count + free))
    if places is None:
        contact -= _sparse(lines, count + numbers, 1 / STANCE_STD_M, contact.shape)
    else:
        right += places[numbers] / STANCE_STD_M
    quiet = _sparse(np.arange(count), np.arange(count), 1 / root_std_m, (count, count + free))
    bent = _bending(stamps_s, count + free) / root_std_m
    system = contact.T @ contact + quiet.T @ quiet + bent.T @ bent
    return np.asarray(spsolve(csc_matrix(system), contact.T @ right)).reshape(count + free, 3)[:count]


def _sparse(rows: AnyArray, columns: AnyArray, value: float, shape: tuple[int, int]) -> csc_matrix:
    return csc_matrix((np.full(len(rows), value), (rows, columns)), shape=shape)


def _bending(stamps_s: Float64Array, total: int) -> csc_matrix:
    """Rows of the second derivative of the shifts, weighted."""
    factors, spans = second_derivative(stamps_s)
    weighted = factors * np.sqrt(SHIFT_STIFFNESS * spans)[:, None]
    rows = np.repeat(np.arange(len(spans)), 3)
    columns = rows + np.tile([0, 1, 2], len(spans))
    return csc_matrix((weighted.reshape(-1), (rows, columns)), shape=(len(spans), total))


def stance_places(joints_world: Float64Array, found: list[Stance], is_seen: NDArray[np.bool_]) -> Float64Array:
    """(S, 3) m: where each stance's foot stands, in the mean of the images (T,) in which it is seen."""
    places = [joints_world[s.images, TOES[s.foot]][is_seen[s.images]].mean(axis=0) for s in found]
    return np.array(places).reshape(len(found), 3)


def toe_targets(
    joints_world: Float64Array, stamps_s: Float64Array, found: list[Stance], places: Float64Array
) -> Float64Array:
    """(T, 2, 3) m: where each ball of the foot is to be; during a stance its place, around it blended to its motion."""
    targets = joints_world[:, list(TOES)].copy()
    shares = np.zeros((len(stamps_s), 2))
    offsets = np.zeros((len(stamps_s), 2, 3))
    for stance, place in zip(found, places, strict=True):
        gap = np.maximum(stamps_s[stance.first] - stamps_s, stamps_s - stamps_s[stance.last]).clip(0.0)
        share = np.clip(1 - gap / BLEND_S, 0.0, 1.0)
        share = share * share * (3 - 2 * share)
        moving = joints_world[np.clip(np.arange(len(stamps_s)), stance.first, stance.last), TOES[stance.foot]]
        inside = gap == 0
        offset = np.where(inside[:, None], place - joints_world[:, TOES[stance.foot]], place - moving)
        stronger = share > shares[:, stance.foot]
        shares[stronger, stance.foot] = share[stronger]
        offsets[stronger, stance.foot] = offset[stronger]
    return np.asarray(targets + shares[..., None] * offsets)
