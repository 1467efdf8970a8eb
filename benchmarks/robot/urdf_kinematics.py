"""A reader of URDF with forward kinematics in float64, apart from the package's own, to check what it writes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from xml.etree import ElementTree as Xml

import numpy as np

from metrichmsr_ros.types import Float64Array

MOVING = ("revolute", "continuous", "prismatic")


@dataclass(frozen=True, eq=False)
class UrdfJoint:
    """One joint: `placed` (4, 4) is its origin in the parent, `limits` radians or metres; NaN without limits."""

    name: str
    kind: str
    parent: str
    child: str
    placed: Float64Array
    axis: Float64Array
    limits: tuple[float, float]


class Urdf:
    """Links and joints of a URDF.

    Args:
        text: the file.

    Raises:
        xml.etree.ElementTree.ParseError: it is not XML.
    """

    def __init__(self, text: str) -> None:
        root = Xml.fromstring(text)
        self.name = root.get("name", "")
        self.links = [_attribute(link, "name") for link in root.findall("link")]
        self.joints = [_joint(element) for element in root.findall("joint")]
        self._above = {joint.child: joint for joint in self.joints}

    def faults(self) -> list[str]:
        """What `check_urdf` refuses, and moving joints without limits; empty for a good file."""
        names = Counter(self.links) + Counter(joint.name for joint in self.joints if joint.name not in self.links)
        faults = [f"{name} is not unique" for name, count in names.items() if count > 1]
        faults += [f"two joints are named {n}" for n, c in Counter(j.name for j in self.joints).items() if c > 1]
        faults += [f"{n} has two parents" for n, c in Counter(j.child for j in self.joints).items() if c > 1]
        ends = {link for joint in self.joints for link in (joint.parent, joint.child)}
        faults += [f"{link} is not a link" for link in ends - set(self.links)]
        if len(self.roots) != 1:
            faults.append(f"roots: {self.roots}")
        for joint in self.joints:
            if joint.kind in MOVING and abs(float(np.linalg.norm(joint.axis)) - 1) > 1e-9:
                faults.append(f"{joint.name}: axis {joint.axis}")
            if joint.kind in MOVING and not joint.limits[0] < joint.limits[1]:
                faults.append(f"{joint.name}: limits {joint.limits}")
        return faults

    @property
    def roots(self) -> list[str]:
        """Links that no joint moves."""
        return [link for link in self.links if link not in self._above]

    def frames(self, values: Mapping[str, float]) -> dict[str, Float64Array]:
        """Pose (4, 4) of every link in the root.

        Args:
            values: of every moving joint, radians or metres.

        Raises:
            KeyError: the value of a moving joint is missing.
        """
        known: dict[str, Float64Array] = {}
        for link in self.links:
            self._place(link, values, known)
        return known

    def _place(self, link: str, values: Mapping[str, float], known: dict[str, Float64Array]) -> Float64Array:
        if link not in known:
            joint = self._above.get(link)
            known[link] = (
                np.eye(4) if joint is None else self._place(joint.parent, values, known) @ _moved(joint, values)
            )
        return known[link]


def _moved(joint: UrdfJoint, values: Mapping[str, float]) -> Float64Array:
    motion = np.eye(4)
    if joint.kind == "prismatic":
        motion[:3, 3] = joint.axis * values[joint.name]
    elif joint.kind != "fixed":
        motion[:3, :3] = turned(joint.axis, values[joint.name])
    return joint.placed @ motion


def turned(axis: Float64Array, angle: float) -> Float64Array:
    """Rotation matrix by Rodrigues' formula."""
    x, y, z = axis
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    rotation: Float64Array = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
    return rotation


def _joint(element: Xml.Element) -> UrdfJoint:
    origin, axis, limit = (element.find(name) for name in ("origin", "axis", "limit"))
    placed = np.eye(4)
    if origin is not None:
        placed[:3, 3] = _numbers(origin, "xyz")
        for unit, angle in zip(np.eye(3), _numbers(origin, "rpy"), strict=True):
            placed[:3, :3] = turned(unit, angle) @ placed[:3, :3]  # about fixed axes
    return UrdfJoint(
        _attribute(element, "name"),
        _attribute(element, "type"),
        _attribute(element.find("parent"), "link"),
        _attribute(element.find("child"), "link"),
        placed,
        np.zeros(3) if axis is None else _numbers(axis, "xyz"),
        (np.nan, np.nan) if limit is None else (float(limit.get("lower", 0)), float(limit.get("upper", 0))),
    )


def _numbers(element: Xml.Element, name: str) -> Float64Array:
    return np.array(element.get(name, "0 0 0").split(), np.float64)


def _attribute(element: Xml.Element | None, name: str) -> str:
    text = None if element is None else element.get(name)
    if text is None:
        raise ValueError(f"an element of the URDF has no {name}")
    return text
