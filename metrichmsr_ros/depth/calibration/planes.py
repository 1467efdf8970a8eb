"""The closed form that knows that floors and walls are flat: a smooth field that makes planes planar again.

Along any line of pixels the inverse depth of a plane is linear, so its second differences vanish; where those of a
depth network do not, but nearly, the network has bent a plane. We look for the smooth relative correction r of the
affine fit z, and for an offset o, z' = (1 + r) z + o, that bring them to zero. To first order this is linear in both:
1/z' = u (1 - r - o u) with u = 1/z. Edges and clutter are cut by a robust weight. Planes say nothing about scale: that
comes from the people, each of whom is one yardstick with an error of its own.

A depth whose planes are flat to begin with was measured, not guessed: it gets no field, and its scale is left alone
where the people do not contradict it beyond their own error.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from metrichmsr_ros.depth.anchor import Anchor
from metrichmsr_ros.depth.calibration.affine import IDENTITY, Calibration, fit_affine, fit_scale, smoothness
from metrichmsr_ros.types import Float32Array

GRID = (72, 96)  # rows, columns on which planes are looked at
CONTROL = (9, 12)  # rows, columns of the field
REACH = 2.0  # control cells over which a departure fades
FIELD_STD = 0.12  # of the field, relative
OFFSET_STD = 0.03  # of the offset, in median depths
ARMS = (5, 10)  # grid pixels between the points of a second difference
CENTRE_STEP = 4  # grid pixels between the centres of second differences
PLANE_STDS = (0.02, 0.012)  # of planes' second differences, relative, round by round
PLANE_SHARE = 0.01  # of an independent equation in each: neighbours say much the same
PERSON_STD = 0.04  # relative error of a person's distance, the same for all its pixels
PASSES = 2
ENOUGH = (160, 213)  # rows, columns that images are thinned to before anything is looked at
EDGE = 0.2  # relative second difference from which it is no plane
FLAT = 0.02  # bend below which depth was measured: depth cameras have under 0.02, networks 0.03 and more
MEASURED_STD = 0.02  # relative error of the scale of measured depth ...
UNKNOWN_STD = 0.35  # ... unless its units are not metres, or it was rectified badly: as likely, before people are seen
_CELLS = CONTROL[0] * CONTROL[1]


@dataclass(frozen=True, eq=False)
class _Small:
    """An image on `GRID`: depth (m) with its known pixels, log of human depth, weight and person (-1: nobody)."""

    depth: Float32Array
    known: NDArray[np.bool_]
    log_human: Float32Array
    weight: Float32Array
    person: NDArray[np.int32]


def fit_planes(depth: Float32Array, anchor: Anchor) -> Calibration:
    """The affine fit, bent so that planes are planes. Nobody in view: no change.

    Args:
        depth: (H, W) initial depth in metres, NaN unknown. anchor: human depth on the same grid.
    """
    step = thinning(depth.shape)
    if step > 1:
        return enlarged(fit_planes(depth[::step, ::step], thinned(anchor, step)), depth.shape)
    base = fit_affine(depth, anchor)
    if base is IDENTITY:
        return IDENTITY
    if bend(depth, anchor) < FLAT:
        return _measured(depth, anchor)
    scale, shift = np.float32(base.scale), np.float32(base.offset)
    small = _shrunk(scale * depth + shift, anchor)
    median = float(np.median(small.depth[small.known]))
    grow, offset = np.ones(CONTROL, np.float32), 0.0
    for _ in range(PASSES):
        now = np.maximum(_resized(grow, GRID) * small.depth + np.float32(offset), 0.02 * median)
        solution = _solve(np.asarray(now / median, np.float32), np.log(now), small)
        factor = 1 + np.clip(solution[:_CELLS].reshape(CONTROL), -0.4, 0.6)
        grow = np.asarray(grow * factor, np.float32)
        offset = offset * float(factor.mean()) + float(solution[_CELLS]) * median
    field = _resized(grow, depth.shape)
    return Calibration(field * scale, field * shift + np.float32(offset), "planes")


def thinning(shape: tuple[int, ...]) -> int:
    """Every how many-th row and column is enough for smooth fields."""
    return max(1, min(shape[0] // ENOUGH[0], shape[1] // ENOUGH[1]))


def thinned(anchor: Anchor, step: int) -> Anchor:
    """The anchor at every `step`-th row and column."""
    few = np.s_[::step, ::step]
    return Anchor(anchor.depth[few], anchor.weight[few], anchor.person[few])


def enlarged(calibration: Calibration, shape: tuple[int, ...]) -> Calibration:
    """The same calibration with its fields at `shape` (H, W)."""
    if not isinstance(calibration.scale, np.ndarray) or not isinstance(calibration.offset, np.ndarray):
        return calibration
    return Calibration(_resized(calibration.scale, shape), _resized(calibration.offset, shape), calibration.method)


def bend(depth: Float32Array, anchor: Anchor) -> float:
    """How much planes are bent: 40th percentile of the relative second differences of inverse depth, in that direction
    and over that distance where they are bent most.
    """
    small = _shrunk(depth, anchor)
    differences = [bent for _, _, bent in _second_differences(np.asarray(1 / small.depth, np.float32), small.known)]
    return max((float(np.percentile(np.abs(bent), 40)) for bent in differences if len(bent)), default=np.inf)


def _measured(depth: Float32Array, anchor: Anchor) -> Calibration:
    """One scale: that of the people, or their part in it if the depth may well be right. Mean of a Gaussian mixture."""
    log_scale = float(np.log(fit_scale(depth, anchor).scale))
    people = len(np.unique(anchor.person[anchor.mask]))
    theirs = PERSON_STD**2 / people
    near, far = theirs + MEASURED_STD**2, theirs + UNKNOWN_STD**2
    odds = np.sqrt(far / near) * np.exp(-0.5 * log_scale**2 * (1 / near - 1 / far))
    is_right = odds / (1 + odds)
    kept = (1 - is_right) + is_right * MEASURED_STD**2 / near
    return Calibration(float(np.exp(kept * log_scale)), 0.0, "planes")


def _shrunk(depth: Float32Array, anchor: Anchor) -> _Small:
    size = (GRID[1], GRID[0])
    known_here = np.isfinite(depth) & (depth > 0)
    share = cv2.resize(known_here.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    total = cv2.resize(np.where(known_here, depth, 0), size, interpolation=cv2.INTER_AREA)
    known = share > 0.99
    both = anchor.mask & known_here
    residual = np.where(both, np.log(np.where(both, anchor.depth / depth, 1)), 0).astype(np.float32)
    weight = np.where(both, anchor.weight, 0)
    shrunk_weight = cv2.resize(weight, size, interpolation=cv2.INTER_AREA)
    shrunk_residual = cv2.resize(weight * residual, size, interpolation=cv2.INTER_AREA) / np.maximum(
        shrunk_weight, 1e-6
    )
    mean = np.where(share > 0, total / np.maximum(share, 1e-6), 1).astype(np.float32)
    person = cv2.resize(anchor.person.astype(np.float32), size, interpolation=cv2.INTER_NEAREST).astype(np.int32)
    log_human = np.asarray(np.log(mean) + shrunk_residual, np.float32)
    return _Small(mean, known, log_human, np.asarray(shrunk_weight, np.float32), person)


def _solve(relative: Float32Array, log_depth: Float32Array, small: _Small) -> NDArray[np.float64]:
    """Relative correction at the control cells and offset in median depths, (cells + 1,)."""
    prior = np.zeros((_CELLS + 1, _CELLS + 1))
    prior[:_CELLS, :_CELLS] = _prior()
    prior[_CELLS, _CELLS] = OFFSET_STD**-2
    people, residual, precision = _people_rows(relative, log_depth, small)
    rows, bent = _plane_rows(np.asarray(1 / relative, np.float32), small.known)
    # In torch, whose number of threads programs set: BLAS threads of NumPy would wait for each other on a busy robot.
    design, target = torch.from_numpy(rows), torch.from_numpy(bent)
    solution = np.zeros(_CELLS + 1)
    for std in PLANE_STDS:
        left = target - design @ torch.from_numpy(solution.astype(np.float32))
        trust = PLANE_SHARE / std**2 * torch.exp(-((left / (2 * std)) ** 2))
        off = residual - people @ solution
        sure = precision / (1 + (off / (2 * PERSON_STD)) ** 2)
        normal = (design.T @ (design * trust[:, None])).numpy() + people.T @ (people * sure[:, None]) + prior
        right = (design.T @ (trust * target)).numpy() + people.T @ (sure * residual)
        solution = torch.linalg.solve(torch.from_numpy(normal), torch.from_numpy(right)).numpy()
    return solution


def _people_rows(
    relative: Float32Array, log_depth: Float32Array, small: _Small
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """One equation for each person: mean correction over its pixels (P, cells + 1), what it should be, precision."""
    seen = (small.weight > 0) & (small.person >= 0)
    sampling = _sampling()
    rows, residuals, precisions = [], [], []
    for person in np.unique(small.person[seen]):
        own = np.flatnonzero(seen & (small.person == person))
        weight = small.weight.ravel()[own].astype(np.float64)
        gap = (small.log_human - log_depth).ravel()[own].astype(np.float64)
        middle = np.median(gap)
        weight /= 1 + ((gap - middle) / 0.1) ** 2
        whole = weight.sum()
        rows.append(np.append(weight @ sampling[own], weight @ (1 / relative.ravel()[own])) / whole)
        residuals.append(weight @ gap / whole)
        precisions.append(min(float(small.weight.ravel()[own].max()), 1.0) / PERSON_STD**2)
    if not rows:
        return np.zeros((0, _CELLS + 1)), np.zeros(0), np.zeros(0)
    return np.array(rows), np.array(residuals), np.array(precisions)


def _plane_rows(inverse: Float32Array, known: NDArray[np.bool_]) -> tuple[Float32Array, Float32Array]:
    """Second differences of inverse depth over their centre: what the unknowns do to them (N, cells + 1), and they."""
    sampling, values = _sampling(), inverse.ravel()
    all_rows, all_bent = [], []
    for index, weights, bent in _second_differences(inverse, known):
        # Also to first order, less what the same correction does to the centre: else shrinking everything would help.
        weights = weights - bent[:, None] / weights.shape[1]
        rows = np.empty((len(index), _CELLS + 1), np.float32)
        rows[:, :_CELLS] = np.einsum("nk,nkc->nc", weights, sampling[index], optimize=True)
        rows[:, _CELLS] = (weights * values[index]).sum(axis=1)
        all_rows.append(rows)
        all_bent.append(bent)
    return np.concatenate(all_rows), np.concatenate(all_bent)


def _second_differences(
    inverse: Float32Array, known: NDArray[np.bool_]
) -> Iterator[tuple[NDArray[np.int64], Float32Array, Float32Array]]:
    """For each direction and distance: grid pixels (N, k), their share (N, k) in the differences, and these (N,)."""
    values = inverse.ravel()
    for indices, factors in _stencils():
        index = indices[known.ravel()[indices].all(axis=1)]
        weights = values[index] * factors
        weights /= values[index].mean(axis=1, keepdims=True)
        bent = weights.sum(axis=1)
        near = np.abs(bent) < EDGE
        yield index[near], weights[near], bent[near]


@lru_cache(maxsize=1)
def _stencils() -> list[tuple[NDArray[np.int64], Float32Array]]:
    """Grid pixels (N, k) and factors (k,) of all second differences: across, down, and mixed."""
    rows, columns = GRID
    stencils = []
    for arm in ARMS:
        v, u = np.mgrid[arm : rows - arm : CENTRE_STEP, arm : columns - arm : CENTRE_STEP]
        centre = (v * columns + u).ravel()
        half = arm // 2 + arm % 2
        for offsets, factors in (
            ((-arm, 0, arm), (1, -2, 1)),
            ((-arm * columns, 0, arm * columns), (1, -2, 1)),
            (
                (-half * columns - half, half * columns + half, -half * columns + half, half * columns - half),
                (1, 1, -1, -1),
            ),
        ):
            stencils.append((centre[:, None] + np.array(offsets), np.array(factors, np.float32)))
    return stencils


@lru_cache(maxsize=1)
def _sampling() -> Float32Array:
    """(grid pixels, cells): how cv2.resize reads the control cells at each grid pixel."""
    cells = np.eye(_CELLS, dtype=np.float32).reshape(_CELLS, *CONTROL)
    return np.stack([_resized(cell, GRID).ravel() for cell in cells], axis=1)


@lru_cache(maxsize=1)
def _prior() -> NDArray[np.float64]:
    return smoothness(*CONTROL, std=FIELD_STD, reach=REACH).toarray()


def _resized(field: Float32Array, shape: tuple[int, ...]) -> Float32Array:
    return np.asarray(cv2.resize(field, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR), np.float32)
