"""Places of the tree's links for given joint values: what robot_state_publisher broadcasts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from metrichmsr_ros.body.human_description.tree import TreeJoint
from metrichmsr_ros.types import Triple

Quaternion = tuple[float, float, float, float]


@dataclass(frozen=True)
class LinkFrame:
    """Pose of link `child` in link `parent`: metres, and a quaternion x, y, z, w."""

    parent: str
    child: str
    translation: Triple
    rotation: Quaternion


def link_frames(joints: Sequence[TreeJoint], values: Mapping[str, float]) -> list[LinkFrame]:
    """One frame per joint, in the order of `joints`; names without a person's id.

    Args:
        joints: the tree.
        values: of every moving joint, radians or metres.
    """
    return [_link_frame(joint, values.get(joint.name, 0.0)) for joint in joints]


def _link_frame(joint: TreeJoint, value: float) -> LinkFrame:
    (x, y, z), (i, j, k) = joint.origin, joint.axis
    if joint.kind == "prismatic":
        place = (x + value * i, y + value * j, z + value * k)
        return LinkFrame(joint.parent, joint.child, place, (0.0, 0.0, 0.0, 1.0))
    sin, cos = math.sin(value / 2), math.cos(value / 2)
    return LinkFrame(joint.parent, joint.child, joint.origin, (sin * i, sin * j, sin * k, cos))
