"""HumanMesh messages as sightings in the fixed frame, and fused people as HumanMesh messages of the fixed frame."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from typing import Any

import numpy as np
from geometry_msgs.msg import Point, Pose, Quaternion, Vector3
from scipy.spatial.transform import Rotation
from sensor_msgs.msg import RegionOfInterest

from metrichmsr_ros.fusion.people_fusion import FusedPerson
from metrichmsr_ros.fusion.sighting import CameraSighting, SightingError
from metrichmsr_ros.msg import HumanMesh
from metrichmsr_ros.ros.frames import joint_covariance_matrices, joint_covariance_rows, twist_covariance
from metrichmsr_ros.ros.fusion.waiting import PlacedFrame
from metrichmsr_ros.ros.human_numbers import unusable_numbers
from metrichmsr_ros.ros.inputs.stamp_gate import stamp_ns
from metrichmsr_ros.ros.messages import flat
from metrichmsr_ros.types import AnyArray, Float64Array


def sightings_of(frame: PlacedFrame, unusable: Callable[[str], None]) -> list[CameraSighting]:
    """The people of one message; those with numbers that cannot be fused are left out.

    Args:
        frame: message and the camera's pose.
        unusable: called with the reason for each person who is left out.
    """
    found = []
    for human in frame.message.humans:
        try:
            found.append(_sighting(frame, human))
        except SightingError as error:
            unusable(str(error))
    return found


def _sighting(frame: PlacedFrame, human: HumanMesh) -> CameraSighting:
    problem = unusable_numbers(human)
    if problem:
        raise SightingError(f"{frame.camera}: {problem}")
    turn, place = frame.pose[:3, :3], frame.pose[:3, 3]
    covariance = turn @ np.asarray(human.body.covariance).reshape(6, 6)[:3, :3] @ turn.T
    return CameraSighting(
        camera=frame.camera,
        id=human.id,
        stamp_s=stamp_ns(frame.message.header) * 1e-9,
        position=turn @ xyz_of(human.body.pose.position) + place,
        covariance=(covariance + covariance.T) / 2,
        origin=place,
        height=float(human.height),
        betas=np.asarray(human.betas, np.float64),
        quality=float(human.confidence) * human.roi.height,
        confidence=float(human.confidence),
        is_hidden=bool(human.is_occluded),
        body_model=human.body_model,
        source=(human, frame.pose),
    )


def fused_human(person: FusedPerson, header: Any, id: str) -> HumanMesh:
    """HumanMesh in the fixed frame: position and motion of all cameras, pose and shape of the best view.

    Args:
        person: in the fixed frame.
        header: stamp of the fusion, fixed frame.
        id: public id.
    """
    seen, pose = person.best.source
    matrix, turn = pose[:3, :3], Rotation.from_matrix(pose[:3, :3])
    move = person.motion.position - matrix @ xyz_of(seen.body.pose.position)  # camera frame to the fused place
    joints = np.asarray(seen.joints, np.float64).reshape(-1, 3) @ matrix.T + move
    rest_root = np.asarray(seen.joints[:3], np.float64) - xyz_of(seen.translation)  # of the unposed body at the origin
    human = copy(seen)  # with all that does not depend on the frame
    human.header, human.id = header, id
    human.confidence, human.is_occluded, human.age = float(person.confidence), person.is_hidden, person.age
    human.roi = RegionOfInterest()  # there is no image
    human.pose = _turned_root(np.asarray(seen.pose, np.float32), turn)
    human.translation = Vector3(**_fields(joints[0] - rest_root))
    human.joints = joints.astype(np.float32).reshape(-1)
    spread = matrix @ joint_covariance_matrices(seen.joint_covariances) @ matrix.T
    human.joint_covariances = joint_covariance_rows(spread)
    vertices = np.asarray(seen.vertices, np.float64).reshape(-1, 3) @ matrix.T + move
    human.vertices = flat(vertices.astype(np.float32))
    human.body = _body(seen.body, person, turn)
    human.velocity = _velocity(seen.velocity, person)
    human.gestures = [] if person.is_hidden else seen.gestures
    human.pointing = Vector3() if person.is_hidden else Vector3(**_fields(turn.apply(xyz_of(seen.pointing))))
    return human


def _turned_root(pose: AnyArray, turn: Rotation) -> AnyArray:
    turned = pose.copy()
    turned[:3] = (turn * Rotation.from_rotvec(pose[:3].astype(np.float64))).as_rotvec()
    return turned


def _body(seen: Any, person: FusedPerson, turn: Rotation) -> Any:
    body, rotation = copy(seen), seen.pose.orientation
    orientation = (turn * Rotation.from_quat([rotation.x, rotation.y, rotation.z, rotation.w])).as_quat()
    x, y, z, w = orientation.tolist()
    body.pose = Pose(position=Point(**_fields(person.motion.position)), orientation=Quaternion(x=x, y=y, z=z, w=w))
    covariance, matrix = np.zeros((6, 6)), turn.as_matrix()
    covariance[:3, :3] = person.motion.covariance[:3, :3]
    covariance[3:, 3:] = matrix @ np.asarray(seen.covariance).reshape(6, 6)[3:, 3:] @ matrix.T
    body.covariance = covariance.reshape(36)
    return body


def _velocity(seen: Any, person: FusedPerson) -> Any:
    velocity, twist = copy(seen), copy(seen.twist)
    twist.linear = Vector3(**_fields(person.motion.velocity))
    velocity.twist = twist
    velocity.covariance = twist_covariance(person.motion.covariance[3:, 3:])
    return velocity


def xyz_of(vector: Any) -> Float64Array:
    """(3,) of a Point or Vector3."""
    return np.array([vector.x, vector.y, vector.z])


def _fields(values: Float64Array) -> dict[str, float]:
    x, y, z = values.tolist()
    return {"x": x, "y": y, "z": z}
