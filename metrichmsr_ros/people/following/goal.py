"""Who stands in front of the robot, and where the robot has to go to follow somebody."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from metrichmsr_ros.people.following.candidate import Candidate
from metrichmsr_ros.types import Float64Array


@dataclass(frozen=True, eq=False)
class Viewpoint:
    """Where the robot is and looks, on the floor of the fixed frame: place (2,) m, and yaw in radians from x."""

    place: Float64Array
    yaw: float

    @classmethod
    def of_robot(cls, pose: Float64Array) -> Viewpoint:
        """Of the robot's pose (4, 4), x forward."""
        return cls(pose[:2, 3].copy(), float(np.arctan2(pose[1, 0], pose[0, 0])))

    @classmethod
    def of_camera(cls, pose: Float64Array) -> Viewpoint:
        """Of an optical frame's pose (4, 4), z forward."""
        return cls(pose[:2, 3].copy(), float(np.arctan2(pose[1, 2], pose[0, 2])))


def nearest_in_front(
    people: Sequence[Candidate], view: Viewpoint, most_distance: float, most_angle: float
) -> Candidate | None:
    """The nearest of those who are seen within a distance (m) and an angle to each side (radians); None: nobody is."""
    found, nearest = None, np.inf
    for person in people:
        gap = person.position[:2] - view.place
        distance = float(np.hypot(*gap))
        off = (np.arctan2(gap[1], gap[0]) - view.yaw + np.pi) % (2 * np.pi) - np.pi
        if not person.is_hidden and distance <= min(most_distance, nearest) and abs(off) <= most_angle:
            found, nearest = person, distance
    return found


def goal_before(person: Float64Array, view: Viewpoint, distance: float) -> tuple[Float64Array, float]:
    """Place (2,) on the line from the person (3,) to the robot, `distance` from the person, and yaw to the person.

    A robot that is nearer stays where it is and turns.
    """
    gap = person[:2] - view.place
    length = float(np.hypot(*gap))
    yaw = float(np.arctan2(gap[1], gap[0])) if length > 0 else view.yaw
    share = max(length - distance, 0.0) / length if length > 0 else 0.0
    return view.place + share * gap, yaw
