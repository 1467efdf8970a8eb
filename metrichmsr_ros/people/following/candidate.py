"""Somebody who may be the person who is followed, in the fixed frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from metrichmsr_ros.errors import MetricHMRError
from metrichmsr_ros.people.place_limits import FARTHEST_M, VARIANCES_M2, is_usable_covariance
from metrichmsr_ros.types import Float64Array


class CandidateError(MetricHMRError, ValueError):
    """A person with numbers that cannot be followed; the message names the person and the number."""


@dataclass(frozen=True, eq=False)
class Candidate:
    """One person at one moment. Fixed frame with z up, metres, float64.

    Attributes:
        id: of the tracker.
        position: (3,) middle of the hips.
        covariance: (3, 3) of `position`, m^2.
        heading: direction that the chest faces on the floor, radians from x.
        height: standing height.
        betas: (10,) shape.
        body_model: of `betas`; shapes of different models are not compared.
        confidence: 0 to 1.
        is_hidden: predicted by the tracker, not seen.
        raises_hand: whether a hand is raised.
    """

    id: str
    position: Float64Array
    covariance: Float64Array
    heading: float
    height: float
    betas: Float64Array
    body_model: str = "open"
    confidence: float = 1.0
    is_hidden: bool = False
    raises_hand: bool = False

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            CandidateError: a number is not finite or beyond what can be computed with, or the covariance is not
                positive definite.
        """
        for name in ("position", "heading", "height", "betas", "confidence"):
            value = np.asarray(getattr(self, name))
            if not np.isfinite(value).all():
                raise CandidateError(f"person {self.id!r} has the {name} {value.tolist()}; give finite numbers")
        if (np.abs(self.position) > FARTHEST_M).any():
            raise CandidateError(
                f"person {self.id!r} is at {self.position.tolist()}; give a place within {FARTHEST_M:g} m"
            )
        if not is_usable_covariance(self.covariance):
            raise CandidateError(
                f"person {self.id!r} has the position covariance {self.covariance.tolist()}; give a positive definite "
                f"one, of variances from {VARIANCES_M2[0]:g} to {VARIANCES_M2[1]:g} m^2"
            )
