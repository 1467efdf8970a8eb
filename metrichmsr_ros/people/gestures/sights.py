"""What the image shows of a person's arms: whether they are seen, and where the hand is from the elbow.

Waves are taken from the image, because a network that reads joints in 3D makes a swing smaller, most of all one towards
the camera. Seen from the side a hand that waves goes up and down in the image, as the forearm tilts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from metrichmsr_ros.body.joints import LANDMARK_NAMES
from metrichmsr_ros.people.blazepose.landmarks import LandmarkSet
from metrichmsr_ros.people.gestures.arms import SIDES

MIN_WRIST, MIN_ELBOW = 0.5, 0.3
"""Least visibility of landmarks of an arm that is seen; elbows of arms that cross the trunk have less."""
_MARGIN = 0.1  # error of landmarks at the image's edge, in lengths of the trunk
_NUMBER = {name: number for number, name in enumerate(LANDMARK_NAMES)}
_PARTS = ("elbow", "wrist", "index", "pinky")
_ARM = {side: tuple(_NUMBER[f"{side}_{part}"] for part in _PARTS) for side in SIDES}
_SHOULDERS = _NUMBER["left_shoulder"], _NUMBER["right_shoulder"]
_HIPS = _NUMBER["left_hip"], _NUMBER["right_hip"]


@dataclass(frozen=True)
class ArmSight:
    """One arm in an image.

    Attributes:
        is_inside: whether the wrist is inside the image, up to the error of landmarks at its edge.
        is_seen: whether it is inside, and the landmark network takes neither it nor the elbow to be hidden.
        swing: of the hand from the elbow across the trunk and along it, in lengths of the trunk; the sign of the first
            has no meaning.
    """

    is_inside: bool
    is_seen: bool
    swing: tuple[float, float]


HIDDEN = ArmSight(False, False, (0.0, 0.0))


def arm_sights(landmarks: LandmarkSet, size: tuple[int, int]) -> tuple[ArmSight, ArmSight]:
    """The left and the right arm.

    Args:
        landmarks: of the person.
        size: width, height of the image, px.
    """
    pixels, visibility = landmarks.pixels.tolist(), landmarks.visibility.tolist()
    up = [sum(pixels[n][axis] for n in _SHOULDERS) / 2 - sum(pixels[n][axis] for n in _HIPS) / 2 for axis in range(2)]
    trunk = math.hypot(*up)
    if not trunk > 0.0:
        return HIDDEN, HIDDEN
    across = -up[1] / trunk**2, up[0] / trunk**2
    left, right = (_sight(pixels, visibility, _ARM[side], across, size) for side in SIDES)
    return left, right


def _sight(
    pixels: list[list[float]],
    visibility: list[float],
    arm: tuple[int, ...],
    across: tuple[float, float],
    size: tuple[int, int],
) -> ArmSight:
    elbow, wrist, index, pinky = arm
    x, y = pixels[wrist]
    margin = _MARGIN / math.hypot(*across)
    is_inside = -margin <= x <= size[0] - 1 + margin and -margin <= y <= size[1] - 1 + margin
    is_seen = is_inside and visibility[wrist] > MIN_WRIST and visibility[elbow] > MIN_ELBOW
    hand = [(pixels[index][axis] + pixels[pinky][axis]) / 2 - pixels[elbow][axis] for axis in range(2)]
    x, y = hand
    return ArmSight(is_inside, is_seen, (x * across[0] + y * across[1], x * across[1] - y * across[0]))
