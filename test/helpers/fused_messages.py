"""Messages of perception nodes whose cameras stand around a floor, made from truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from geometry_msgs.msg import TransformStamped
from scipy.spatial.transform import Rotation
from std_msgs.msg import Header

from helpers.fake_pipeline import make_person
from helpers.ros_messages import make_header
from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.msg import HumanMeshArray
from metrichmsr_ros.pipeline.scene import PersonEstimate, Scene
from metrichmsr_ros.ros.messages import to_rclpy
from metrichmsr_ros.ros.outputs.people import PeopleOptions, bodies_of, humans
from metrichmsr_ros.types import Float64Array

HIP = 0.1  # half the distance between the hip joints
_LEVEL = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])  # optical axes of a camera that looks along x


def _pose(place: Sequence[float], yaw: float) -> Float64Array:
    pose = np.eye(4)
    pose[:3, :3] = Rotation.from_euler("z", yaw).as_matrix() @ _LEVEL
    pose[:3, 3] = place
    return pose


POSES: Mapping[str, Float64Array] = {
    "south": _pose((0.0, -5.0, 1.0), np.pi / 2),
    "east": _pose((5.0, 0.0, 1.0), np.pi),
    "north": _pose((0.0, 5.0, 1.0), -np.pi / 2),
}
"""Pose (4, 4) of each camera's optical frame in the fixed frame."""


def walker_at(stamp_s: float) -> Float64Array:
    """(3,) true middle of the hips of somebody who walks on a circle, fixed frame."""
    angle = 0.6 * stamp_s
    return np.array([1.2 * np.cos(angle), 1.2 * np.sin(angle), 0.9])


def person_at(pose: Float64Array, place: Float64Array, scale: float = 1.0, **changes: Any) -> PersonEstimate:
    """A person at `place`, upright and facing along x of the fixed frame, whom the camera sees `scale` times as far."""
    centre = (pose[:3, :3].T @ (place - pose[:3, 3])) * scale
    across = pose[:3, :3].T @ np.array([0.0, HIP, 0.0])
    joints = np.tile(centre, (24, 1))
    joints[1], joints[2] = centre + across, centre - across
    far = float(np.linalg.norm(centre))
    along = np.outer(centre, centre) / far**2
    covariance = far**2 * (0.06**2 * along + 0.01**2 * (np.eye(3) - along))
    root = Rotation.from_matrix(pose[:3, :3].T @ _upright())
    person = make_person(
        "p1",
        joints_cam=joints.astype(np.float32),
        vertices_cam=(joints[:4] + 0.1).astype(np.float32),
        transl_cam=(centre - [0.01, 0.02, 0.03]).astype(np.float32),
        transl_cov=covariance.astype(np.float32),
        bbox=np.array([10.0, 5.0, 20.0, 45.0], np.float32),
    )
    turned = person.pose.copy()
    turned[:3] = root.as_rotvec()
    return replace(person, pose=turned, **changes)


def _upright() -> Float64Array:
    """SMPL's axes (y up, z out of the chest) in the fixed frame."""
    return np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])


def people_message(people: Sequence[PersonEstimate], header: Header) -> HumanMeshArray:
    """As a perception node publishes them."""
    camera = Camera.from_fov(64, 48, 1.2)
    scene = Scene(0.0, camera, np.zeros((48, 64, 3), np.uint8), list(people), None)  # type: ignore[arg-type]
    return to_rclpy(humans(bodies_of(scene), scene, header, "open_light", PeopleOptions("", 0.0, True)))


def frame_of(camera: str) -> str:
    """Name of a camera's optical frame."""
    return f"{camera}_optical"


def seen_by(camera: str, stamp_s: float, scale: float = 1.0) -> HumanMeshArray:
    """What a camera publishes of the walker."""
    person = person_at(POSES[camera], walker_at(stamp_s), scale)
    return people_message([person], make_header(stamp_s, frame_of(camera)))


def extrinsics(camera: str, stamp_s: float = 0.0) -> TransformStamped:
    """The camera's pose in `odom`."""
    pose, message = POSES[camera], TransformStamped(header=make_header(stamp_s, "odom"))
    message.child_frame_id = frame_of(camera)
    move, turn = message.transform.translation, message.transform.rotation
    move.x, move.y, move.z = pose[:3, 3].tolist()
    turn.x, turn.y, turn.z, turn.w = Rotation.from_matrix(pose[:3, :3]).as_quat().tolist()
    return message
