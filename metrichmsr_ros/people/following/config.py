"""Assumptions about the person who is followed."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class FollowConfig:
    """Times in seconds, lengths in metres.

    Attributes:
        predict_for: the person is predicted for this long after the last sighting, then lost.
        forget_after: a lost person is no longer looked for after this time since the last sighting.
        gate: squared Mahalanobis distance (3 degrees of freedom) beyond which somebody with another id is not the
            person; 16.3 holds 99.9 %.
        same_id_gate: the same for the person's own id. Beyond it the id has passed to somebody else.
        new_density: people who come into view, per cubic metre: somebody new must be a worse explanation.
        height_std: of the difference of two estimates of one person's height.
        betas_std: the same for each shape number.
        shape_gate: sum of the squared differences in these deviations beyond which somebody is not the person.
        margin: how much worse the second best must be, as twice the logarithm of the likelihoods' ratio.
    """

    predict_for: float = 0.5
    forget_after: float = 10.0
    gate: float = 16.3
    same_id_gate: float = 65.0
    new_density: float = 1e-3
    height_std: float = 0.1
    betas_std: float = 1.0
    shape_gate: float = 6.0
    margin: float = 4.0

    @property
    def nobody(self) -> float:
        """Cost of the explanation that somebody has newly come into view."""
        return -2.0 * math.log(self.new_density) - 3.0 * math.log(2.0 * math.pi)
