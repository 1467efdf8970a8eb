"""Evidence over time: what lasts, by stamps in seconds, and what keeps still."""

from __future__ import annotations

import math
from dataclasses import dataclass
from operator import mul

from metrichmsr_ros.people.gestures.arms import Vector


@dataclass
class Switch:
    """On or off; changes when the evidence has said otherwise for a while.

    Args:
        delay_s: for how long.
    """

    delay_s: float
    is_on: bool = False
    _otherwise_since: float | None = None

    def update(self, evidence: bool, stamp_s: float) -> bool:
        """The state after an image."""
        if evidence == self.is_on:
            self._otherwise_since = None
        elif self._otherwise_since is None:
            self._otherwise_since = stamp_s
        elif stamp_s - self._otherwise_since >= self.delay_s:
            self.is_on, self._otherwise_since = evidence, None
        return self.is_on


@dataclass
class Stillness:
    """Finds that a direction stays where it was.

    Args:
        angle: radians that it may move.
    """

    angle: float
    _anchor: Vector | None = None

    def update(self, direction: Vector) -> bool:
        """Whether the next direction is near the one from which on it has been still; if not, it counts from now."""
        if self._anchor is not None and sum(map(mul, self._anchor, direction)) > math.cos(self.angle):
            return True
        self._anchor = direction
        return False
