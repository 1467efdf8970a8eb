"""The tree of one person as URDF: links `<link>_<id>`, joints `<joint>_<id>`, simple shapes."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from xml.etree import ElementTree as Xml

import numpy as np

from metrichmsr_ros.body.human_description.segments import Segments
from metrichmsr_ros.body.human_description.tree import SIDES, TreeJoint, joints_of
from metrichmsr_ros.types import Triple

_LIMB_RADIUS_M = 0.03
_HEAD_SHARE = 0.08  # radius of the head by Segments.stature
_COLOURS = {"skin": "1 0.7 0 1", "joint": "0.9 0.6 0 1", "eye": "0 0 0 1"}
_EFFORT, _VELOCITY = "1000", "20"  # URDF demands them; nothing drives a person


@dataclass(frozen=True)
class Visual:
    """A sphere, or with a length a cylinder along z, in a link's frame; metres, and roll about x in radians."""

    colour: str
    radius: float
    place: Triple = (0.0, 0.0, 0.0)
    length: float = 0.0
    roll: float = 0.0


def urdf_text(body_id: str, segments: Segments) -> str:
    """URDF of one person; the root link is `body_<id>`.

    Args:
        body_id: the person's id.
        segments: lengths and offsets.
    """
    robot = Xml.Element("robot", name=f"human_{body_id}")
    for name, colour in _COLOURS.items():
        Xml.SubElement(Xml.SubElement(robot, "material", name=name), "color", rgba=colour)
    joints, shapes = joints_of(segments), _shapes(segments)
    for link in ["body", *(joint.child for joint in joints)]:
        _add_link(robot, f"{link}_{body_id}", shapes.get(link, ()))
    for joint in joints:
        _add_joint(robot, joint, body_id)
    Xml.indent(robot)
    return '<?xml version="1.0"?>\n' + Xml.tostring(robot, encoding="unicode")


def _add_link(robot: Xml.Element, name: str, shapes: Iterable[Visual]) -> None:
    link = Xml.SubElement(robot, "link", name=name)
    for shape in shapes:
        visual = Xml.SubElement(link, "visual")
        Xml.SubElement(visual, "origin", xyz=_numbers(*shape.place), rpy=_numbers(shape.roll, 0, 0))
        geometry = Xml.SubElement(visual, "geometry")
        solid = Xml.SubElement(geometry, "cylinder" if shape.length else "sphere", radius=_numbers(shape.radius))
        if shape.length:
            solid.set("length", _numbers(shape.length))
        Xml.SubElement(visual, "material", name=shape.colour)


def _add_joint(robot: Xml.Element, joint: TreeJoint, body_id: str) -> None:
    element = Xml.SubElement(robot, "joint", name=f"{joint.name}_{body_id}", type=joint.kind)
    Xml.SubElement(element, "origin", xyz=_numbers(*joint.origin), rpy="0 0 0")
    Xml.SubElement(element, "parent", link=f"{joint.parent}_{body_id}")
    Xml.SubElement(element, "child", link=f"{joint.child}_{body_id}")
    if joint.kind == "fixed":
        return
    Xml.SubElement(element, "axis", xyz=_numbers(*joint.axis))
    limit = _numbers(joint.limit)
    Xml.SubElement(element, "limit", lower=f"-{limit}", upper=limit, effort=_EFFORT, velocity=_VELOCITY)


def _shapes(segments: Segments) -> dict[str, list[Visual]]:
    radius = _HEAD_SHARE * segments.stature
    shapes = {"torso": _torso_shapes(segments), "head": _head_shapes(radius)}
    for side, arm, leg in zip(SIDES, segments.arms, segments.legs, strict=True):
        shapes |= {f"{side}_y_shoulder": [_ball("joint")], f"{side}_y_hip": [_ball("joint")]}
        for link, length in zip(("shoulder", "elbow", "hip", "knee"), (*arm, *leg), strict=True):
            shapes[f"{side}_{link}"] = _limb_shapes(float(length))
    return shapes


def _torso_shapes(segments: Segments) -> list[Visual]:
    """Spine and shoulders; the spine ends above the hips, which do not turn with the torso."""
    spine = 0.9 * float(np.linalg.norm(segments.torso))
    width = float(np.linalg.norm(segments.shoulders[0] - segments.shoulders[1]))
    return [
        Visual("skin", _LIMB_RADIUS_M, (0.0, 0.0, -spine / 2), spine),
        Visual("skin", _LIMB_RADIUS_M, length=width, roll=math.pi / 2),
    ]


def _head_shapes(radius: float) -> list[Visual]:
    """A ball above the joint of the head, and two eyes that show where it looks."""
    eyes = [Visual("eye", radius / 5, (0.9 * radius, side * 0.4 * radius, radius)) for side in (1, -1)]
    return [Visual("skin", radius, (0.0, 0.0, radius)), *eyes]


def _limb_shapes(length: float) -> list[Visual]:
    return [Visual("skin", _LIMB_RADIUS_M, (0.0, 0.0, -length / 2), length), _ball("skin", -length)]


def _ball(colour: str, height: float = 0.0) -> Visual:
    return Visual(colour, _LIMB_RADIUS_M, (0.0, 0.0, height))


def _numbers(*values: float) -> str:
    """Micrometres and microradians."""
    return " ".join(f"{round(float(value), 6) + 0.0:.6g}" for value in values)
