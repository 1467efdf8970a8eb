"""What the pose of an arm says: raised, or pointing. Who does it already may do it a little less."""

from __future__ import annotations

from dataclasses import dataclass

from metrichmsr_ros.people.gestures.arms import Arm


@dataclass(frozen=True)
class PoseLimits:
    """Limits between arms that gesture and others. Lengths are in lengths of the arm, angles in radians.

    Attributes:
        rise: least rise of a raised hand's wrist over the shoulder.
        upright: least upward part of a raised forearm's direction.
        beside_head, above_head: a raised hand is further than one of these from the face; else it touches the head.
        reach: least reach of a pointing arm.
        steep: greatest upward part of a pointing forearm's direction; steeper ones are raised.
        lowest, highest: elevation of a pointing arm; lower arms hang, higher ones are raised.
        from_head: least distance of a pointing hand from the face.
        straight: reach from which on an arm below `highest` points, though its forearm is up.
    """

    rise: float = 0.22
    upright: float = 0.66
    beside_head: float = 0.22
    above_head: float = 0.45
    reach: float = 0.90
    steep: float = 0.76
    lowest: float = -0.55
    highest: float = 0.85
    from_head: float = 0.32
    straight: float = 0.94


LIMITS = PoseLimits()
STAYS = PoseLimits(
    rise=0.12,
    upright=0.48,
    beside_head=0.16,
    above_head=0.38,
    reach=0.86,
    steep=0.82,
    lowest=-0.70,
    highest=0.95,
    from_head=0.28,
    straight=0.92,
)
"""Limits for an arm that gestures already."""


def is_raised(arm: Arm, limits: PoseLimits = LIMITS) -> bool:
    """Whether the hand is up, and not at the head."""
    return _is_free(arm, limits) and arm.rise > limits.rise and arm.forearm[1] > limits.upright


def is_pointing(arm: Arm, limits: PoseLimits = LIMITS) -> bool:
    """Whether the arm is straight and away from the trunk, neither hanging nor up."""
    is_aside = arm.from_head > limits.from_head and limits.lowest < arm.elevation < limits.highest
    least = limits.straight if is_raised(arm) else limits.reach
    return is_aside and arm.forearm[1] < limits.steep and arm.reach > least


def can_wave(arm: Arm) -> bool:
    """Whether the hand is where people wave: the wrist above the shoulder, not at the head."""
    return _is_free(arm, STAYS) and arm.rise > STAYS.rise and arm.forearm[1] > 0.0


def _is_free(arm: Arm, limits: PoseLimits) -> bool:
    return arm.beside_head > limits.beside_head or arm.above_head > limits.above_head
