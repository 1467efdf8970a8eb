"""The prior of body shapes: who is drawn, and how tall.

The open body's population is today's: 16 % are children of 3 to 17 years. A network trained on it takes adults for
slightly smaller people who are slightly nearer. Robots mostly meet adults, so that the default is 5 % children.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from metrichmsr_ros.body.open_body import Population
from metrichmsr_ros.errors import MetricHMRError
from metrichmsr_ros.types import Float64Array

_HELD_OUT_EVERY = 8  # one body of eight is drawn for validation only
_JITTER = 0.1  # standard deviation of the betas' noise


class PeoplePriorError(MetricHMRError, ValueError):
    """A share of the prior is not between 0 and 1."""


@dataclass(frozen=True)
class PeoplePrior:
    """Shares of the people drawn.

    Attributes:
        children: share of children of 3 to 17 years.
        women: share of women and girls.
        acting: share of people who point, raise a hand, hold a telephone to the ear and so on.
    """

    children: float = 0.05
    women: float = 0.5
    acting: float = 0.15

    def __post_init__(self) -> None:
        """Check the shares."""
        for name in ("children", "women", "acting"):
            value = getattr(self, name)
            if not 0 <= value <= 1:
                raise PeoplePriorError(f"{name} is {value}; give a share from 0 to 1")


class ShapeSampler:
    """Draws betas of people from one side of the population's split."""

    def __init__(self, prior: PeoplePrior, held_out: bool) -> None:
        """`held_out`: True draws bodies for validation, which are never drawn for training."""
        population = Population.load()
        side = (np.arange(len(population.betas)) % _HELD_OUT_EVERY == _HELD_OUT_EVERY - 1) == held_out
        self._prior = prior
        self._groups = {
            (child, woman): population.betas[
                side & (population.is_child == child) & (population.is_female == woman)
            ].astype(np.float64)
            for child in (False, True)
            for woman in (False, True)
        }

    def draw(self, rng: np.random.Generator) -> Float64Array:
        """The betas (10,) of one person."""
        group = self._groups[bool(rng.random() < self._prior.children), bool(rng.random() < self._prior.women)]
        betas: Float64Array = group[rng.integers(len(group))] + rng.normal(0, _JITTER, group.shape[1])
        return betas
