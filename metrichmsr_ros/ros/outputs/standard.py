"""People as messages of other packages: for RViz, planners with detections, and social costmaps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from metrichmsr_ros.ros.frames import rotation_matrix
from metrichmsr_ros.ros.messages import PlainMessage
from metrichmsr_ros.ros.outputs.people import Body, pose_with_covariance, seen
from metrichmsr_ros.ros.outputs.poses import pose, vector
from metrichmsr_ros.types import AnyArray


def poses(bodies: list[Body], header: Any) -> PlainMessage:
    """PoseArray: body frames of the people seen, without ids, for RViz."""
    return PlainMessage(
        "geometry_msgs/msg/PoseArray", {"header": header, "poses": [body.pose for body in seen(bodies)]}
    )


def detections(bodies: list[Body], header: Any) -> PlainMessage:
    """vision_msgs/Detection3DArray of the people seen. Boxes have the axes of the body frame."""
    found = [_detection(body, header) for body in seen(bodies)]
    return PlainMessage("vision_msgs/msg/Detection3DArray", {"header": header, "detections": found})


def _detection(body: Body, header: Any) -> PlainMessage:
    low, high = _extent(body)
    centre = body.origin + rotation_matrix(body.orientation) @ ((low + high) / 2)
    kind = {"class_id": "person", "score": float(body.person.confidence)}
    hypothesis = {
        "hypothesis": PlainMessage("vision_msgs/msg/ObjectHypothesis", kind),
        "pose": pose_with_covariance(body),
    }
    box = {"center": pose(centre, body.orientation), "size": vector(high - low)}
    fields = {
        "header": header,
        "id": body.id,
        "results": [PlainMessage("vision_msgs/msg/ObjectHypothesisWithPose", hypothesis)],
        "bbox": PlainMessage("vision_msgs/msg/BoundingBox3D", box),
    }
    return PlainMessage("vision_msgs/msg/Detection3D", fields)


def _extent(body: Body) -> tuple[AnyArray, AnyArray]:
    """Lowest and highest corner (3,) in the body frame of the mesh, or of the joints if there is no mesh."""
    points = body.person.vertices_cam if len(body.person.vertices_cam) else body.person.joints_cam
    local = (points - body.origin) @ rotation_matrix(body.orientation)
    return local.min(axis=0), local.max(axis=0)


def costmap_people(bodies: list[Body], header: Any) -> PlainMessage:
    """people_msgs/People for social costmap layers; a hidden person has a tag and a decreasing reliability."""
    people = [
        costmap_person(
            body.id,
            body.origin,
            body.person.velocity_cam,
            float(body.person.confidence),
            {"is_occluded": "true" if body.person.is_occluded else "false"},
        )
        for body in bodies
    ]
    return PlainMessage("people_msgs/msg/People", {"header": header, "people": people})


def costmap_person(
    id: str, position: AnyArray, velocity: AnyArray, reliability: float, tags: Mapping[str, str]
) -> PlainMessage:
    """people_msgs/Person: position (3,) m, velocity (3,) m/s, reliability 0 to 1, tags by name."""
    fields = {
        "name": id,
        "position": vector(position, "Point"),
        "velocity": vector(velocity, "Point"),
        "reliability": reliability,
        "tagnames": list(tags),
        "tags": list(tags.values()),
    }
    return PlainMessage("people_msgs/msg/Person", fields)
