"""Depth-map errors: AbsRel, MAE, RMSE and the delta accuracies (Eigen et al. 2014), without any scale alignment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import ArrayLike, NDArray

from metrichmsr_ros.evaluation.metrics.checks import MetricInputError


class NoDepthError(MetricInputError):
    """No pixel of a depth map has both a valid truth and a prediction; `true_pixels` have a valid truth."""

    def __init__(self, true_pixels: int) -> None:
        super().__init__(f"no pixel can be compared: {true_pixels} true depths are valid, none is predicted")
        self.true_pixels = true_pixels


@dataclass(frozen=True)
class DepthProtocol:
    """Which pixels count.

    Attributes:
        min_depth: true depths below this (m) are left out.
        max_depth: true depths above this (m) are left out; infinity keeps all.
        clamp_prediction: clip predictions to the range, as in Eigen's protocol; the paper's rule is not public.
    """

    min_depth: float = 1e-3
    max_depth: float = float("inf")
    clamp_prediction: bool = False


@dataclass(frozen=True)
class DepthErrors:
    """Errors of one depth map, or their mean over images.

    Attributes:
        abs_rel: mean |d - d*| / d*, a fraction.
        mae: mean |d - d*|, m.
        rmse: root mean square of d - d*, m.
        delta1, delta2, delta3: fraction of pixels with max(d/d*, d*/d) < 1.25, 1.25^2, 1.25^3 (strictly).
        coverage: fraction of the valid true pixels with a prediction; the errors are over these only.
        pixels: number of compared pixels.
    """

    abs_rel: float
    mae: float
    rmse: float
    delta1: float
    delta2: float
    delta3: float
    coverage: float
    pixels: int


def valid_truth(
    truth: NDArray[np.float64], protocol: DepthProtocol, mask: ArrayLike | None = None
) -> NDArray[np.bool_]:
    """Valid pixels: finite truth inside the protocol's range and inside ``mask`` (zero means 'not measured')."""
    valid = np.isfinite(truth) & (truth >= protocol.min_depth) & (truth <= protocol.max_depth) & (truth > 0)
    if mask is not None:
        inside = np.asarray(mask, dtype=bool)
        if inside.shape != truth.shape:
            raise MetricInputError(f"the mask {inside.shape} and the depth {truth.shape} differ in shape")
        valid &= inside
    return valid


def depth_errors(
    predicted: ArrayLike, truth: ArrayLike, mask: ArrayLike | None = None, protocol: DepthProtocol | None = None
) -> DepthErrors:
    """Compare one depth map with the truth.

    Args:
        predicted: (H, W) m; NaN, infinite or non-positive means 'no prediction' and lowers the coverage.
        truth: (H, W) m; NaN, infinite, or 0 means 'not measured'.
        mask: (H, W) optional further restriction, e.g. people only.
        protocol: depth range and clamping.

    Raises:
        MetricInputError: shapes differ.
        NoDepthError: no pixel has both a valid truth and a prediction.
    """
    protocol = protocol or DepthProtocol()
    ours, theirs = np.asarray(predicted, np.float64), np.asarray(truth, np.float64)
    if ours.shape != theirs.shape:
        raise MetricInputError(f"predicted depth {ours.shape} and true depth {theirs.shape} differ in shape")
    valid = valid_truth(theirs, protocol, mask)
    both = valid & np.isfinite(ours) & (ours > 0)
    if not both.any():
        raise NoDepthError(int(valid.sum()))
    d, t = ours[both], theirs[both]
    if protocol.clamp_prediction:
        d = np.clip(d, protocol.min_depth, protocol.max_depth)
    difference = np.abs(d - t)
    ratio = np.maximum(d / t, t / d)
    return DepthErrors(
        abs_rel=float((difference / t).mean()),
        mae=float(difference.mean()),
        rmse=float(np.sqrt((difference**2).mean())),
        delta1=float((ratio < 1.25).mean()),
        delta2=float((ratio < 1.25**2).mean()),
        delta3=float((ratio < 1.25**3).mean()),
        coverage=float(both.sum() / valid.sum()),
        pixels=int(both.sum()),
    )


def mean_depth_errors(images: Sequence[DepthErrors]) -> DepthErrors:
    """Mean over images, all with the same weight, as in the literature; ``pixels`` is the sum."""
    if not images:
        raise MetricInputError("no depth maps were evaluated, so there is no mean")
    means = {f.name: float(np.mean([getattr(e, f.name) for e in images])) for f in fields(DepthErrors)}
    return DepthErrors(**{**means, "pixels": sum(e.pixels for e in images)})  # type: ignore[arg-type]
