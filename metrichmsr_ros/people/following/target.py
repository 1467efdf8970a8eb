"""The person who is followed, from image to image: seen, predicted for a moment, lost, found again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from metrichmsr_ros.people.following.candidate import Candidate
from metrichmsr_ros.people.following.config import FollowConfig
from metrichmsr_ros.people.following.matching import shape_difference, squared_distance, the_same
from metrichmsr_ros.people.following.memory import Missing, PersonMemory
from metrichmsr_ros.people.stamps import JUMP_BACK_S
from metrichmsr_ros.types import Float64Array


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
    the person or where the person cannot be, if place and shape fit, and if nobody else fits: neither another
    candidate, nor to the candidate another person who is missing.

    Args:
        config: assumptions; None: the defaults.
    """

    def __init__(self, config: FollowConfig | None = None) -> None:
        self._config = config or FollowConfig()
        self._person: PersonMemory | None = None
        self._others: dict[str, PersonMemory] = {}  # who are not the person, by id
        self._stamp_s = 0.0
        self.state = FollowedState(FollowStatus.IDLE)

    def stop(self) -> None:
        """Follow nobody."""
        self._person = None
        self.state = FollowedState(FollowStatus.IDLE)

    def follow(self, chosen: Candidate, people: Sequence[Candidate], stamp_s: float) -> FollowedState:
        """Follow somebody from now on.

        Args:
            chosen: a person who is seen.
            people: everybody in the same image.
            stamp_s: its time.
        """
        self._others = {}
        self._see_others([person for person in people if person.id != chosen.id], stamp_s)
        self._person = PersonMemory(chosen, stamp_s)
        self._stamp_s = stamp_s
        self.state = FollowedState(FollowStatus.FOLLOWING)
        return self._see(self._person, chosen, stamp_s, found_again=0)

    def step(self, people: Sequence[Candidate], stamp_s: float) -> FollowedState:
        """Take everybody of one image; the state of the person who is followed.

        Args:
            people: of the image.
            stamp_s: its time. An image that is older than the last one by at most `JUMP_BACK_S` changes nothing; one
                that is older still (a bag that loops) ends the following.
        """
        if self._person is None or self._stamp_s - JUMP_BACK_S <= stamp_s < self._stamp_s:
            return self.state
        if stamp_s < self._stamp_s or stamp_s - self._person.seen_s > self._config.forget_after:
            self.stop()
            return self.state
        self._stamp_s = stamp_s
        predicted = self._person.predicted(stamp_s)
        seen = [person for person in people if not person.is_hidden]
        found = self._found(predicted, seen, stamp_s)
        self._see_others([p for p in people if p.id in self._others or (found and p.id != found.id)], stamp_s)
        if found is None:
            return self._miss(self._person, predicted, stamp_s)
        again = self.state.found_again + (found.id != predicted.looks.id or self.state.status is FollowStatus.LOST)
        return self._see(self._person, found, stamp_s, again)

    def _found(self, predicted: Missing, seen: Sequence[Candidate], stamp_s: float) -> Candidate | None:
        own_id = predicted.looks.id
        own = next((person for person in seen if person.id == own_id and person.id not in self._others), None)
        if own is not None:
            if self._is_own(own, predicted):
                return own
            self._others[own_id] = PersonMemory(own, stamp_s)  # the tracker gave the id to somebody else
        unknown = []
        for person in seen:
            if person.id not in self._others and person.id != own_id:
                if self._can_be(person, predicted):
                    unknown.append(person)
                else:
                    self._others[person.id] = PersonMemory(person, stamp_s)
        ids = {person.id for person in seen}
        missing = [
            memory.predicted(stamp_s)
            for id, memory in self._others.items()
            if id not in ids and stamp_s - memory.seen_s <= self._config.forget_after
        ]
        return the_same(predicted, missing, unknown, self._config)

    def _is_own(self, own: Candidate, predicted: Missing) -> bool:
        distance, _ = squared_distance(own, predicted.position, predicted.covariance)
        shape = shape_difference(predicted.looks, own, self._config)
        return distance <= self._config.gate or (
            distance <= self._config.same_id_gate and shape <= self._config.shape_gate
        )

    def _can_be(self, person: Candidate, predicted: Missing) -> bool:
        """Whether the person can have come here; if not, this id is somebody else, wherever it goes."""
        return squared_distance(person, predicted.position, predicted.covariance)[0] <= self._config.same_id_gate

    def _see_others(self, people: Sequence[Candidate], stamp_s: float) -> None:
        """Remember, once an image, that these are not the person; of those who are seen, also place and looks."""
        for person in people:
            is_new = person.id not in self._others
            if is_new:
                self._others[person.id] = PersonMemory(person, stamp_s)
            if is_new or not person.is_hidden:
                self._others[person.id].see(person, stamp_s)

    def _see(self, memory: PersonMemory, person: Candidate, stamp_s: float, found_again: int) -> FollowedState:
        if self.state.status is FollowStatus.LOST:
            memory.forget_motion()
        position, velocity = memory.see(person, stamp_s)
        self.state = FollowedState(
            FollowStatus.FOLLOWING, person.id, position, velocity, person.heading, 0.0, found_again
        )
        return self.state

    def _miss(self, memory: PersonMemory, predicted: Missing, stamp_s: float) -> FollowedState:
        unseen, last = stamp_s - memory.seen_s, self.state
        if unseen > self._config.predict_for:
            self.state = FollowedState(FollowStatus.LOST, last.id, None, None, last.heading, unseen, last.found_again)
        else:
            self.state = FollowedState(
                FollowStatus.PREDICTED,
                last.id,
                predicted.position,
                predicted.velocity,
                last.heading,
                unseen,
                last.found_again,
            )
        return self.state
