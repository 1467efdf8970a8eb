"""Evidence over time, by stamps in seconds: what lasts, what keeps still, and what goes back and forth."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import pairwise
from operator import mul

from metrichmsr_ros.people.gestures.arms import Vector

_SHORTEST_S, _LONGEST_S = 1 / 8, 1.1
"""Half a period of a wave: 0.5 to 3 Hz, and a little more for the interval between images."""
_TURNS = 3
"""Turning points that make a wave: one whole period."""


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


@dataclass
class Oscillation:
    """Finds that a number goes back and forth between turning points that are far enough apart.

    Args:
        swing: least way between two turning points.
    """

    swing: float
    _turns: list[float] = field(default_factory=list)  # stamps of the last turning points
    _heading: int = 0
    _low: tuple[float, float] | None = None  # value and stamp of the lowest since the last turning point
    _high: tuple[float, float] | None = None

    def update(self, value: float, stamp_s: float) -> bool:
        """Whether the number goes back and forth, after its next value."""
        now = value, stamp_s
        low = self._low = now if self._low is None or value < self._low[0] else self._low
        high = self._high = now if self._high is None or value > self._high[0] else self._high
        if self._heading >= 0 and high[0] - value > self.swing:
            self._turn(-1, high[1])
            self._low = now
        elif self._heading <= 0 and value - low[0] > self.swing:
            self._turn(1, low[1])
            self._high = now
        return self._is_going_on(stamp_s)

    def _turn(self, heading: int, stamp_s: float) -> None:
        if self._heading != 0:
            self._turns = [*self._turns[1 - _TURNS :], stamp_s]
        self._heading = heading

    def _is_going_on(self, stamp_s: float) -> bool:
        if len(self._turns) < _TURNS:
            return False
        halves = [later - earlier for earlier, later in pairwise(self._turns)]
        regular = all(_SHORTEST_S <= half <= _LONGEST_S for half in halves)
        return regular and stamp_s - self._turns[-1] <= 1.5 * max(halves) + 0.2
