"""Size and distance of a person from measurements besides the image.

One image fixes a person up to one number s: a body s times as large and s times as far away gives the same image. The
network infers s from a prior of body sizes; feet on a calibrated floor and a depth sensor measure it. All are combined
here as Gaussians of log s, weighted by their variances. A person's size is constant, so earlier measurements of it
still hold when the feet leave the view.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

GATE = 2.5  # standard deviations; evidence farther from the current mean belongs to another object
CORRELATED_S = 0.5
"""Errors of posture, of the floor and of clothes in images closer than this are nearly the same."""
RECALL_STD = 0.01  # of log s: how much the measured size of one person varies with posture
GROSS_BIASES = 7.0  # stated biases that a badly calibrated mount reaches: 2 degrees instead of 0.3


@dataclass(frozen=True)
class ScaleEvidence:
    """One measurement of log s.

    Attributes:
        log_scale: what to multiply size and distance by, as a logarithm.
        noise: standard deviation of the error that is independent in each image.
        bias: standard deviation of the error that all images share, e.g. a tilted camera mount; not averaged out.
        source: of the measurement, "floor" or "depth".
        is_whole: the whole body was measured, so nothing is in front of it.
    """

    log_scale: float
    noise: float
    bias: float
    source: str
    is_whole: bool = False

    @property
    def std(self) -> float:
        """Standard deviation of one measurement."""
        return math.hypot(self.noise, self.bias)

    @property
    def overrules_prior(self) -> bool:
        """Whether this holds even if the network's prior does not allow it.

        A stair or a platform under the feet makes people seem larger than they are. Nothing under them makes them seem
        smaller: a child. What stands in front of a person hides a part alone. Sizes in memory were accepted before.
        """
        is_below = self.source == "floor" and self.log_scale < -GROSS_BIASES * self.bias
        return is_below or self.is_whole or self.source == "memory"


@dataclass(frozen=True)
class ScaleCorrection:
    """Correction of one person's size and distance.

    Attributes:
        scale: s, to multiply size and distance by; 1 without measurements.
        std: of log s afterwards. prior_std: before, as the network claimed.
        sources: "floor", "depth": measured in this image; "memory": in earlier ones; empty without a measurement.
    """

    scale: float
    std: float
    prior_std: float
    sources: tuple[str, ...] = ()

    @property
    def variance_left(self) -> float:
        """Share of the variance along the line of sight that remains, 0..1."""
        return (self.std / self.prior_std) ** 2


class SizeMemory:
    """Logarithm of one person's size, from all measurements so far."""

    def __init__(self) -> None:
        self._precision = self._sum = self._bias = 0.0

    def add(self, log_size: float, evidence: ScaleEvidence, share: float = 1.0) -> None:
        """Add a measurement of a body whose size the network estimates as `log_size`; restart when it contradicts.

        `share`: above 0, up to 1: how far its noise is independent of that of the last measurement.
        """
        measured = log_size + evidence.log_scale
        known = self.recall(log_size)
        if known and abs(known.log_scale - evidence.log_scale) > GATE * math.hypot(known.std, evidence.std):
            self._precision, self._sum, share = 0.0, 0.0, 1.0
        weight = share * evidence.noise**-2
        total = self._precision + weight
        self._bias = math.sqrt((self._precision * self._bias**2 + weight * evidence.bias**2) / total)
        self._precision, self._sum = total, self._sum + weight * measured

    def recall(self, log_size: float) -> ScaleEvidence | None:
        """The remembered size, as evidence on a body estimated as `log_size`; None: nothing measured."""
        if not self._precision:
            return None
        remembered = self._sum / self._precision
        noise = math.hypot(self._precision**-0.5, RECALL_STD)
        return ScaleEvidence(remembered - log_size, noise, self._bias, "memory")


def usable(prior_std: float, evidence: Iterable[ScaleEvidence | None]) -> list[ScaleEvidence]:
    """Evidence that agrees with the network's log s = 0 +- `prior_std` and with more precise evidence.

    It may be of another object: a foot on a stair is not on the floor, a table in front of a person is nearer. What
    cannot be of another object needs to agree with more precise evidence only.
    """
    kept: list[ScaleEvidence] = []
    for item in sorted((e for e in evidence if e is not None), key=lambda e: e.std):
        mean, std = _combined(prior_std, kept)
        agrees = abs(item.log_scale - mean) <= GATE * math.hypot(item.std, std)
        if agrees or (not kept and item.overrules_prior):
            kept.append(item)
    return kept


def corrected_scale(
    prior_std: float,
    log_size: float,
    evidence: Iterable[ScaleEvidence | None],
    memory: SizeMemory | None = None,
    share: float = 1.0,
) -> ScaleCorrection:
    """Scale of one person, from this image's evidence and what earlier images left in `memory`.

    The deviation takes this image's evidence as independent of what is remembered only as far as it is. The mean takes
    it whole: the distance in this image depends on what this image measures.

    Args:
        prior_std: standard deviation of log s that the network claims.
        log_size: logarithm of the body height that the network estimates.
        evidence: of this image.
        memory: of this person; takes the evidence in. None: a single image.
        share: of the noise of this image that is independent of the last one measured, above 0, up to 1.
    """
    measured = usable(prior_std, evidence)
    remembered = memory.recall(log_size) if memory else None
    kept = measured if remembered is None else usable(prior_std, [*measured, remembered])
    if memory is not None:
        for item in measured:
            memory.add(log_size, item, share)
    mean, std = _combined(prior_std, kept)
    if remembered in kept:
        news = [item if item is remembered else replace(item, noise=item.noise / math.sqrt(share)) for item in kept]
        std = _combined(prior_std, news)[1]
    return ScaleCorrection(math.exp(mean), std, prior_std, tuple(item.source for item in kept))


def _combined(prior_std: float, evidence: list[ScaleEvidence]) -> tuple[float, float]:
    """Mean and standard deviation of log s: the guess 0 +- `prior_std` and the evidence, whose biases are shared.

    A guess that contradicts the evidence is taken as uncertain as it must be to lie on the gate: its errors have
    heavier tails than a Gaussian.
    """
    if not evidence:
        return 0.0, prior_std
    weights = [item.noise**-2 for item in evidence]
    total = sum(weights)
    mean = sum(w * item.log_scale for w, item in zip(weights, evidence, strict=True)) / total
    bias = sum(w * item.bias**2 for w, item in zip(weights, evidence, strict=True)) / total
    variance = 1 / total + bias
    prior = max(prior_std**2, (mean / GATE) ** 2 - variance)
    share = prior / (prior + variance)
    return share * mean, math.sqrt(share * variance)
