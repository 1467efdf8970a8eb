"""Which poses of an arm are raised, pointing, or where people wave. The network over arms learns the first two."""

from __future__ import annotations

from metrichmsr_ros.people.gestures.arms import Arm

# Lengths in lengths of the arm, angles in radians.
_RISE = 0.22  # least rise of a raised hand's wrist over the shoulder
_UPRIGHT = 0.66  # least upward part of a raised forearm's direction
_BESIDE_HEAD, _ABOVE_HEAD = 0.22, 0.45  # a raised hand is further than one of these from the face; else it touches it
_REACH = 0.90  # least reach of a pointing arm
_STEEP = 0.76  # greatest upward part of a pointing forearm's direction; steeper ones are raised
_LOWEST, _HIGHEST = -0.55, 0.85  # elevation of a pointing arm; lower arms hang, higher ones are raised
_FROM_HEAD = 0.32  # least distance of a pointing hand from the face
_STRAIGHT = 0.94  # reach from which on an arm below `_HIGHEST` points, though its forearm is up
_WAVE_RISE, _WAVE_BESIDE_HEAD, _WAVE_ABOVE_HEAD = 0.12, 0.16, 0.38  # of a hand that may wave


def is_raised(arm: Arm) -> bool:
    """Whether the hand is up, and not at the head."""
    is_free = arm.beside_head > _BESIDE_HEAD or arm.above_head > _ABOVE_HEAD
    return is_free and arm.rise > _RISE and arm.forearm[1] > _UPRIGHT


def is_pointing(arm: Arm) -> bool:
    """Whether the arm is straight and away from the trunk, neither hanging nor up."""
    is_aside = arm.from_head > _FROM_HEAD and _LOWEST < arm.elevation < _HIGHEST
    return is_aside and arm.forearm[1] < _STEEP and arm.reach > (_STRAIGHT if is_raised(arm) else _REACH)


def can_wave(arm: Arm) -> bool:
    """Whether the hand is where people wave: the wrist above the shoulder, not at the head."""
    is_free = arm.beside_head > _WAVE_BESIDE_HEAD or arm.above_head > _WAVE_ABOVE_HEAD
    return is_free and arm.rise > _WAVE_RISE and arm.forearm[1] > 0.0
