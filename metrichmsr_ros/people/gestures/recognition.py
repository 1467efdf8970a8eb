"""Gestures of people, in one image and over a video."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass, field

from metrichmsr_ros.people.gestures.arms import Arm, Vector, arms_of
from metrichmsr_ros.people.gestures.poses import LIMITS, STAYS, PoseLimits, can_wave, is_pointing, is_raised
from metrichmsr_ros.people.gestures.sights import ArmSight
from metrichmsr_ros.people.gestures.timing import Stillness, Switch
from metrichmsr_ros.people.gestures.waves import SwayLimits, WaveFinder
from metrichmsr_ros.types import FloatingArray

NAMES = ("hand_raised_left", "hand_raised_right", "waving_left", "waving_right", "pointing_left", "pointing_right")
"""Names of gestures; left and right are the person's own. A hand that waves is raised, too."""
NOWHERE: Vector = (0.0, 0.0, 0.0)

_HELD_S = 0.3  # for which a pose must be held, and after which it has ended
_STILL_RAD = 1.3  # by which the forearm of a pointing arm may move
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

    def update(self, arm: Arm, sight: ArmSight, stamp_s: float) -> tuple[bool, bool, bool]:
        """Whether the hand is raised, waves and points, after an image."""
        is_up = sight.is_seen and can_wave(arm)
        waves = self._waves(is_up, sight, stamp_s)
        is_still = self.still.update(arm.forearm)
        points = sight.is_seen and is_still and not waves and is_pointing(arm, _limits(self.points))
        up = sight.is_seen and is_raised(arm, _limits(self.raised)) and not points
        raised = self.raised.update(up or (waves and is_up), stamp_s)
        return raised or waves, waves, self.points.update(points, stamp_s) and not (raised or waves)

    def _waves(self, is_up: bool, sight: ArmSight, stamp_s: float) -> bool:
        """Whether the hand waves. A moment in which it is hidden or seems to be elsewhere does not end a wave."""
        if is_up:
            self.up_s = stamp_s
            return self.swing.update(sight.swing, stamp_s)
        if stamp_s - self.up_s > _HELD_S:
            self.swing.forget()
        return self.swing.is_on


def _limits(switch: Switch) -> PoseLimits:
    return STAYS if switch.is_on else LIMITS


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

    def update(self, id: str, joints: FloatingArray, sights: tuple[ArmSight, ArmSight], stamp_s: float) -> Gestures:
        """Gestures of a person after an image.

        Args:
            id: of the person.
            joints: (24, 3) m, in axes of any orientation.
            sights: of the left and the right arm; an arm that is hidden makes no gesture.
            stamp_s: of the image, s.
        """
        memory = self._people.get(id)
        if memory is None or not 0.0 <= stamp_s - memory.stamp_s <= _GAP_S:
            memory = self._people[id] = _Memory(stamp_s)
        memory.stamp_s = stamp_s
        arms = arms_of(joints)
        if arms is None:
            return NONE
        parts = zip(memory.arms, arms, sights, strict=True)
        states = [before.update(arm, sight, stamp_s) for before, arm, sight in parts]
        return _gestures(arms, states)

    def forget_all_but(self, ids: Collection[str]) -> None:
        """Drop people who are gone."""
        self._people = {id: memory for id, memory in self._people.items() if id in ids}


def still_gestures(joints: FloatingArray, sights: tuple[ArmSight, ArmSight]) -> Gestures:
    """Gestures that a single image shows: raised hands and pointing. Arguments as for `GestureRecogniser.update`."""
    arms = arms_of(joints)
    if arms is None:
        return NONE
    states = []
    for arm, sight in zip(arms, sights, strict=True):
        points = sight.is_seen and is_pointing(arm)
        states.append((sight.is_seen and not points and is_raised(arm), False, points))
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
