"""One person over all cameras: motion in the fixed frame, the cameras' last sightings, the view that gives the pose."""

from __future__ import annotations

from copy import copy
from typing import NamedTuple

import numpy as np

from metrichmsr_ros.fusion.config import FusionConfig
from metrichmsr_ros.fusion.covariance_intersection import Intersection, intersect
from metrichmsr_ros.fusion.range_scale import RangeScale
from metrichmsr_ros.fusion.sighting import CameraSighting
from metrichmsr_ros.people.tracking.kalman import RootFilter, RootFilterConfig
from metrichmsr_ros.types import Float64Array

_LONGEST_HOLD_S = 1.0
_RESIZED = 0.03  # change of a camera's height of a person from which on it is another size, not noise


class FusedMotion(NamedTuple):
    """Position (3,) m, velocity (3,) m/s, covariance (6, 6) of both."""

    position: Float64Array
    velocity: Float64Array
    covariance: Float64Array


class FusedTrack:
    """A person.

    At each time the cameras' last sightings are moved to that time and intersected; the result is one measurement of
    the Kalman filter that single cameras use, which also knows that errors persist over time.

    A camera may be late: its sightings count as long as those of a camera without latency, from the time at which they
    were taken in.

    Args:
        id: of the person, over all cameras.
        first: sighting that starts it.
        stamp_s: time of the fusion then.
        config: assumptions.

    Attributes:
        age: number of times that the track was updated or predicted.
        latest: last sighting of each camera.
        keys: the cameras' ids of this person.
        best: sighting that gives the pose.
        motion: as last updated or predicted.
        scale: of the cameras' distances.
        seen_s: time of the last measurement.
    """

    def __init__(self, id: str, first: CameraSighting, stamp_s: float, config: FusionConfig) -> None:
        self.id, self._config = id, config
        self.age = 0
        self.latest: dict[str, CameraSighting] = {first.camera: first}
        self._held_until = {first.camera: stamp_s + config.hold}  # by camera, in times of the fusion
        self._is_seen = True  # since the last update
        self.keys: set[tuple[str, str]] = {first.key}
        self.best = first
        self.seen_s = stamp_s
        self._filter = RootFilter(RootFilterConfig(max_gap_s=config.forget_after))
        self.scale = RangeScale()
        self.motion = FusedMotion(*self._filter.update(first.position, first.covariance, first.stamp_s))
        self._stamp_s = self._filtered_s = first.stamp_s
        self._shares = {first.camera: np.eye(3)}  # (3, 3) by camera, of the last measurement
        self._heights = {first.camera: first.height}  # by camera, then

    def at(self, stamp_s: float) -> FusedMotion:
        """The motion at a time; before the last update, that of the last update."""
        return self._predicted(max(stamp_s, self._stamp_s))

    def spread(self, stamp_s: float) -> Float64Array:
        """Covariance (3, 3) of the position for comparing it with a camera; while hidden, that of the motion."""
        held = self.held(stamp_s)
        own = self.at(stamp_s).covariance[:3, :3] + self._config.tolerance**2 / 2 * np.eye(3)
        return self._compared(held) if held else own

    def _compared(self, sightings: list[CameraSighting]) -> Float64Array:
        """Covariance (3, 3) of the place by these cameras for comparing it with others."""
        spreads = [sighting.spread(self._config) for sighting in sightings]
        return intersect(np.zeros((len(spreads), 3)), np.stack(spreads)).covariance

    def take(self, sighting: CameraSighting, stamp_s: float) -> None:
        """Add a sighting of this person at a time of the fusion; `update` uses it."""
        self.keys = {key for key in self.keys if key[0] != sighting.camera} | {sighting.key}
        before = self.latest.get(sighting.camera, sighting)
        of_slow_camera = min(1.5 * (sighting.stamp_s - before.stamp_s), _LONGEST_HOLD_S)
        self._held_until[sighting.camera] = stamp_s + max(self._config.hold, of_slow_camera)
        self.latest[sighting.camera] = sighting
        self._is_seen = True

    def update(self, stamp_s: float) -> None:
        """Move to a time, with the sightings taken since the last time if there are any."""
        self.age += 1
        held = self.held(stamp_s)
        is_seen, self._is_seen = self._is_seen, False
        if is_seen and held:
            self._measure(held)
            self.seen_s = stamp_s
        self.motion = self._predicted(stamp_s)
        self._stamp_s = stamp_s

    def _measure(self, held: list[CameraSighting]) -> None:
        """Filter at the time of the newest sighting; moved further, late ones would repeat the filter's velocity."""
        time_s = max(self._filtered_s, *(sighting.stamp_s for sighting in held))
        before = self._where_before(time_s)
        is_known = all(time_s - self.latest[camera].stamp_s <= _LONGEST_HOLD_S for camera in self._shares)
        goes_on = is_known and any(sighting.camera in self._shares for sighting in held)
        self._learn_scale(held, time_s)
        aligned = [self.aligned(sighting, time_s) for sighting in held]
        fused = _fused(aligned)
        if goes_on:  # what a camera that comes, leaves or grows old, or the stature, corrects is no motion
            self._filter.shift(fused.position - before)
        else:  # nor is what other cameras say after a gap, as far as they may differ
            self._filter.doubt(self._compared([self.latest[camera] for camera in self._shares]) + self._compared(held))
        self._shares = {s.camera: fused.share(n, s.covariance) for n, s in enumerate(aligned)}
        self._heights = {s.camera: s.height for s in held}
        self._filter.update(fused.position, fused.covariance, time_s)
        self._filtered_s = time_s
        self._choose_view(held)

    def _where_before(self, stamp_s: float) -> Float64Array:
        """(3,) the place by the cameras of the last measurement, with their shares and the person's sizes of then."""
        places = [
            share @ self.aligned(self._sized_as_before(self.latest[camera]), stamp_s).position
            for camera, share in self._shares.items()
        ]
        return np.sum(places, axis=0)

    def _sized_as_before(self, sighting: CameraSighting) -> CameraSighting:
        """As the camera would see the person at the size of the last measurement, where it now says another one.

        A camera that begins to measure sizes, by a floor for example, sees a smaller person nearer at once.
        """
        before, now = self._heights[sighting.camera], sighting.height
        if min(before, now) <= 0 or abs(before / now - 1.0) < _RESIZED:  # 0: unknown
            return sighting
        ratio = before / now
        return sighting.moved(sighting.origin + ratio * sighting.ray, sighting.covariance)

    def _predicted(self, stamp_s: float) -> FusedMotion:
        return FusedMotion(*copy(self._filter).predict(max(stamp_s, self._filtered_s)))

    def held(self, stamp_s: float) -> list[CameraSighting]:
        """The cameras' last sightings that are new enough."""
        return [sighting for camera, sighting in self.latest.items() if stamp_s <= self._held_until[camera]]

    def aligned(self, sighting: CameraSighting, stamp_s: float) -> CameraSighting:
        """A sighting at the person's true distance, as far as that is known, moved to another time."""
        return self._moved(self.scale.corrected(sighting), stamp_s)

    def _moved(self, sighting: CameraSighting, stamp_s: float) -> CameraSighting:
        """Move by the track's velocity; the covariance grows as the filter's does."""
        step = stamp_s - sighting.stamp_s
        if step == 0.0:
            return sighting
        density = RootFilterConfig().acceleration_density
        growth = self.motion.covariance[3:, 3:] * step**2 + np.eye(3) * density * abs(step) ** 3 / 3
        return sighting.moved(sighting.position + step * self.motion.velocity, sighting.covariance + growth)

    def _learn_scale(self, held: list[CameraSighting], stamp_s: float) -> None:
        if len(held) > 1:
            plain = [self._moved(sighting, stamp_s) for sighting in held]
            self.scale.learn(plain, _fused(plain), stamp_s)

    def absorb(self, other: FusedTrack) -> None:
        """Take over the views of another track of the same person."""
        self.keys |= other.keys
        newer = {c: s for c, s in other.latest.items() if c not in self.latest or _newer(s, self.latest[c])}
        self.latest |= newer
        self._held_until |= {camera: other._held_until[camera] for camera in newer}
        self.seen_s = max(self.seen_s, other.seen_s)

    def _choose_view(self, held: list[CameraSighting]) -> None:
        """Keep the camera of the pose while it sees the person, unless another is clearly better."""
        best = max(held, key=lambda s: s.quality)
        current = next((s for s in held if s.camera == self.best.camera), None)
        is_kept = current is not None and best.quality < self._config.better * current.quality
        self.best = current if is_kept and current is not None else best


def _fused(sightings: list[CameraSighting]) -> Intersection:
    return intersect(np.stack([s.position for s in sightings]), np.stack([s.covariance for s in sightings]))


def _newer(one: CameraSighting, other: CameraSighting) -> bool:
    return one.stamp_s > other.stamp_s
