"""What is remembered of one person: motion, height and shape."""

from __future__ import annotations

from dataclasses import dataclass, replace

from metrichmsr_ros.people.following.candidate import Candidate
from metrichmsr_ros.people.stamps import news_share
from metrichmsr_ros.people.tracking.kalman import RootFilter
from metrichmsr_ros.types import Float64Array

SMOOTHING = 0.1  # share of a sighting in the remembered height and shape


@dataclass(frozen=True, eq=False)
class Missing:
    """Somebody who was seen and may be looked for.

    Attributes:
        looks: height and shape when last seen.
        position: (3,) m, where the person is predicted to be. covariance: (3, 3) m^2, of it.
        velocity: (3,) m/s.
    """

    looks: Candidate
    position: Float64Array
    covariance: Float64Array
    velocity: Float64Array


class PersonMemory:
    """One person over time, from the first sighting on, which is to be seen like all others.

    Args:
        person: at the first sighting.
        stamp_s: of it.
    """

    def __init__(self, person: Candidate, stamp_s: float) -> None:
        self.looks, self.seen_s = person, stamp_s
        self._motion = RootFilter()

    def see(self, person: Candidate, stamp_s: float) -> tuple[Float64Array, Float64Array]:
        """Position (3,) m and velocity (3,) m/s after a sighting; height and shape are averaged over time."""
        position, velocity, _ = self._motion.update(person.position, person.covariance, stamp_s)
        share = SMOOTHING * news_share(stamp_s - self.seen_s)
        before, self.seen_s = self.looks, stamp_s
        self.looks = person
        if before.body_model == person.body_model:
            height = before.height + share * (person.height - before.height)
            self.looks = replace(person, height=height, betas=before.betas + share * (person.betas - before.betas))
        return position, velocity

    def forget_motion(self) -> None:
        """What was predicted meanwhile says nothing about the velocity at the next sighting."""
        self._motion = RootFilter()

    def predicted(self, stamp_s: float) -> Missing:
        """The person at a time after the last sighting."""
        position, velocity, covariance = self._motion.predict(stamp_s)
        return Missing(self.looks, position, covariance[:3, :3], velocity)
