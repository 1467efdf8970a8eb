"""One person as one camera saw them, carried into the fixed frame."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from metrichmsr_ros.errors import MetricHMRError
from metrichmsr_ros.fusion.config import FusionConfig
from metrichmsr_ros.people.place_limits import FARTHEST_M, VARIANCES_M2, is_usable_covariance
from metrichmsr_ros.types import AnyArray, Float64Array


class SightingError(MetricHMRError, ValueError):
    """A sighting with numbers that cannot be fused; the message names the camera, the person and the number."""


@dataclass(frozen=True, eq=False)
class CameraSighting:
    """A person in one image. Fixed frame, metres, float64.

    Attributes:
        camera: name of the camera.
        id: the camera's id of the person.
        stamp_s: time of the image, s.
        position: (3,) middle of the hips.
        covariance: (3, 3) of `position`, m^2.
        origin: (3,) place of the camera.
        height: standing height, m.
        betas: (10,) shape.
        quality: how well this view shows the pose; compared between views only.
        confidence: probability 0 to 1 that this is one person.
        is_hidden: predicted by the camera's tracker, not seen: no measurement.
        body_model: body model of `betas`; shapes of different models are not compared.
        source: the message or estimate that this was made from.
    """

    camera: str
    id: str
    stamp_s: float
    position: Float64Array
    covariance: Float64Array
    origin: Float64Array
    height: float
    betas: AnyArray
    quality: float = 1.0
    confidence: float = 1.0
    is_hidden: bool = False
    body_model: str = "open"
    source: Any = None

    def __post_init__(self) -> None:
        """Check shapes and numbers.

        Raises:
            SightingError: a number is not finite or beyond what can be computed with, a shape is wrong, or the
                covariance is not positive definite.
        """
        who = f"person {self.id!r} of camera {self.camera!r}"
        for name in ("position", "origin"):
            place = getattr(self, name)
            if place.shape != (3,) or not (np.abs(place) <= FARTHEST_M).all():
                raise SightingError(f"{who} has the {name} {place.tolist()}; give 3 numbers within {FARTHEST_M:g} m")
        if not np.isfinite([self.height, self.quality, self.confidence, *self.betas]).all():
            raise SightingError(f"{who} has a height, confidence or betas that are not finite; give finite numbers")
        if self.covariance.shape != (3, 3) or not _is_positive(self.covariance):
            raise SightingError(
                f"{who} has the position covariance {self.covariance.tolist()}; give a symmetric positive definite "
                f"one, of variances from {VARIANCES_M2[0]:g} to {VARIANCES_M2[1]:g} m^2"
            )

    @property
    def key(self) -> tuple[str, str]:
        """Camera and its id: names one track of one camera."""
        return self.camera, self.id

    @property
    def ray(self) -> Float64Array:
        """(3,) from the camera to the person, m."""
        return self.position - self.origin

    def spread(self, config: FusionConfig) -> Float64Array:
        """Covariance (3, 3) for comparing cameras: with the errors of extrinsics and of people of unusual stature."""
        stature = config.range_std**2 * np.outer(self.ray, self.ray)
        return self.covariance + stature + config.tolerance**2 / 2 * np.eye(3)

    def moved(self, position: Float64Array, covariance: Float64Array) -> CameraSighting:
        """The same sighting at another place."""
        return replace(self, position=position, covariance=covariance)


def _is_positive(covariance: Float64Array) -> bool:
    return bool(np.allclose(covariance, covariance.T, atol=1e-9)) and is_usable_covariance(covariance)
