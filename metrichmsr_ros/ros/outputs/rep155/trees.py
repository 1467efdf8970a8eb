"""Everybody's kinematic tree: the segments that its URDF has, and the joint values of the image. No ROS."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from metrichmsr_ros.body.human_description.segments import JointFrames, Segments, drift, segments_of
from metrichmsr_ros.body.human_description.values import joint_values
from metrichmsr_ros.body.joints import PARENTS
from metrichmsr_ros.ros.frames import joint_positions, joint_rotations
from metrichmsr_ros.ros.outputs.people import Body

DRIFT_M = 0.01
"""By how much a person's size may change before there is another URDF; until then joints of the tree make up for it."""


@dataclass(frozen=True, eq=False)
class PosedTree:
    """One person's tree in one image.

    Attributes:
        segments: the same object as long as the URDF stays the same.
        values: of the joints by name, without id; radians or metres.
    """

    segments: Segments
    values: dict[str, float]


class KinematicTrees:
    """Trees of the people of one node."""

    def __init__(self) -> None:
        self._segments: dict[str, Segments] = {}
        self._last: dict[str, tuple[Body, PosedTree]] = {}

    def posed(self, body: Body) -> PosedTree:
        """The tree of a person; computed once for the same `body`."""
        known = self._last.get(body.id)
        if known is None or known[0] is not body:
            known = self._last[body.id] = body, self._compute(body)
        return known[1]

    def keep(self, ids: Collection[str]) -> None:
        """Forget everybody but these."""
        self._segments = {name: segments for name, segments in self._segments.items() if name in ids}
        self._last = {name: last for name, last in self._last.items() if name in ids}

    def _compute(self, body: Body) -> PosedTree:
        frames = frames_of(body)
        measured = segments_of(frames)
        if body.id not in self._segments or drift(measured, self._segments[body.id]) > DRIFT_M:
            self._segments[body.id] = measured
        segments = self._segments[body.id]
        return PosedTree(segments, joint_values(segments, frames))


def frames_of(body: Body) -> JointFrames:
    """Frames of a person's joints in the body frame."""
    pose, joints = body.person.pose, body.person.joints_cam
    return JointFrames(joint_positions(pose, joints, body.origin), joint_rotations(pose, PARENTS))
