"""People as plain messages: pure functions, one per message, for the node and for bags.

Every message has the image's header. This module does not need ROS; `ros/messages.py` converts plain messages to those
of rclpy or `rosbags`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.pipeline.scene import PersonEstimate, Scene
from metrichmsr_ros.ros.frames import (
    body_frames,
    joint_covariance_rows,
    joint_frames,
    pixel_box,
    pose_covariance,
    twist_covariance,
)
from metrichmsr_ros.ros.inputs.stamp_gate import stamp_ns
from metrichmsr_ros.ros.messages import PlainMessage
from metrichmsr_ros.ros.outputs.poses import pose, transform, vector
from metrichmsr_ros.types import AnyArray


@dataclass(frozen=True)
class PeopleOptions:
    """Options of the messages about people; the node's parameters of the same names.

    Attributes:
        id_prefix: prefix of every id.
        min_confidence: people of lower confidence are omitted.
        publish_vertices: whether HumanMesh has the mesh vertices.
    """

    id_prefix: str
    min_confidence: float
    publish_vertices: bool


@dataclass(frozen=True)
class Body:
    """One person with its public id and REP-155 body frame, which all messages use."""

    id: str
    person: PersonEstimate
    origin: AnyArray  # (3,) metres, camera frame
    orientation: AnyArray  # (4,) x, y, z, w

    @property
    def pose(self) -> PlainMessage:
        """The body frame: geometry_msgs/Pose."""
        return pose(self.origin, self.orientation)


def bodies_of(scene: Scene, id_prefix: str = "", min_confidence: float = 0.0) -> list[Body]:
    """People of at least `min_confidence`, with their body frames, and ids with `id_prefix`."""
    people = [person for person in scene.people if person.confidence >= min_confidence]
    origins, orientations = body_frames([p.pose for p in people], [p.joints_cam for p in people])
    return [Body(id_prefix + p.id, p, o, q) for p, o, q in zip(people, origins, orientations, strict=True)]


def seen(bodies: list[Body]) -> list[Body]:
    """The people seen in this image; the others are predicted."""
    return [body for body in bodies if not body.person.is_occluded]


def humans(bodies: list[Body], scene: Scene, header: Any, body_model: str, options: PeopleOptions) -> PlainMessage:
    """HumanMeshArray; empty without people.

    Args:
        bodies: people of the scene.
        scene: scene with the camera.
        header: header of the image.
        body_model: name of the body model.
        options: `publish_vertices`.
    """
    people = [_human(body, scene.camera, header, body_model, options) for body in bodies]
    return PlainMessage("metrichmsr_ros/msg/HumanMeshArray", {"header": header, "humans": people})


def _human(body: Body, camera: Camera, header: Any, body_model: str, options: PeopleOptions) -> PlainMessage:
    person = body.person
    fields = {
        "header": header,
        "id": body.id,
        "confidence": float(person.confidence),
        "is_occluded": bool(person.is_occluded),
        "age": int(person.age),
        "roi": _region(person.bbox, camera),
        "pose": _row(person.pose),
        "betas": _row(person.betas),
        "translation": vector(person.transl_cam),
        "body": pose_with_covariance(body),
        "velocity": _velocity(person),
        "height": float(person.height),
        "joints": _row(person.joints_cam),
        "joint_confidence": _row(person.joint_confidence),
        "joint_covariances": joint_covariance_rows(person.joint_cov),
        "vertices": _row(person.vertices_cam if options.publish_vertices else np.zeros(0)),
        "body_model": body_model,
        "gestures": list(person.gestures),
        "pointing": vector(person.pointing_cam),
    }
    return PlainMessage("metrichmsr_ros/msg/HumanMesh", fields)


def topology(body_model: Any) -> PlainMessage:
    """MeshTopology of a body model (`name`, `faces` (F, 3), `joint_names`, `parents` (24,))."""
    fields = {
        "body_model": body_model.name,
        "faces": np.asarray(body_model.faces).astype(np.uint32).reshape(-1),
        "joint_names": [str(name) for name in body_model.joint_names],
        "parents": np.asarray(body_model.parents).astype(np.int32),
    }
    return PlainMessage("metrichmsr_ros/msg/MeshTopology", fields)


def has_place(header: Any) -> bool:
    """Whether transforms can be given the header of an image: it needs a frame and a stamp."""
    return bool(header.frame_id) and stamp_ns(header) != 0


def body_transforms(bodies: list[Body], header: Any) -> list[PlainMessage]:
    """`body_<id>` under the image's frame, only for people seen in this image; hidden people get no new transform."""
    return [transform(header, f"body_{body.id}", body.origin, body.orientation) for body in seen(bodies)]


def joint_transforms(bodies: list[Body], header: Any, parents: AnyArray, names: Sequence[str]) -> list[PlainMessage]:
    """`<joint>_<id>` under `body_<id>` for the 24 joints of people seen; at rest their axes are the body frame's."""
    transforms = []
    for body in seen(bodies):
        parent = PlainMessage("std_msgs/msg/Header", {"stamp": header.stamp, "frame_id": f"body_{body.id}"})
        places, turns = joint_frames(body.person.pose, body.person.joints_cam, body.origin, parents)
        named = zip(names, places, turns, strict=True)
        transforms += [transform(parent, f"{name}_{body.id}", place, turn) for name, place, turn in named]
    return transforms


def pose_with_covariance(body: Body) -> PlainMessage:
    """PoseWithCovariance of the body frame."""
    covariance = pose_covariance(body.person.transl_cov, body.person.orientation_cov)
    return PlainMessage("geometry_msgs/msg/PoseWithCovariance", {"pose": body.pose, "covariance": covariance})


def _velocity(person: PersonEstimate) -> PlainMessage:
    twist = {"linear": vector(person.velocity_cam), "angular": vector((0.0, 0.0, 0.0))}
    fields = {
        "twist": PlainMessage("geometry_msgs/msg/Twist", twist),
        "covariance": twist_covariance(person.position_cov6[3:, 3:]),
    }
    return PlainMessage("geometry_msgs/msg/TwistWithCovariance", fields)


def _region(bbox: AnyArray, camera: Camera) -> PlainMessage:
    x, y, width, height = pixel_box(bbox, camera.width, camera.height)
    fields = {"x_offset": x, "y_offset": y, "width": width, "height": height, "do_rectify": False}
    return PlainMessage("sensor_msgs/msg/RegionOfInterest", fields)


def _row(values: AnyArray) -> AnyArray:
    return np.ascontiguousarray(values, dtype=np.float32).reshape(-1)
