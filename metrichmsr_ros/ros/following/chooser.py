"""Who is followed: chosen at the start, by a service, or by an id."""

from __future__ import annotations

import math
from collections.abc import Sequence

from metrichmsr_ros.people.following.candidate import Candidate
from metrichmsr_ros.people.following.config import FollowConfig
from metrichmsr_ros.people.following.goal import Viewpoint, nearest_in_front
from metrichmsr_ros.people.following.target import FollowedPerson, FollowedState, FollowStatus
from metrichmsr_ros.people.stamps import JUMP_BACK_S
from metrichmsr_ros.ros.following.parameters import FollowSettings

WAITING = "waiting"
"""Status while somebody to follow is awaited."""


class Chooser:
    """A `FollowedPerson` and how it is chosen.

    Args:
        settings: parameters.
    """

    def __init__(self, settings: FollowSettings) -> None:
        self._settings = settings
        self._person = FollowedPerson(
            FollowConfig(predict_for=settings.predict_for, forget_after=settings.lost_timeout)
        )
        self._seen: tuple[Sequence[Candidate], Viewpoint | None, float] = ((), None, -math.inf)
        self._was_asked = False  # somebody selected or stopped: that holds when a bag loops, too
        self._begin()

    def _begin(self) -> None:
        """Choose as at the start."""
        self._wanted_id = self._settings.target_id
        self._wants_nearest = self._settings.choose == "nearest" and not self._wanted_id
        self._wants_hand = self._settings.choose == "raised_hand" and not self._wanted_id

    @property
    def state(self) -> FollowedState:
        """The person who is followed."""
        return self._person.state

    @property
    def status(self) -> str:
        """The status in a word: idle, waiting, following, predicted or lost."""
        awaits = self._wants_nearest or self._wants_hand or bool(self._wanted_id)
        return WAITING if awaits and self.state.status is FollowStatus.IDLE else self.state.status.value

    def step(self, people: Sequence[Candidate], view: Viewpoint | None, stamp_s: float) -> FollowedState | None:
        """Take everybody of one image; `view` is the robot's, None: unknown.

        None for an image that is not later than the last one: nothing changes. A stamp more than `JUMP_BACK_S` before
        the last one, as of a bag that loops, begins anew, unless somebody was selected or stopped meanwhile.
        """
        last_s = self._seen[2]
        if last_s - JUMP_BACK_S <= stamp_s <= last_s:
            return None
        if stamp_s < last_s and not self._was_asked:
            self._begin()
        self._seen = people, view, stamp_s
        state = self._person.step(people, stamp_s)
        if state.status is FollowStatus.IDLE:
            chosen = self._chosen(people, view)
            state = self._follow(chosen) if chosen is not None else state
        return state

    def select(self, id: str, is_current: bool = True) -> None:
        """Follow the person with this id instead, now or when seen; `is_current`: whether the last image is of now."""
        self._was_asked = True
        self._person.stop()
        self._wanted_id, self._wants_nearest, self._wants_hand = id, False, False
        chosen = self._chosen(*self._seen[:2]) if is_current else None
        if chosen is not None:
            self._follow(chosen)

    def follow_nearest(self) -> str:
        """Follow the nearest person in front instead; the id, or "" if nobody is there, and nothing is changed."""
        people, view, _ = self._seen
        nearest = self._nearest(people, view)
        self._was_asked |= nearest is not None
        return self._follow(nearest).id if nearest is not None else ""

    def stop(self) -> None:
        """Follow nobody; with `choose: raised_hand`, until somebody raises a hand."""
        self._was_asked = True
        self._person.stop()
        self._wanted_id, self._wants_nearest = "", False
        self._wants_hand = self._settings.choose == "raised_hand"

    def _chosen(self, people: Sequence[Candidate], view: Viewpoint | None) -> Candidate | None:
        if self._wanted_id:
            named = (person for person in people if person.id == self._wanted_id and not person.is_hidden)
            return next(named, None)
        if self._wants_hand:
            return self._nearest([person for person in people if person.raises_hand], view)
        return self._nearest(people, view) if self._wants_nearest else None

    def _nearest(self, people: Sequence[Candidate], view: Viewpoint | None) -> Candidate | None:
        if view is None:
            return None
        sure = [person for person in people if person.confidence >= self._settings.min_confidence]
        return nearest_in_front(sure, view, self._settings.choose_distance, self._settings.choose_angle)

    def _follow(self, chosen: Candidate) -> FollowedState:
        people, _, stamp_s = self._seen
        self._wanted_id, self._wants_nearest = "", False
        self._wants_hand = self._settings.choose == "raised_hand"  # again, once nobody is followed
        return self._person.follow(chosen, people, stamp_s)
