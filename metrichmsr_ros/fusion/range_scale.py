"""How much too far or too near cameras place one person: learnt while several see the person, kept when one is left.

A single camera takes an unusually small person for one of usual size farther away, and all cameras make this error
together. Several cameras measure it: their rays cross at the person. The ratio belongs to the person, so it stays when
the person walks on into the view of a single camera.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from metrichmsr_ros.fusion.covariance_intersection import Intersection
from metrichmsr_ros.fusion.sighting import CameraSighting

PRIOR_STD = 0.2  # of the logarithm of the ratio, before anything is learnt
VIEW_STD = 0.05  # how far single views of one person differ
DRIFT = 0.05  # standard deviation that the ratio gains in a second
INDEPENDENT_S = 1.0  # the errors of views closer in time are correlated
CROSSED = 0.25  # the rays cross where the fused variance along a ray is below this share of the view's own


class RangeScale:
    """The ratio of one person's true distance to the one that cameras say."""

    def __init__(self) -> None:
        self._log, self._variance = 0.0, PRIOR_STD**2
        self._stamp_s: float | None = None  # of the last time it was learnt

    @property
    def ratio(self) -> float:
        """True distance by measured distance; 1 before it is known."""
        return float(np.exp(self._log))

    def learn(self, sightings: Sequence[CameraSighting], fused: Intersection, stamp_s: float) -> None:
        """Compare uncorrected sightings of one time with the place where their rays cross."""
        measured = [ratio for sighting in sightings if (ratio := _log_ratio(sighting, fused)) is not None]
        if not measured:
            return
        value, noise = np.mean(measured, axis=0)
        if self._stamp_s is not None:
            step = max(stamp_s - self._stamp_s, 1e-3)
            self._variance += DRIFT**2 * step
            noise *= max(1.0, INDEPENDENT_S / step)
        gain = self._variance / (self._variance + noise)
        self._log += gain * (value - self._log)
        self._variance *= 1.0 - gain
        self._stamp_s = stamp_s

    def corrected(self, sighting: CameraSighting) -> CameraSighting:
        """The sighting at the person's true distance; unchanged while that is unknown."""
        if self._stamp_s is None:
            return sighting
        ray = sighting.ray * self.ratio
        known = np.outer(ray, ray) / (ray @ ray) ** 2 / (self._variance + VIEW_STD**2)
        covariance = np.linalg.inv(np.linalg.inv(sighting.covariance) + known)
        return sighting.moved(sighting.origin + ray, (covariance + covariance.T) / 2)


def _log_ratio(sighting: CameraSighting, fused: Intersection) -> tuple[float, float] | None:
    """Logarithm of the ratio by one view, and its variance; None if the other views do not tell the distance."""
    distance = float(np.linalg.norm(sighting.ray))
    ray = sighting.ray / max(distance, 1e-6)
    crossed = float(ray @ fused.covariance @ ray)
    along = float((fused.position - sighting.origin) @ ray)
    if along <= 0.0 or crossed > CROSSED * float(ray @ sighting.covariance @ ray):
        return None
    return float(np.log(along / distance)), crossed / along**2 + VIEW_STD**2
