"""People as ROS messages: pure functions, one per message. Every header is the image's own.

Large fields are assigned as `array.array`, small fixed ones as NumPy arrays: rosidl takes both without looking at each
number.
"""

from __future__ import annotations

import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from geometry_msgs.msg import (
    Point,
    Pose,
    PoseArray,
    PoseWithCovariance,
    Quaternion,
    Transform,
    TransformStamped,
    TwistWithCovariance,
    Vector3,
)
from sensor_msgs.msg import RegionOfInterest
from std_msgs.msg import Header

from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.msg import HumanMesh, HumanMeshArray, MeshTopology
from metrichmsr_ros.pipeline.scene import PersonEstimate, Scene
from metrichmsr_ros.ros.frames import (
    body_frames,
    joint_frames,
    pixel_box,
    pose_covariance,
    rotation_matrix,
    twist_covariance,
)
from metrichmsr_ros.types import AnyArray


@dataclass(frozen=True)
class Body:
    """One person with what every message of the frame shares: public id and REP-155 body frame."""

    id: str
    person: PersonEstimate
    origin: AnyArray  # (3,) metres, camera frame
    orientation: AnyArray  # (4,) x, y, z, w

    @property
    def pose(self) -> Pose:
        """The body frame as a message."""
        return Pose(position=Point(**xyz(self.origin)), orientation=quaternion(self.orientation))


def bodies_of(scene: Scene, id_prefix: str = "", min_confidence: float = 0.0) -> list[Body]:
    """People of at least `min_confidence`, with their body frames and `id_prefix` before their ids."""
    people = [person for person in scene.people if person.confidence >= min_confidence]
    origins, orientations = body_frames([p.pose for p in people], [p.joints_cam for p in people])
    return [Body(id_prefix + p.id, p, o, q) for p, o, q in zip(people, origins, orientations, strict=True)]


def xyz(values: Any) -> dict[str, float]:
    """Keyword arguments of a Point or Vector3 from three numbers."""
    x, y, z = values.tolist()
    return {"x": x, "y": y, "z": z}


def quaternion(values: AnyArray) -> Quaternion:
    """Message of x, y, z, w."""
    x, y, z, w = values.tolist()
    return Quaternion(x=x, y=y, z=z, w=w)


def flat(values: AnyArray, typecode: str) -> array.array[Any]:
    """A NumPy array as `array.array`, copied at memory speed; 'f' float32, 'I' uint32, 'i' int32, 'B' its bytes."""
    filled = array.array(typecode)
    whole = np.ascontiguousarray(values) if typecode == "B" else np.ascontiguousarray(values, np.dtype(typecode))
    filled.frombytes(whole.reshape(-1).view(np.uint8).data)
    return filled


def _row(values: AnyArray) -> AnyArray:
    return np.ascontiguousarray(values, dtype=np.float32).reshape(-1)


def humans_message(
    bodies: list[Body], scene: Scene, header: Header, body_model: str, orientation_stddev: float, with_vertices: bool
) -> HumanMeshArray:
    """HumanMeshArray, empty when nobody is seen."""
    message = HumanMeshArray(header=header)
    message.humans = [
        _human(body, scene.camera, header, body_model, orientation_stddev, with_vertices) for body in bodies
    ]
    return message


def _human(
    body: Body, camera: Camera, header: Header, body_model: str, orientation_stddev: float, with_vertices: bool
) -> HumanMesh:
    person = body.person
    x, y, width, height = pixel_box(person.bbox, camera.width, camera.height)
    message = HumanMesh(header=header, id=body.id, body_model=body_model)
    message.confidence = float(person.confidence)
    message.is_occluded = bool(person.is_occluded)
    message.age = int(person.age)
    message.roi = RegionOfInterest(x_offset=x, y_offset=y, width=width, height=height)
    message.pose, message.betas = _row(person.pose), _row(person.betas)
    message.translation = Vector3(**xyz(person.transl_cam))
    message.body = PoseWithCovariance(pose=body.pose, covariance=pose_covariance(person.transl_cov, orientation_stddev))
    message.velocity = TwistWithCovariance(covariance=twist_covariance(person.position_cov6[3:, 3:]))
    message.velocity.twist.linear = Vector3(**xyz(person.velocity_cam))
    message.height = float(person.height)
    message.joints = _row(person.joints_cam)
    if with_vertices:
        message.vertices = flat(person.vertices_cam, "f")
    return message


def numbers(values: Any) -> AnyArray:
    """A NumPy array of an array or of a tensor on any device."""
    return np.asarray(values.cpu() if hasattr(values, "cpu") else values)


def topology_message(body_model: Any) -> MeshTopology:
    """MeshTopology of a BodyModel (`name`, `faces` (F, 3), `joint_names`, `parents` (24,)), on whatever device."""
    message = MeshTopology(body_model=body_model.name, joint_names=[str(name) for name in body_model.joint_names])
    message.faces = flat(numbers(body_model.faces), "I")
    message.parents = flat(numbers(body_model.parents), "i")
    return message


def poses_message(bodies: list[Body], header: Header) -> PoseArray:
    """Body frames without ids, for a first look in RViz."""
    return PoseArray(header=header, poses=[body.pose for body in bodies])


def transform_messages(bodies: list[Body], header: Header) -> list[TransformStamped]:
    """`body_<id>` under the image's frame, for people seen in this image only: a hidden one gets no new transform."""
    return [
        TransformStamped(
            header=header,
            child_frame_id=f"body_{body.id}",
            transform=Transform(translation=Vector3(**xyz(body.origin)), rotation=quaternion(body.orientation)),
        )
        for body in bodies
        if not body.person.is_occluded
    ]


def joint_transform_messages(
    bodies: list[Body], header: Header, parents: AnyArray, names: Sequence[str]
) -> list[TransformStamped]:
    """`<joint>_<id>` under `body_<id>` for the 24 joints of people seen now, axes as the body frame's at rest."""
    seen = [body for body in bodies if not body.person.is_occluded]
    return [
        TransformStamped(
            header=Header(stamp=header.stamp, frame_id=f"body_{body.id}"),
            child_frame_id=f"{name}_{body.id}",
            transform=Transform(translation=Vector3(**xyz(place)), rotation=quaternion(turn)),
        )
        for body in seen
        for name, place, turn in zip(names, *_joint_frames(body, parents), strict=True)
    ]


def _joint_frames(body: Body, parents: AnyArray) -> tuple[AnyArray, AnyArray]:
    return joint_frames(body.person.pose, body.person.joints_cam, body.origin, parents)


def detections_message(bodies: list[Body], header: Header, orientation_stddev: float, vision: Any) -> Any:
    """vision_msgs/Detection3DArray; `vision` is the module vision_msgs.msg. Boxes have the axes of the body frame."""
    message = vision.Detection3DArray(header=header)
    for body in bodies:
        low, high = _extent(body)
        centre = body.origin + rotation_matrix(body.orientation) @ ((low + high) / 2)
        detection = vision.Detection3D(header=header, id=body.id)
        hypothesis = vision.ObjectHypothesisWithPose()
        hypothesis.hypothesis.class_id, hypothesis.hypothesis.score = "person", float(body.person.confidence)
        hypothesis.pose = PoseWithCovariance(
            pose=body.pose, covariance=pose_covariance(body.person.transl_cov, orientation_stddev)
        )
        detection.results = [hypothesis]
        detection.bbox.center = Pose(position=Point(**xyz(centre)), orientation=quaternion(body.orientation))
        detection.bbox.size = Vector3(**xyz(high - low))
        message.detections.append(detection)
    return message


def _extent(body: Body) -> tuple[AnyArray, AnyArray]:
    """Lowest and highest corner (3,) of the mesh (the joints, without one) in the body frame."""
    points = body.person.vertices_cam if len(body.person.vertices_cam) else body.person.joints_cam
    local = (points - body.origin) @ rotation_matrix(body.orientation)
    return local.min(axis=0), local.max(axis=0)


def people_message(bodies: list[Body], header: Header, people: Any) -> Any:
    """people_msgs/People as social costmap layers read it; `people` is the module people_msgs.msg."""
    message = people.People(header=header)
    message.people = [
        people.Person(
            name=body.id,
            position=Point(**xyz(body.origin)),
            velocity=Point(**xyz(body.person.velocity_cam)),
            reliability=float(body.person.confidence),
        )
        for body in bodies
    ]
    return message
