"""Closed forms that calibrate an initial depth to the people's scale: z = s z_in + b, globally or as smooth fields.

They need no weights and are the baselines of the learned refiner. Residuals are relative, (s z_in + b - z_h) / z_h.
Each person counts by its weight, independent of its size in pixels. A Cauchy weight reduces outliers, e.g. of a person
behind a sofa whose mesh is rendered in front of it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from metrichmsr_ros.depth.anchor import Anchor
from metrichmsr_ros.types import Float32Array, Float64Array

Field = float | Float32Array

ANCHOR_STD = 0.05  # relative error of human depth and of an initial depth's details
SCALE_PRIOR_STD = 0.2  # affine: relative deviation of the scale from the robust global scale
OFFSET_PRIOR_STD = 0.1  # affine: offset, relative to the scene's median depth
FIELD_STD = 0.06  # smooth field: standard deviation of its local deviation
FIELD_SHAPE = (9, 12)  # rows, columns of its control grid
FIELD_REACH = 5.0  # cells over which a local deviation fades
MAX_ANCHOR_PIXELS = 2_000  # enough for any fit; more would only cost time
_ROUNDS = 5


@dataclass(frozen=True, eq=False)
class Calibration:
    """z = scale * z_in + offset; numbers, or fields (H, W) float32; `method` names the fit."""

    scale: Field
    offset: Field
    method: str

    def apply(self, depth: Float32Array) -> Float32Array:
        """Calibrated depth (H, W); NaN and results <= 0 become NaN."""
        calibrated = self.scale * depth + self.offset
        return np.where(calibrated > 0, calibrated, np.nan).astype(np.float32)

    def decayed(self, keep: float) -> Calibration:
        """Faded towards 'no change': `keep` = 1 returns it unchanged, 0 the identity. For times without people."""
        scale = np.exp(np.log(np.maximum(self.scale, 1e-6)) * keep)
        return replace(
            self, scale=scale if isinstance(self.scale, np.ndarray) else float(scale), offset=self.offset * keep
        )


IDENTITY = Calibration(1.0, 0.0, "none")


@dataclass(frozen=True)
class _Pairs:
    """Data of the fits: initial and human depth (N,), weights (N,) that sum to the people's weights, pixels (N,)."""

    initial: Float64Array
    human: Float64Array
    weight: Float64Array
    row: NDArray[np.int64]
    column: NDArray[np.int64]


def fit_scale(depth: Float32Array, anchor: Anchor) -> Calibration:
    """Robust global scale: weighted median of human depth / initial depth. Without people: no change."""
    pairs = _pairs(depth, anchor)
    return IDENTITY if pairs is None else Calibration(_median_ratio(pairs), 0.0, "scale")


def fit_affine(depth: Float32Array, anchor: Anchor) -> Calibration:
    """Robust global scale and offset.

    One person at one distance does not determine both, so both have a Gaussian prior: the scale around the robust
    global scale, the offset around zero.
    """
    pairs = _pairs(depth, anchor)
    if pairs is None:
        return IDENTITY
    scale, offset = _affine(pairs, _median(depth))
    return Calibration(scale, offset, "affine")


def fit_field(depth: Float32Array, anchor: Anchor) -> Calibration:
    """Robust smooth affine field: the affine fit plus local deviations of scale and offset.

    The deviations minimise the anchors' residuals, their own squared gradient (smoothness) and their own square
    (variance about the global fit), on a coarse grid, by one linear solve per reweighting round.
    """
    pairs = _pairs(depth, anchor)
    if pairs is None:
        return IDENTITY
    median = _median(depth)
    scale, offset = _affine(pairs, median)
    local = _deviations(pairs, scale, offset, median, depth.shape)
    size = (depth.shape[1], depth.shape[0])
    grow, shift = (cv2.resize(part.astype(np.float32), size, interpolation=cv2.INTER_LINEAR) for part in local)
    return Calibration(
        (scale * (1 + grow)).astype(np.float32), (offset + scale * median * shift).astype(np.float32), "field"
    )


def _pairs(depth: Float32Array, anchor: Anchor) -> _Pairs | None:
    row, column = np.nonzero(anchor.mask & np.isfinite(depth) & (np.nan_to_num(depth) > 0))
    if not len(row):
        return None
    step = max(1, len(row) // MAX_ANCHOR_PIXELS)
    row, column = row[::step], column[::step]
    person = anchor.person[row, column]
    pixels = np.bincount(person)
    weight = anchor.weight[row, column].astype(np.float64) / pixels[person]
    return _Pairs(
        depth[row, column].astype(np.float64), anchor.depth[row, column].astype(np.float64), weight, row, column
    )


def _median(depth: Float32Array) -> float:
    """Median over every fourth row and column: as accurate as over the whole image, and faster."""
    thinned = depth[::4, ::4]
    return float(np.median(thinned[np.isfinite(thinned)]))


def _median_ratio(pairs: _Pairs) -> float:
    ratio = pairs.human / pairs.initial
    order = np.argsort(ratio)
    share = np.cumsum(pairs.weight[order])
    return float(ratio[order][np.searchsorted(share, share[-1] / 2)])


def _affine(pairs: _Pairs, median: float) -> tuple[float, float]:
    centre = _median_ratio(pairs)
    prior_std = np.array([SCALE_PRIOR_STD * centre, OFFSET_PRIOR_STD * centre * median])
    solution = np.array([centre, 0.0])
    design = np.column_stack([pairs.initial, np.ones(len(pairs.initial))]) / pairs.human[:, None]
    for _ in range(_ROUNDS):
        trust = pairs.weight * _cauchy(design @ solution - 1) / ANCHOR_STD**2
        normal = design.T @ (design * trust[:, None]) + np.diag(prior_std**-2)
        solution = np.linalg.solve(normal, design.T @ trust + np.array([centre, 0.0]) * prior_std**-2)
    return float(solution[0]), float(solution[1])


def _cauchy(residual: Float64Array) -> Float64Array:
    return 1 / (1 + (residual / (2 * ANCHOR_STD)) ** 2)


def _deviations(
    pairs: _Pairs, scale: float, offset: float, median: float, shape: tuple[int, ...]
) -> tuple[Float64Array, Float64Array]:
    """Relative deviations of scale and offset on the control grid, `FIELD_SHAPE` each."""
    rows, columns = FIELD_SHAPE
    cells = rows * columns
    sample = _bilinear_matrix(pairs, shape)  # (N, cells)
    by_scale, by_offset = scale * pairs.initial / pairs.human, scale * median / pairs.human
    design = sp.hstack([sp.diags(by_scale) @ sample, sp.diags(by_offset) @ sample]).tocsr()  # (N, 2 cells)
    target = 1 - (scale * pairs.initial + offset) / pairs.human
    prior = sp.block_diag([smoothness(rows, columns, FIELD_STD, FIELD_REACH)] * 2).toarray()
    solution = np.zeros(2 * cells)
    for _ in range(_ROUNDS):
        trust = pairs.weight * _cauchy(design @ solution - target) / ANCHOR_STD**2
        weighted = design.multiply(trust[:, None]).tocsr()
        solution = np.linalg.solve((design.T @ weighted).toarray() + prior, weighted.T @ target)
    return solution[:cells].reshape(rows, columns), solution[cells:].reshape(rows, columns)


def _bilinear_matrix(pairs: _Pairs, shape: tuple[int, ...]) -> sp.csr_matrix:
    """Weights (N, cells) with which cv2.resize interpolates the control grid at each anchor pixel."""
    rows, columns = FIELD_SHAPE
    y = np.clip((pairs.row + 0.5) * rows / shape[0] - 0.5, 0, rows - 1)
    x = np.clip((pairs.column + 0.5) * columns / shape[1] - 0.5, 0, columns - 1)
    y0, x0 = np.minimum(y.astype(int), rows - 2), np.minimum(x.astype(int), columns - 2)
    fy, fx = y - y0, x - x0
    number = np.arange(len(y))
    corners = [(0, 0, (1 - fy) * (1 - fx)), (0, 1, (1 - fy) * fx), (1, 0, fy * (1 - fx)), (1, 1, fy * fx)]
    data = np.concatenate([weight for *_, weight in corners])
    cell = np.concatenate([(y0 + dy) * columns + x0 + dx for dy, dx, _ in corners])
    return sp.csr_matrix((data, (np.tile(number, 4), cell)), shape=(len(y), rows * columns))


def smoothness(rows: int, columns: int, std: float, reach: float) -> sp.csr_matrix:
    """Precision of a field that is small (variance term) and smooth (gradient term): one person changes a region.

    Args:
        rows, columns: size of its control grid.
        std: standard deviation of its values.
        reach: cells over which a local deviation fades.
    """
    down = sp.kron(_difference(rows), sp.eye(columns))
    across = sp.kron(sp.eye(rows), _difference(columns))
    gradient = down.T @ down + across.T @ across
    # A field x with energy (|x|^2 + reach^2 |grad x|^2) / c spreads one observation over about reach^2 cells.
    return (sp.eye(rows * columns) + reach**2 * gradient) / (std**2 * 4 * np.pi * reach**2)


def _difference(count: int) -> sp.csr_matrix:
    return sp.diags([-np.ones(count - 1), np.ones(count - 1)], [0, 1], shape=(count - 1, count)).tocsr()
