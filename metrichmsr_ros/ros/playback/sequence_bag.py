"""A rendered sequence as a rosbag2 (mcap): images, calibration, camera pose and the true people."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from builtin_interfaces.msg import Time
from geometry_msgs.msg import TransformStamped, Vector3
from rclpy.serialization import serialize_message
from scipy.spatial.transform import Rotation
from std_msgs.msg import Header
from tf2_msgs.msg import TFMessage

from metrichmsr_ros.data.synthesis.walking_sequence import BODY, SequenceFrame, SequencePerson
from metrichmsr_ros.msg import HumanMesh, HumanMeshArray
from metrichmsr_ros.ros.bags.writer import BagWriter
from metrichmsr_ros.ros.messages import interface_name, to_rclpy
from metrichmsr_ros.ros.outputs.images import camera_info_message, image_message
from metrichmsr_ros.ros.outputs.poses import transform

IMAGE_TOPIC, INFO_TOPIC, TRUTH_TOPIC = "/camera/image_raw", "/camera/camera_info", "/truth/humans"
CAMERA_FRAME, WORLD_FRAME = "camera_optical", "world"
MIN_VISIBLE = 0.5  # visible share of the body; people below it need not be found
START_S = 1  # stamps of zero mean "not set" in ROS


def write_sequence_bag(path: Path, frames: Iterable[SequenceFrame]) -> int:
    """Write `frames` to a new bag at `path`; return their number.

    True people are on `/truth/humans`; hidden ones have `is_occluded` set.
    """
    count = 0
    with BagWriter(path) as bag:
        for count, frame in enumerate(frames, start=1):  # noqa: B007 (returned)
            stamp_ns = START_S * 10**9 + round(frame.stamp_s * 1e9)
            header = Header(stamp=Time(sec=stamp_ns // 10**9, nanosec=stamp_ns % 10**9), frame_id=CAMERA_FRAME)
            _put(bag, INFO_TOPIC, camera_info_message(frame.camera, header), stamp_ns)
            _put(bag, "/tf", TFMessage(transforms=[_camera_transform(frame, header)]), stamp_ns)
            _put(bag, TRUTH_TOPIC, _truth_message(frame, header), stamp_ns)
            _put(bag, IMAGE_TOPIC, image_message(frame.image, header), stamp_ns)
    return count


def _put(bag: BagWriter, topic: str, message: Any, stamp_ns: int) -> None:
    bag.write(topic, interface_name(type(message)), bytes(serialize_message(message)), stamp_ns)


def _camera_transform(frame: SequenceFrame, header: Header) -> TransformStamped:
    world, pose = Header(stamp=header.stamp, frame_id=WORLD_FRAME), frame.T_world_cam
    placed: TransformStamped = to_rclpy(
        transform(world, CAMERA_FRAME, pose[:3, 3], Rotation.from_matrix(pose[:3, :3]).as_quat())
    )
    return placed


def _truth_message(frame: SequenceFrame, header: Header) -> HumanMeshArray:
    return HumanMeshArray(header=header, humans=[_true_human(person, header) for person in frame.people])


def _true_human(person: SequencePerson, header: Header) -> HumanMesh:
    message = HumanMesh(header=header, id=person.id, confidence=1.0, body_model=BODY, height=person.height)
    message.is_occluded = person.visible_fraction < MIN_VISIBLE
    message.pose, message.betas = person.pose, person.betas
    message.translation = Vector3(**dict(zip("xyz", person.transl_cam.tolist(), strict=True)))
    message.joints = np.ascontiguousarray(person.joints_cam, np.float32).reshape(72)
    return message
