"""What the people in view tell about the scale of an initial depth, and with what deviation.

Each person gives one number, the log of human over initial depth, whose deviation has five independent parts:

- the person's distance, as estimated (`Anchor.distance_std`);
- the source's own error of a whole body, `Source.body_std`;
- the source's error of parts of the body: the spread within the body, over `PARTS` independent parts;
- the source's noise: few pixels at the source's resolution are few independent measurements;
- the silhouette: where the source shows no step between a person and what is around them, it shows something between
  both. Half of the step that is missing to `USUAL_STEP` counts as error of the person's ratio. A sensor sees people.

The scale has a prior, no change with the deviation `SCALE_STD`. For depth that was measured, half of the prior is a
scale that is right up to `MEASURED_STD`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from metrichmsr_ros.depth.anchor import Anchor
from metrichmsr_ros.types import Float32Array, Float64Array

PARTS = 4  # independent parts of a body: head, torso, arms, legs
ELEMENT_STD = 0.1  # relative error of one resolution element of the source
USUAL_STEP = 0.6  # upper quartile of the log step of depth at people's silhouettes in rendered rooms
SCALE_STD = 0.45  # log scale of FastDepth on rendered rooms, about its mean: `benchmarks.depth --initial fastdepth`
MEASURED_STD = 0.02  # log scale of correct measured depth
RING = (0.01, 0.033)  # of the image's height: nearest and farthest pixels around a silhouette that are its background
MIN_PIXELS = 4  # a person with fewer anchored pixels is no measurement


@dataclass(frozen=True)
class SourceErrors:
    """Errors of an initial depth.

    Attributes:
        element_px: pixels of the image in one independent resolution element of the source.
        body_std: relative error of a whole body's depth, beyond that of the scene's scale.
        is_measured: whether a sensor measured the depth, so that its scale may well be right.
    """

    element_px: float = 1.0
    body_std: float = 0.05
    is_measured: bool = False


@dataclass(frozen=True, eq=False)
class Ratios:
    """One measurement of the log scale per person.

    Attributes:
        person: (P,) index in the anchor.
        log_ratio: (P,) median log of human over initial depth.
        std: (P,) deviation of `log_ratio` as a measurement of the scene's log scale.
        step: (P,) log step of the initial depth from the person to what is around them, positive outwards.
    """

    person: NDArray[np.int64]
    log_ratio: Float64Array
    std: Float64Array
    step: Float64Array

    def moved(self, shift: Float64Array) -> Ratios:
        """The ratios after the initial depth's log at each person rose by `shift` (P,)."""
        return Ratios(self.person, self.log_ratio - shift, self.std, self.step)


def measure(depth: Float32Array, anchor: Anchor, source: SourceErrors) -> Ratios:
    """Ratios of all people with anchored pixels and initial depth.

    Args:
        depth: (H, W) initial depth in metres, NaN where unknown.
        anchor: human depth on the same grid.
        source: errors of that depth.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        log_depth = np.log(np.where(depth > 0, depth, np.nan))
    known = np.isfinite(log_depth)
    rows = []
    for person in np.unique(anchor.person[anchor.mask & known]):
        own = anchor.mask & known & (anchor.person == person)
        if own.sum() >= MIN_PIXELS:
            rows.append((person, *_one(log_depth, known, own, anchor, int(person), source)))
    table = np.array(rows, np.float64).reshape(-1, 4)
    return Ratios(table[:, 0].astype(np.int64), table[:, 1], table[:, 2], table[:, 3])


def _one(
    log_depth: Float32Array,
    known: NDArray[np.bool_],
    own: NDArray[np.bool_],
    anchor: Anchor,
    person: int,
    source: SourceErrors,
) -> tuple[float, float, float]:
    """Log ratio of one person, its deviation, and the step at the silhouette."""
    ratio = np.log(anchor.depth[own]) - log_depth[own]
    middle = float(np.median(ratio))
    spread = 1.4826 * float(np.median(np.abs(ratio - middle)))
    step = _silhouette_step(log_depth, known, own, anchor.person, person)
    missing = 0.0 if source.is_measured else max(USUAL_STEP - step, 0.0) / 2
    elements = own.sum() / source.element_px
    distance = anchor.distance_std_of(person)
    variance = distance**2 + source.body_std**2 + spread**2 / PARTS + missing**2 + ELEMENT_STD**2 / elements
    certainty = float(np.clip(anchor.weight[own].max(), 1e-3, 1.0))
    return middle, float(np.sqrt(variance / certainty)), step


def _silhouette_step(
    log_depth: Float32Array,
    known: NDArray[np.bool_],
    own: NDArray[np.bool_],
    people: NDArray[np.int32],
    person: int,
) -> float:
    """Log depth of the ring around a person minus that of the person; 0 if the ring is not visible."""
    near, far = (max(round(share * people.shape[0]), least) for share, least in zip(RING, (1, 3), strict=True))
    body = (people == person).astype(np.uint8)
    ring = (_grown(body, far) > 0) & (_grown(body, near) == 0) & (people < 0) & known
    return float(np.median(log_depth[ring]) - np.median(log_depth[own])) if ring.any() else 0.0


def _grown(mask: NDArray[np.uint8], by: int) -> NDArray[np.uint8]:
    return np.asarray(cv2.dilate(mask, np.ones((2 * by + 1, 2 * by + 1), np.uint8)), np.uint8)


@dataclass(frozen=True)
class ConfirmedScale:
    """The scale that the people confirm.

    Attributes:
        log_scale: posterior mean of the log scale, shrunk to 0 as far as nothing confirms it.
        people: what the people say without prior: weighted mean log ratio.
        share: `log_scale` / `people`, 0 to 1; 1 if the people say that nothing changes.
        agreement: share of the people's squared ratios that a scale from the other people explains, 0 to 1; 1 for one
            person.
    """

    log_scale: float
    people: float
    share: float
    agreement: float

    def with_agreement(self, agreement: float) -> ConfirmedScale:
        """The same people, believed with another agreement; the present one is above 0."""
        share = self.share * agreement / self.agreement
        return replace(self, log_scale=share * self.people, share=share, agreement=agreement)


NOBODY = ConfirmedScale(0.0, 0.0, 0.0, 1.0)


def confirmed_scale(ratios: Ratios, is_measured: bool) -> ConfirmedScale:
    """Posterior log scale of the scene, from people who may contradict each other.

    People whose ratios scatter by more than their deviations get larger ones (their chi-square per degree of freedom).
    With several people, the scale counts only as far as a scale from the others predicts the ratio of each one better
    than no change does.
    """
    if not len(ratios.person):
        return NOBODY
    weight = ratios.std**-2
    mean = float(weight @ ratios.log_ratio / weight.sum())
    variance = 1 / float(weight.sum())
    variance *= max(1.0, scatter(ratios))
    agreement = _agreement(ratios)
    share = agreement * (_kept_of_measured(mean, variance) if is_measured else SCALE_STD**2 / (SCALE_STD**2 + variance))
    return ConfirmedScale(share * mean, mean, share, agreement)


def scatter(ratios: Ratios) -> float:
    """Chi-square per degree of freedom of the people's log ratios about their weighted mean; 0 for one person."""
    if len(ratios.person) < 2:
        return 0.0
    weight = ratios.std**-2
    mean = weight @ ratios.log_ratio / weight.sum()
    return float(weight @ (ratios.log_ratio - mean) ** 2) / (len(weight) - 1)


def _kept_of_measured(mean: float, variance: float) -> float:
    """Posterior over measured log scale: a mixture of a right scale and a wrong one, with the same prior odds."""
    right, wrong = variance + MEASURED_STD**2, variance + SCALE_STD**2
    odds = np.sqrt(wrong / right) * np.exp(-0.5 * mean**2 * (1 / right - 1 / wrong))
    p_right = odds / (1 + odds)
    return float(p_right * MEASURED_STD**2 / right + (1 - p_right) * SCALE_STD**2 / wrong)


def _agreement(ratios: Ratios) -> float:
    """Leave one person out: share of the squared ratios that the mean of the others explains."""
    weight = ratios.std**-2
    if len(weight) < 2:
        return 1.0
    others = weight.sum() - weight
    predicted = ((weight @ ratios.log_ratio) - weight * ratios.log_ratio) / others
    alone, held_out = weight @ ratios.log_ratio**2, weight @ (ratios.log_ratio - predicted) ** 2
    return float(np.clip(1 - held_out / max(alone, 1e-12), 0.0, 1.0))
