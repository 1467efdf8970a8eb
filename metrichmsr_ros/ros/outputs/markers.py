"""Markers of people for RViz and Foxglove."""

from __future__ import annotations

from typing import Any

import numpy as np
from geometry_msgs.msg import Point
from std_msgs.msg import ColorRGBA, Header
from visualization_msgs.msg import Marker, MarkerArray

from metrichmsr_ros.body.joints import JOINT_NAMES
from metrichmsr_ros.ros.outputs.people import Body
from metrichmsr_ros.types import AnyArray, Float64Array
from metrichmsr_ros.visual.overlay import person_colour

HIDDEN_ALPHA = 0.3  # of people who are predicted, not seen
POINTS_M = 1.0  # length of the arrow of who points
ABOVE_M = 0.25  # the label's height over the highest joint
_HEAD, _ANKLES = JOINT_NAMES.index("head"), [JOINT_NAMES.index(f"{side}_ankle") for side in ("left", "right")]


def markers_message(bodies: list[Body], header: Header, parents: AnyArray, up: AnyArray | None = None) -> MarkerArray:
    """Skeletons, ids, gestures and pointing arrows; starts with DELETEALL, to remove those of the image before.

    Args:
        bodies: everybody.
        header: of the image.
        parents: (24,) of the joints.
        up: (3,) unit vector against gravity in the camera frame; None: unknown, labels are over the heads as people
            stand, sit or lie.
    """
    markers = [Marker(header=header, action=Marker.DELETEALL)]
    for index, body in enumerate(bodies):
        markers += [_skeleton(body, header, index, parents), _label(body, header, index, up)]
        markers += _pointing(body, header, index)
    return MarkerArray(markers=markers)


def mesh_markers_message(bodies: list[Body], header: Header, faces: AnyArray) -> MarkerArray:
    """Bodies as TRIANGLE_LIST for viewers without a plugin; a separate topic, because it is slow to build."""
    markers = [Marker(header=header, action=Marker.DELETEALL)]
    for index, body in enumerate(bodies):
        marker = Marker(header=header, ns="mesh", id=index, type=Marker.TRIANGLE_LIST, action=Marker.ADD)
        marker.pose.orientation.w = 1.0
        marker.scale.x = marker.scale.y = marker.scale.z = 1.0
        marker.color = _colour(body)
        points = [Point(x=x, y=y, z=z) for x, y, z in body.person.vertices_cam.tolist()]
        marker.points = [points[corner] for corner in faces.reshape(-1).tolist()]
        markers.append(marker)
    return MarkerArray(markers=markers)


class ShownMarkers:
    """Which marker topics show people: the last markers must not stay in a viewer when no more images are processed.

    One thread publishes and another one may clear: `publish` notes a topic only after its message has gone.
    """

    def __init__(self) -> None:
        self._shown: dict[Any, Header] = {}

    def published(self, publisher: Any, message: Any) -> None:
        """Note what went out on a topic; other messages than a MarkerArray do not count."""
        if isinstance(message, MarkerArray):
            self._shown[publisher] = message.markers[0].header

    def clear(self) -> None:
        """Remove the markers of all topics, each once."""
        for publisher in list(self._shown):
            header = self._shown.pop(publisher, None)
            if header is not None:
                publisher.publish(MarkerArray(markers=[Marker(header=header, action=Marker.DELETEALL)]))


def _skeleton(body: Body, header: Header, index: int, parents: AnyArray) -> Marker:
    marker = Marker(header=header, ns="skeleton", id=index, type=Marker.LINE_LIST, action=Marker.ADD)
    marker.pose.orientation.w, marker.scale.x = 1.0, 0.03
    marker.color = _colour(body)
    points = [Point(x=x, y=y, z=z) for x, y, z in body.person.joints_cam.tolist()]
    marker.points = [p for child, parent in enumerate(parents) if parent >= 0 for p in (points[parent], points[child])]
    return marker


def _label(body: Body, header: Header, index: int, up: AnyArray | None) -> Marker:
    text = "\n".join([*(name.replace("_", " ") for name in body.person.gestures), body.id])
    marker = Marker(header=header, ns="id", id=index, type=Marker.TEXT_VIEW_FACING, action=Marker.ADD, text=text)
    x, y, z = _above(body, up).tolist()
    marker.pose.position = Point(x=x, y=y, z=z)
    marker.pose.orientation.w, marker.scale.z = 1.0, 0.2
    marker.color = _colour(body)
    return marker


def _above(body: Body, up: AnyArray | None) -> Float64Array:
    """(3,) m, over the middle of the hips and the highest joint; the camera may be mounted in any way."""
    joints, origin = body.person.joints_cam.astype(np.float64), np.asarray(body.origin, np.float64)
    if up is None:
        tall = joints[_HEAD] - joints[_ANKLES].mean(axis=0)
        up = tall / max(float(np.linalg.norm(tall)), 1e-6)
    highest = float(((joints - origin) @ up).max())
    return origin + np.asarray(up, np.float64) * (highest + ABOVE_M)


def _pointing(body: Body, header: Header, index: int) -> list[Marker]:
    """One arrow from the wrist, where the person points."""
    direction, gestures = body.person.pointing_cam, body.person.gestures
    sides = [side for side in ("left", "right") if f"pointing_{side}" in gestures]
    if not sides or not direction.any():
        return []
    wrist = body.person.joints_cam[JOINT_NAMES.index(f"{sides[0]}_wrist")]
    marker = Marker(header=header, ns="pointing", id=index, type=Marker.ARROW, action=Marker.ADD)
    marker.pose.orientation.w = 1.0
    marker.scale.x, marker.scale.y, marker.scale.z = 0.03, 0.08, 0.12
    marker.color = _colour(body)
    ends = wrist, wrist + POINTS_M * direction
    marker.points = [Point(x=x, y=y, z=z) for x, y, z in (end.astype(np.float64).tolist() for end in ends)]
    return [marker]


def _colour(body: Body) -> ColorRGBA:
    return id_colour(body.id, body.person.is_occluded)


def id_colour(id: str, is_hidden: bool) -> ColorRGBA:
    """The colour of an id; faint for people who are predicted, not seen."""
    red, green, blue = (person_colour(id) / 255.0).tolist()
    return ColorRGBA(r=red, g=green, b=blue, a=HIDDEN_ALPHA if is_hidden else 1.0)
