"""Applies a calibration only as far as the people who made it confirm it.

A calibration has a scale and a shape: what is left of its fields when their median is taken out. The fit sees each
person by how well that person agrees with the scale that all confirm. Its shape is kept; its scale is replaced by the
posterior of `evidence.confirmed_scale`, which falls to the source's own where people contradict each other, where the
source does not separate them from their background, or where their distances are uncertain.

A shape that is fitted to people makes them agree, so that people whose distances are wrong seem to confirm each other.
Two rules limit that. Depth whose planes are flat gets no shape: an offset or a field would bend them. Of the agreement
that a shape adds elsewhere, less counts the further the people contradict each other without it, beyond the errors of
their distances and of the source.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from metrichmsr_ros.depth.anchor import Anchor
from metrichmsr_ros.depth.calibration.affine import IDENTITY, Calibration, Field
from metrichmsr_ros.depth.calibration.evidence import (
    USUAL_STEP,
    ConfirmedScale,
    Ratios,
    SourceErrors,
    confirmed_scale,
    measure,
    scatter,
)
from metrichmsr_ros.depth.calibration.planes import FLAT, bend, thinned, thinning
from metrichmsr_ros.types import Float32Array, Float64Array

LEAST_SHARE = 0.1  # of the people's scale; below, it counts as not confirmed
NO_CHANGE = 0.05  # log scale of people that asks for no change
OUTLIER_STDS = 2.0  # deviations from the confirmed scale at which a person counts half in the fit; of people from each
# other, beyond which the agreement that a shape adds counts less


@dataclass(frozen=True, eq=False)
class Confirmed:
    """A calibration with the part of its scale that people confirmed.

    Attributes:
        calibration: to apply; `IDENTITY` without people.
        share: part of the people's scale that it has, 0 to 1.
        problem: why the scale is the source's own; "" if people confirmed it.
    """

    calibration: Calibration
    share: float = 1.0
    problem: str = ""


def confirm(
    fit: Callable[[Float32Array, Anchor], Calibration], depth: Float32Array, anchor: Anchor, source: SourceErrors
) -> Confirmed:
    """Fit a calibration to the people who agree, with the scale that they confirm.

    Args:
        fit: the method, e.g. `planes.fit_planes`.
        depth: (H, W) initial depth in metres, NaN where unknown.
        anchor: human depth on the same grid.
        source: errors of the initial depth; depth whose planes are flat counts as measured in any case, and only its
            scale changes.
    """
    step = thinning(depth.shape)
    small, small_anchor = depth[::step, ::step], thinned(anchor, step)
    is_flat = bend(small, small_anchor) < FLAT
    is_measured = source.is_measured or is_flat
    source = replace(source, element_px=max(source.element_px / step**2, 1.0), is_measured=is_measured)
    ratios = measure(small, small_anchor, source)
    if not len(ratios.person):
        return Confirmed(IDENTITY)
    alone = confirmed_scale(ratios, source.is_measured)
    fitted = fit(depth, believed(anchor, ratios, alone.log_scale))
    if fitted is IDENTITY:
        return Confirmed(IDENTITY)
    if is_flat:
        fitted = Calibration(1.0, 0.0, fitted.method)
    change = _log_change(fitted, small, step)
    middle = float(np.nanmedian(change))
    moved = ratios.moved(_at_people(change - middle, small_anchor, ratios))
    shaped = confirmed_scale(moved, source.is_measured)
    evidence = _less_reconciled(shaped, alone, scatter(ratios))
    gain = float(np.exp(evidence.log_scale - middle))
    return Confirmed(
        replace(fitted, scale=_times(fitted.scale, gain), offset=_times(fitted.offset, gain)),
        evidence.share,
        _problem(evidence, moved if evidence is shaped else ratios),
    )


def believed(anchor: Anchor, ratios: Ratios, log_scale: float) -> Anchor:
    """The anchor with less weight for people whose ratio contradicts `log_scale` beyond their deviations."""
    factor = np.zeros(int(anchor.person.max()) + 2, np.float32)  # the last is nobody's
    factor[ratios.person] = 1 / (1 + ((ratios.log_ratio - log_scale) / (OUTLIER_STDS * ratios.std)) ** 2)
    return replace(anchor, weight=anchor.weight * factor[anchor.person])


def _less_reconciled(shaped: ConfirmedScale, alone: ConfirmedScale, scattered: float) -> ConfirmedScale:
    """`shaped` with less of the agreement that its shape adds to that of the people `alone`.

    Args:
        scattered: chi-square per degree of freedom of the people without the shape; all counts up to `OUTLIER_STDS`
            squared.
    """
    added = shaped.agreement - alone.agreement
    if added <= 0 or scattered <= OUTLIER_STDS**2:
        return shaped
    return shaped.with_agreement(alone.agreement + added * OUTLIER_STDS**2 / scattered)


def _log_change(calibration: Calibration, small: Float32Array, step: int) -> Float64Array:
    """Log of calibrated over initial depth (h, w) on every `step`-th row and column, NaN where unknown."""
    scale, offset = (
        f[::step, ::step] if isinstance(f, np.ndarray) else f for f in (calibration.scale, calibration.offset)
    )
    calibrated = replace(calibration, scale=scale, offset=offset).apply(small)
    return np.log(np.where(small > 0, calibrated / np.where(small > 0, small, 1), np.nan))


def _at_people(shape: Float64Array, anchor: Anchor, ratios: Ratios) -> Float64Array:
    """Median (P,) of `shape` on the anchored pixels of each person; 0 where it is unknown."""
    values = [shape[anchor.mask & (anchor.person == person) & np.isfinite(shape)] for person in ratios.person]
    return np.array([np.median(of_one) if len(of_one) else 0.0 for of_one in values])


def _times(field: Field, gain: float) -> Field:
    return (field * np.float32(gain)).astype(np.float32) if isinstance(field, np.ndarray) else field * gain


def _problem(evidence: ConfirmedScale, ratios: Ratios) -> str:
    if evidence.share >= LEAST_SHARE or np.abs(ratios.log_ratio).max() < NO_CHANGE:
        return ""
    factors = ", ".join(f"{factor:.2f}" for factor in np.exp(ratios.log_ratio))
    if evidence.agreement < LEAST_SHARE:
        return f"people contradict each other: alone they would scale the source by {factors}"
    if float(np.median(ratios.step)) < USUAL_STEP / 4:
        return f"the source does not separate people from their background: they would scale it by {factors}"
    return f"the people's distances are too uncertain: they would scale the source by {factors}"
