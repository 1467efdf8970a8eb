"""The person who is followed, from image to image: seen, predicted for a moment, lost, found again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from metrichmsr_ros.people.following.candidate import Candidate
from metrichmsr_ros.people.following.config import FollowConfig
from metrichmsr_ros.people.following.matching import shape_difference, squared_distance, the_same
from metrichmsr_ros.people.stamps import JUMP_BACK_S, news_share
from metrichmsr_ros.people.tracking.kalman import RootFilter
from metrichmsr_ros.types import Float64Array

SMOOTHING = 0.1  # share of a sighting in the remembered height and shape


class FollowStatus(Enum):
    """What is known of the person who is followed."""

    IDLE = "idle"  # nobody is followed
    FOLLOWING = "following"  # seen
    PREDICTED = "predicted"  # not seen, for no longer than `predict_for`
    LOST = "lost"  # not seen for longer


@dataclass(frozen=True, eq=False)
class FollowedState:
    """The person at one moment.

    Attributes:
        status: what is known.
        id: last known id; empty if nobody is followed.
        position: (3,) middle of the hips, fixed frame, m; None when lost or idle, so that nothing stale is used.
        velocity: (3,) m/s; None as `position`.
        heading: direction that the chest faced last, radians.
        unseen_s: time since the last sighting.
        found_again: how often the person was found after a loss or under another id.
    """

    status: FollowStatus
    id: str = ""
    position: Float64Array | None = None
    velocity: Float64Array | None = None
    heading: float = 0.0
    unseen_s: float = 0.0
    found_again: int = 0


class FollowedPerson:
    """Keeps to one person through changes of id.

    The tracker's id is believed while it does not jump. Another id is the person only if that id was never seen beside
    the person, if place and shape fit, and if nobody else fits.

    Args:
        config: assumptions; None: the defaults.
    """

    def __init__(self, config: FollowConfig | None = None) -> None:
        self._config = config or FollowConfig()
        self._motion = RootFilter()
        self._looks: Candidate | None = None
        self._others: set[str] = set()
        self._stamp_s = self._seen_s = 0.0
        self.state = FollowedState(FollowStatus.IDLE)

    def stop(self) -> None:
        """Follow nobody."""
        self._looks = None
        self.state = FollowedState(FollowStatus.IDLE)

    def follow(self, chosen: Candidate, people: Sequence[Candidate], stamp_s: float) -> FollowedState:
        """Follow somebody from now on.

        Args:
            chosen: a person who is seen.
            people: everybody in the same image.
            stamp_s: its time.
        """
        self._others = {person.id for person in people} - {chosen.id}
        self._motion = RootFilter()
        self._looks = chosen
        self._stamp_s = stamp_s
        self.state = FollowedState(FollowStatus.FOLLOWING)
        return self._see(chosen, stamp_s, found_again=0)

    def step(self, people: Sequence[Candidate], stamp_s: float) -> FollowedState:
        """Take everybody of one image; the state of the person who is followed.

        Args:
            people: of the image.
            stamp_s: its time. An image that is older than the last one by at most `JUMP_BACK_S` changes nothing; one
                that is older still (a bag that loops) ends the following.
        """
        if self._looks is None or self._stamp_s - JUMP_BACK_S <= stamp_s < self._stamp_s:
            return self.state
        if stamp_s < self._stamp_s or stamp_s - self._seen_s > self._config.forget_after:
            self.stop()
            return self.state
        self._stamp_s = stamp_s
        position, velocity, covariance = self._motion.predict(stamp_s)
        seen = [person for person in people if not person.is_hidden]
        found = self._found(seen, position, covariance[:3, :3])
        if found is None:
            return self._miss(position, velocity, stamp_s)
        again = self.state.found_again + (found.id != self._looks.id or self.state.status is FollowStatus.LOST)
        self._others |= {person.id for person in people if person.id != found.id}
        return self._see(found, stamp_s, again)

    def _found(self, seen: Sequence[Candidate], position: Float64Array, covariance: Float64Array) -> Candidate | None:
        assert self._looks is not None
        own = next((person for person in seen if person.id == self._looks.id and person.id not in self._others), None)
        if own is not None:
            if self._is_own(own, position, covariance):
                return own
            self._others.add(own.id)  # the tracker gave it to somebody else
        unknown = [person for person in seen if person.id not in self._others and person.id != self._looks.id]
        return the_same(self._looks, position, covariance, unknown, self._config)

    def _is_own(self, own: Candidate, position: Float64Array, covariance: Float64Array) -> bool:
        assert self._looks is not None
        distance, _ = squared_distance(own, position, covariance)
        shape = shape_difference(self._looks, own, self._config)
        return distance <= self._config.gate or (
            distance <= self._config.same_id_gate and shape <= self._config.shape_gate
        )

    def _see(self, person: Candidate, stamp_s: float, found_again: int) -> FollowedState:
        if self.state.status is FollowStatus.LOST:
            self._motion = RootFilter()  # what was predicted meanwhile says nothing about the velocity now
        position, velocity, _ = self._motion.update(person.position, person.covariance, stamp_s)
        self._looks = self._remembered(person, stamp_s - self._seen_s)
        self._seen_s = stamp_s
        self.state = FollowedState(
            FollowStatus.FOLLOWING, person.id, position, velocity, person.heading, 0.0, found_again
        )
        return self.state

    def _remembered(self, person: Candidate, elapsed_s: float) -> Candidate:
        """The person with height and shape averaged over time, some time after the last sighting."""
        before = self._looks
        if before is None or before.body_model != person.body_model:
            return person
        share = SMOOTHING * news_share(elapsed_s)
        height = before.height + share * (person.height - before.height)
        betas = before.betas + share * (person.betas - before.betas)
        return Candidate(
            person.id, person.position, person.covariance, person.heading, height, betas, person.body_model
        )

    def _miss(self, position: Float64Array, velocity: Float64Array, stamp_s: float) -> FollowedState:
        unseen, last = stamp_s - self._seen_s, self.state
        if unseen > self._config.predict_for:
            self.state = FollowedState(FollowStatus.LOST, last.id, None, None, last.heading, unseen, last.found_again)
        else:
            self.state = FollowedState(
                FollowStatus.PREDICTED, last.id, position, velocity, last.heading, unseen, last.found_again
            )
        return self.state
