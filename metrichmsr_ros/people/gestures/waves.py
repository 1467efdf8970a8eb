"""Waves: how much of what a hand did lately is one oscillation, by stamps in seconds.

A sinusoid is fitted to the last moments, beside a slow drift. Its share of all the hand's motion decides, not its size
alone: a wave seen from the side is small but regular, the noise of landmarks is not, and who walks or turns drifts.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from metrichmsr_ros.types import Float64Array

WINDOW_S = 2.0
"""Time that is looked at: a period of a slow wave, six of a quick one."""
_HERTZ = np.linspace(0.5, 3.2, 16)  # so close that a wave between two of them is found in the whole time
_PERIODS = 0.8  # least number of periods in the time seen
_GAP_S = 0.45  # after which an arm that was not seen is seen anew
_SHORTEST_S, _FEWEST = 0.55, 8  # least time, and number of images: a fit of five numbers to fewer says little
_DRIFT = 2  # degree of the drift
_NOISE = 0.03  # of landmarks, in the unit of the values: what is as small is no evidence
_EVEN = 0.01  # keeps fits of nearly equal waves and drifts small


@dataclass(frozen=True)
class SwayLimits:
    """Least share and amplitude of a wave."""

    share: float
    amplitude: float


class Sway(NamedTuple):
    """The best oscillation of a time.

    Attributes:
        share: 0 to 1, of it in the variance of the values and the noise.
        amplitude: in the unit of the values.
    """

    share: float
    amplitude: float

    def exceeds(self, limits: SwayLimits) -> bool:
        """Whether it is a wave by these limits."""
        return self.share > limits.share and self.amplitude > limits.amplitude


NO_SWAY = Sway(0.0, 0.0)


@dataclass
class WaveFinder:
    """Finds that a place goes back and forth, in either of two directions.

    Args:
        begins: limits for what is no wave yet, in each direction.
        stays: lower limits for what was one after the place before.
    """

    begins: tuple[SwayLimits, SwayLimits]
    stays: tuple[SwayLimits, SwayLimits]
    is_on: bool = False
    _seen: list[tuple[float, float, float]] = field(default_factory=list)  # stamps and places, oldest first

    def update(self, place: tuple[float, float], stamp_s: float) -> bool:
        """Whether the place goes back and forth, after its next value."""
        if self._seen and stamp_s - self._seen[-1][0] > _GAP_S:
            self._seen.clear()
        self._seen.append((stamp_s, *place))
        self._seen = [seen for seen in self._seen if stamp_s - seen[0] <= WINDOW_S]
        seen, limits = np.array(self._seen), self.stays if self.is_on else self.begins
        sways = (sway_of(seen[:, [0, direction]]) for direction in (1, 2))
        self.is_on = any(sway.exceeds(limit) for sway, limit in zip(sways, limits, strict=True))
        return self.is_on

    def forget(self) -> None:
        """The place is meaningless now; what was seen before does not count."""
        self._seen.clear()
        self.is_on = False


def sway_of(seen: Float64Array) -> Sway:
    """The oscillation of 0.55 to 3.2 Hz that explains most of values (N, 2): stamps in s, values, in order of time."""
    count, span = len(seen), float(seen[-1, 0] - seen[0, 0]) if len(seen) else 0.0
    if count < _FEWEST or span < _SHORTEST_S:
        return NO_SWAY
    hertz = _HERTZ[_HERTZ * span >= _PERIODS]
    if not len(hertz):
        return NO_SWAY
    stamps = seen[:, 0] - seen[0, 0] - span / 2
    drift = np.linalg.qr((stamps[:, None] / span) ** np.arange(_DRIFT + 1))[0]
    values = seen[:, 1] - seen[:, 1].mean()
    angles = 2 * np.pi * hertz[:, None] * stamps
    cos, sin, rest = (_without(rows, drift) for rows in (np.cos(angles), np.sin(angles), values))
    ridge = _EVEN * count
    a, b, c = (cos * cos).sum(1) + ridge, (cos * sin).sum(1), (sin * sin).sum(1) + ridge
    p, q = cos @ rest, sin @ rest
    even, odd = np.stack([c * p - b * q, a * q - b * p]) / (a * c - b * b)
    waves = even[:, None] * cos + odd[:, None] * sin
    best = int(np.argmin(((rest - waves) ** 2).sum(1)))
    power = float((waves[best] ** 2).mean())
    return Sway(power / (float((values**2).mean()) + _NOISE**2), float(np.hypot(even[best], odd[best])))


def _without(rows: Float64Array, drift: Float64Array) -> Float64Array:
    return np.asarray(rows - (rows @ drift) @ drift.T)
