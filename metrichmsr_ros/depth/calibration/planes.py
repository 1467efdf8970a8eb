"""A closed form that uses the flatness of floors and walls: a smooth field that makes bent planes planar.

Along any line of pixels the inverse depth of a plane is linear, so its second differences vanish. Small second
differences in the depth of a network indicate a bent plane. The fit finds the smooth relative correction r of the
affine fit z and the offset o, z' = (1 + r) z + o, that bring them to zero. To first order this is linear in both:
1/z' = u (1 - r - o u) with u = 1/z. A robust weight excludes edges and clutter. Planes do not determine the scale: it
comes from the people, with one equation and one error per person.

Depth whose planes are flat is treated as measured by a sensor: it gets no field, and its scale changes only if the
people contradict it by more than their own error.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

import cv2
import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from metrichmsr_ros.depth.anchor import Anchor
from metrichmsr_ros.depth.calibration.affine import IDENTITY, Calibration, fit_affine, fit_scale, smoothness
from metrichmsr_ros.types import Float32Array

GRID = (72, 96)  # rows, columns of the grid on which planes are fitted
CONTROL = (9, 12)  # rows, columns of the field
REACH = 2.0  # control cells over which a deviation fades
FIELD_STD = 0.12  # standard deviation of the field, relative
OFFSET_STD = 0.03  # standard deviation of the offset, in median depths
ARMS = (5, 10)  # grid pixels between the points of a second difference
CENTRE_STEP = 4  # grid pixels between the centres of second differences
PLANE_STDS = (0.02, 0.012)  # relative standard deviation of the second differences of planes, per iteration
PLANE_SHARE = 0.01  # weight of each second difference: neighbours are strongly correlated
PERSON_STD = 0.04  # relative error of a person's distance, the same for all its pixels
PASSES = 2
THINNED_SIZE = (160, 213)  # rows, columns: larger images are thinned to about this size before the fit
EDGE = 0.2  # relative second difference from which it is an edge, not a plane
FLAT = 0.02  # bend below which depth counts as measured: depth cameras have less than 0.02, networks 0.03 and more
MEASURED_STD = 0.02  # relative error of the scale of correct measured depth
UNKNOWN_STD = 0.35  # ... and with wrong units or rectification; both cases have the same prior probability
BLOCK = 16  # rows of one product of matrices
_CELLS = CONTROL[0] * CONTROL[1]


@dataclass(frozen=True, eq=False)
class _CoarseDepth:
    """Depth on `GRID`: metres with the mask of known pixels, log of human depth, weight and person (-1: nobody)."""

    depth: Float32Array
    known: NDArray[np.bool_]
    log_human: Float32Array
    weight: Float32Array
    person: NDArray[np.int32]


def fit_planes(depth: Float32Array, anchor: Anchor) -> Calibration:
    """The affine fit with a field that makes planes flat. Without people: no change.

    Args:
        depth: (H, W) initial depth in metres, NaN where unknown. anchor: human depth on the same grid.
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
    """Step between rows and columns that is fine enough for smooth fields."""
    return max(1, min(shape[0] // THINNED_SIZE[0], shape[1] // THINNED_SIZE[1]))


def thinned(anchor: Anchor, step: int) -> Anchor:
    """The anchor at every `step`-th row and column."""
    part = np.s_[::step, ::step]
    return replace(anchor, depth=anchor.depth[part], weight=anchor.weight[part], person=anchor.person[part])


def enlarged(calibration: Calibration, shape: tuple[int, ...]) -> Calibration:
    """The same calibration with its fields resized to `shape` (H, W)."""
    if not isinstance(calibration.scale, np.ndarray) or not isinstance(calibration.offset, np.ndarray):
        return calibration
    return Calibration(_resized(calibration.scale, shape), _resized(calibration.offset, shape), calibration.method)


def bend(depth: Float32Array, anchor: Anchor) -> float:
    """How much planes are bent: 40th percentile of the absolute relative second differences of inverse depth, the
    maximum over directions and distances.
    """
    small = _shrunk(depth, anchor)
    differences = [bent for _, _, bent in _second_differences(np.asarray(1 / small.depth, np.float32), small.known)]
    return max((float(np.percentile(np.abs(bent), 40)) for bent in differences if len(bent)), default=np.inf)


def _measured(depth: Float32Array, anchor: Anchor) -> Calibration:
    """One scale, the mean of a Gaussian mixture: the depth is correct up to `MEASURED_STD`, or its scale is wrong."""
    log_scale = float(np.log(fit_scale(depth, anchor).scale))
    people = len(np.unique(anchor.person[anchor.mask]))
    people_var = PERSON_STD**2 / people
    correct_var, wrong_var = people_var + MEASURED_STD**2, people_var + UNKNOWN_STD**2
    odds = np.sqrt(wrong_var / correct_var) * np.exp(-0.5 * log_scale**2 * (1 / correct_var - 1 / wrong_var))
    p_correct = odds / (1 + odds)
    kept = (1 - p_correct) + p_correct * MEASURED_STD**2 / correct_var
    return Calibration(float(np.exp(kept * log_scale)), 0.0, "planes")


def _shrunk(depth: Float32Array, anchor: Anchor) -> _CoarseDepth:
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
    return _CoarseDepth(mean, known, log_human, np.asarray(shrunk_weight, np.float32), person)


def _solve(relative: Float32Array, log_depth: Float32Array, small: _CoarseDepth) -> NDArray[np.float64]:
    """Relative correction at the control cells and offset in median depths, (cells + 1,)."""
    prior = np.zeros((_CELLS + 1, _CELLS + 1))
    prior[:_CELLS, :_CELLS] = _prior()
    prior[_CELLS, _CELLS] = OFFSET_STD**-2
    people, residual, precision = _people_rows(relative, log_depth, small)
    rows, bent = _plane_rows(np.asarray(1 / relative, np.float32), small.known)
    solution = np.zeros(_CELLS + 1)
    for std in PLANE_STDS:
        plane_error = bent - np.einsum("nc,c->n", rows, solution.astype(np.float32))
        trust = PLANE_SHARE / std**2 * np.exp(-((plane_error / (2 * std)) ** 2))
        people_error = residual - people @ solution
        people_trust = precision / (1 + (people_error / (2 * PERSON_STD)) ** 2)
        normal = normal_matrix(rows, trust) + people.T @ (people * people_trust[:, None]) + prior
        right = np.einsum("nc,n->c", rows, trust * bent) + people.T @ (people_trust * residual)
        solution = scipy.linalg.solve(normal, right, assume_a="pos")  # by Cholesky, in one thread at this size
    return solution


def normal_matrix(rows: Float32Array, trust: Float32Array) -> Float32Array:
    """Sum over the N rows (N, C) of their outer products (C, C), weighted by `trust` (N,).

    In blocks so small that BLAS takes the caller's thread alone: on a busy robot its threads would block each other,
    and they spin after each product.
    """
    padded = -len(rows) % BLOCK
    weighted = np.sqrt(trust)[:, None] * rows
    blocks = np.pad(weighted, ((0, padded), (0, 0))).reshape(-1, BLOCK, rows.shape[1])
    normal: Float32Array = (blocks.swapaxes(1, 2) @ blocks).sum(axis=0)
    return normal


def _people_rows(
    relative: Float32Array, log_depth: Float32Array, small: _CoarseDepth
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """One equation per person: mean correction over its pixels (P, cells + 1), its target (P,), its precision (P,)."""
    anchored = (small.weight > 0) & (small.person >= 0)
    sampling = _sampling()
    rows, residuals, precisions = [], [], []
    for person in np.unique(small.person[anchored]):
        own = np.flatnonzero(anchored & (small.person == person))
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
    """Relative second differences of inverse depth: derivatives by the unknowns (N, cells + 1), and values (N,)."""
    sampling, values = _sampling(), inverse.ravel()
    all_rows, all_bent = [], []
    for index, weights, bent in _second_differences(inverse, known):
        # First order, minus the effect of the correction on the mean: else shrinking all depth would reduce the error.
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
    """Per direction and distance: grid pixels (N, k), their terms (N, k) of the differences, the differences (N,)."""
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
    """(grid pixels, cells): weights with which cv2.resize interpolates the control cells at each grid pixel."""
    cells = np.eye(_CELLS, dtype=np.float32).reshape(_CELLS, *CONTROL)
    return np.stack([_resized(cell, GRID).ravel() for cell in cells], axis=1)


@lru_cache(maxsize=1)
def _prior() -> NDArray[np.float64]:
    return smoothness(*CONTROL, std=FIELD_STD, reach=REACH).toarray()


def _resized(field: Float32Array, shape: tuple[int, ...]) -> Float32Array:
    return np.asarray(cv2.resize(field, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR), np.float32)
