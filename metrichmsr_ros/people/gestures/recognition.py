"""Gestures of people, in one image and over a video."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass, field

from metrichmsr_ros.people.gestures.arm_network import ArmOdds
from metrichmsr_ros.people.gestures.arms import Arm, Vector, arms_of
from metrichmsr_ros.people.gestures.poses import can_wave
from metrichmsr_ros.people.gestures.sights import ArmSight
from metrichmsr_ros.people.gestures.timing import Stillness, Switch
from metrichmsr_ros.people.gestures.waves import SwayLimits, WaveFinder
from metrichmsr_ros.types import FloatingArray

NAMES = ("hand_raised_left", "hand_raised_right", "waving_left", "waving_right", "pointing_left", "pointing_right")
"""Names of gestures; left and right are the person's own. A hand that waves is raised, too."""
NOWHERE: Vector = (0.0, 0.0, 0.0)

_HELD_S = 0.3  # for which a pose must be held, and after which it has ended
_STILL_RAD = 1.3  # by which the forearm of a pointing arm may move
_POINTS, _STILL_POINTS = 0.0, -0.5  # least odds, as logarithms, of an arm that begins to point, and of one that does
_RAISED, _STILL_RAISED = 0.0, -0.5
_SAME_RAD = 0.4  # by which a forearm may move while what the heavier network said of it holds
_WAVES = SwayLimits(0.4, 0.055), SwayLimits(0.6, 0.07)  # across and along the trunk, in its lengths in the image
_WAVES_STILL = SwayLimits(0.2, 0.05), SwayLimits(0.4, 0.063)
_GAP_S = 0.8  # after which an arm that was not seen is seen anew


@dataclass(frozen=True)
class Gestures:
    """Gestures of one person.

    Attributes:
        names: of `NAMES`.
        pointing: unit vector in which the person points, in the axes of the joints; zeros: nowhere.
    """

    names: tuple[str, ...] = ()
    pointing: Vector = NOWHERE


NONE = Gestures()


@dataclass
class _ArmMemory:
    raised: Switch = field(default_factory=lambda: Switch(_HELD_S))
    points: Switch = field(default_factory=lambda: Switch(_HELD_S))
    still: Stillness = field(default_factory=lambda: Stillness(_STILL_RAD))
    swing: WaveFinder = field(default_factory=lambda: WaveFinder(_WAVES, _WAVES_STILL))
    up_s: float = -math.inf  # when the hand was last where people wave
    same: Stillness = field(default_factory=lambda: Stillness(_SAME_RAD))
    more: tuple[float, float] = (0.0, 0.0)  # what the heavier network's last views of this arm change

    def update(self, arm: Arm, sight: ArmSight, odds: ArmOdds, stamp_s: float) -> tuple[bool, bool, bool]:
        """Whether the hand is raised, waves and points, after an image."""
        is_up = sight.is_seen and can_wave(arm)
        waves = self._waves(is_up, sight, stamp_s)
        is_still = self.still.update(arm.forearm)
        may_point, may_be_raised = self._likely(odds, arm.forearm)
        points = sight.is_inside and is_still and not waves and may_point
        up = sight.is_inside and may_be_raised and not points
        raised = self.raised.update(up or (waves and is_up), stamp_s)
        return raised or waves, waves, self.points.update(points, stamp_s) and not (raised or waves)

    def _likely(self, odds: ArmOdds, forearm: Vector) -> tuple[bool, bool]:
        """Whether the arm points and is raised, by an image alone. The heavier network's views hold until it moves."""
        is_same = self.same.update(forearm)
        if odds.more is not None:
            self.more = odds.more
        elif not is_same:
            self.more = 0.0, 0.0
        points = odds.points + self.more[0] > (_STILL_POINTS if self.points.is_on else _POINTS)
        raised = odds.raised + self.more[1] > (_STILL_RAISED if self.raised.is_on else _RAISED)
        return points, raised

    def _waves(self, is_up: bool, sight: ArmSight, stamp_s: float) -> bool:
        """Whether the hand waves. A moment in which it is hidden or seems to be elsewhere does not end a wave."""
        if is_up:
            self.up_s = stamp_s
            return self.swing.update(sight.swing, stamp_s)
        if stamp_s - self.up_s > _HELD_S:
            self.swing.forget()
        return self.swing.is_on


@dataclass
class _Memory:
    stamp_s: float
    arms: tuple[_ArmMemory, _ArmMemory] = field(default_factory=lambda: (_ArmMemory(), _ArmMemory()))


class GestureRecogniser:
    """Follows the arms of the people of a video by their ids.

    Durations are measured with stamps, so that the frame rate hardly matters: a pose counts after 0.3 s, a wave after
    eight images and most of a period. A wave needs more than two images a period: at 5 images a second one of 2 Hz is
    seen, at 2 images none.
    """

    def __init__(self) -> None:
        self._people: dict[str, _Memory] = {}

    def update(
        self,
        id: str,
        joints: FloatingArray,
        sights: tuple[ArmSight, ArmSight],
        odds: tuple[ArmOdds, ArmOdds],
        stamp_s: float,
    ) -> Gestures:
        """Gestures of a person after an image.

        Args:
            id: of the person.
            joints: (24, 3) m, in axes of any orientation.
            sights: of the left and the right arm; one outside the image makes no gesture, one that is hidden no wave.
            odds: of the left and the right arm; they are low where the arm is hidden.
            stamp_s: of the image, s.
        """
        memory = self._people.get(id)
        if memory is None or not 0.0 <= stamp_s - memory.stamp_s <= _GAP_S:
            memory = self._people[id] = _Memory(stamp_s)
        memory.stamp_s = stamp_s
        arms = arms_of(joints)
        if arms is None:
            return NONE
        parts = zip(memory.arms, arms, sights, odds, strict=True)
        states = [before.update(arm, sight, one, stamp_s) for before, arm, sight, one in parts]
        return _gestures(arms, states)

    def forget_all_but(self, ids: Collection[str]) -> None:
        """Drop people who are gone."""
        self._people = {id: memory for id, memory in self._people.items() if id in ids}


def still_gestures(joints: FloatingArray, sights: tuple[ArmSight, ArmSight], odds: tuple[ArmOdds, ArmOdds]) -> Gestures:
    """Gestures that a single image shows: raised hands and pointing. Arguments as for `GestureRecogniser.update`."""
    arms = arms_of(joints)
    if arms is None:
        return NONE
    states = []
    for sight, one in zip(sights, odds, strict=True):
        change = one.more or (0.0, 0.0)
        points = sight.is_inside and one.points + change[0] > _POINTS
        states.append((sight.is_inside and not points and one.raised + change[1] > _RAISED, False, points))
    return _gestures(arms, states)


def _gestures(arms: tuple[Arm, Arm], states: list[tuple[bool, bool, bool]]) -> Gestures:
    """By name in the order of `NAMES`; who points with both arms points with the straighter one."""
    if not any(any(state) for state in states):
        return NONE
    flags = [state[kind] for kind in range(3) for state in states]
    straightest = max(
        (arm for arm, state in zip(arms, states, strict=True) if state[2]), key=lambda arm: arm.reach, default=None
    )
    pointing = NOWHERE if straightest is None else straightest.line
    return Gestures(tuple(name for name, flag in zip(NAMES, flags, strict=True) if flag), pointing)
