"""Messages of small recordings: a flat figure at a distance that the red of its picture encodes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from rosbags.typesys import Stores, get_typestore

from metrichmsr_ros.ros.bags.message_types import HUMANS, register_own_messages
from metrichmsr_ros.types import Float32Array, ImageArray

TYPES = get_typestore(Stores.LATEST)
register_own_messages(TYPES)
WIDTH, HEIGHT = 64, 48
FIRST_NS = 1_700_000_000_000_000_000
STEP_NS = 100_000_000


def new(kind: str, **fields: Any) -> Any:
    """A message of a ROS type, e.g. `std_msgs/msg/Header`."""
    return TYPES.types[kind](**fields)


def header(stamp_ns: int, frame: str = "camera_optical") -> Any:
    """The header of a message at this time."""
    stamp = new("builtin_interfaces/msg/Time", sec=stamp_ns // 10**9, nanosec=stamp_ns % 10**9)
    return new("std_msgs/msg/Header", stamp=stamp, frame_id=frame)


def picture(depth: float) -> ImageArray:
    """A flat image whose red channel encodes the distance of the person: red = 20 x metres."""
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    image[..., 0] = round(20 * depth)
    return image


def image_message(stamp_ns: int, depth: float, frame: str = "camera_optical") -> Any:
    """The picture of a person at `depth` metres."""
    return new(
        "sensor_msgs/msg/Image", header=header(stamp_ns, frame), height=HEIGHT, width=WIDTH, encoding="rgb8",
        is_bigendian=0, step=3 * WIDTH, data=picture(depth).reshape(-1),
    )  # fmt: skip


def depth_message(stamp_ns: int, depth: float) -> Any:
    """The image of a depth camera with a quarter of the pixels: a wall at `depth`."""
    return new(
        "sensor_msgs/msg/Image", header=header(stamp_ns), height=HEIGHT // 2, width=WIDTH // 2, encoding="16UC1",
        is_bigendian=0, step=WIDTH, data=np.full(WIDTH * HEIGHT // 4, round(1000 * depth), np.uint16).view(np.uint8),
    )  # fmt: skip


def compressed_message(stamp_ns: int, depth: float) -> Any:
    """The same picture as PNG."""
    ok, data = cv2.imencode(".png", cv2.cvtColor(picture(depth), cv2.COLOR_RGB2BGR))
    assert ok
    return new(
        "sensor_msgs/msg/CompressedImage", header=header(stamp_ns), format="rgb8; png compressed bgr8",
        data=data.reshape(-1),
    )  # fmt: skip


def camera_info_message(stamp_ns: int, focal: float = 60.0, centre: tuple[float, float] = (31.5, 23.5)) -> Any:
    """A pinhole camera; `focal` and `centre` in px."""
    k = np.array([focal, 0, centre[0], 0, focal, centre[1], 0, 0, 1], np.float64)
    roi = new("sensor_msgs/msg/RegionOfInterest", x_offset=0, y_offset=0, height=0, width=0, do_rectify=False)
    return new(
        "sensor_msgs/msg/CameraInfo", header=header(stamp_ns), height=HEIGHT, width=WIDTH,
        distortion_model="plumb_bob", d=np.zeros(5), k=k, r=np.eye(3).reshape(-1),
        p=np.insert(k.reshape(3, 3), 3, 0, axis=1).reshape(-1), binning_x=0, binning_y=0, roi=roi,
    )  # fmt: skip


def skeleton(depth: float) -> Float32Array:
    """(24, 3) joints of a stiff figure 1.6 m tall at `depth`."""
    joints = np.random.default_rng(1).uniform([-0.3, -0.8, -0.1], [0.3, 0.8, 0.1], size=(24, 3))
    joints[0] = 0.0
    return (joints + np.array([0.2, 0.1, depth])).astype(np.float32)


def truth_message(stamp_ns: int, depth: float) -> Any:
    """The figure as HumanMeshArray."""
    vector = new("geometry_msgs/msg/Vector3", x=0.0, y=0.0, z=0.0)
    origin = new("geometry_msgs/msg/Point", x=0.0, y=0.0, z=0.0)
    turn = new("geometry_msgs/msg/Quaternion", x=0.0, y=0.0, z=0.0, w=1.0)
    pose = new("geometry_msgs/msg/Pose", position=origin, orientation=turn)
    human = new(
        "metrichmsr_ros/msg/HumanMesh", header=header(stamp_ns), id="alice", confidence=1.0, is_occluded=False, age=0,
        roi=new("sensor_msgs/msg/RegionOfInterest", x_offset=0, y_offset=0, height=9, width=9, do_rectify=False),
        pose=np.zeros(72, np.float32), betas=np.zeros(10, np.float32), translation=vector,
        body=new("geometry_msgs/msg/PoseWithCovariance", pose=pose, covariance=np.zeros(36)),
        velocity=new(
            "geometry_msgs/msg/TwistWithCovariance",
            twist=new("geometry_msgs/msg/Twist", linear=vector, angular=vector), covariance=np.zeros(36),
        ),
        height=1.75, joints=skeleton(depth).reshape(-1), joint_confidence=np.ones(24, np.float32),
        joint_covariances=np.zeros(144, np.float32), vertices=np.zeros(0, np.float32), body_model="truth",
        gestures=[], pointing=vector,
    )  # fmt: skip
    return new(HUMANS, header=header(stamp_ns), humans=[human])


def transform_message(stamp_ns: int, parent: str, child: str, move: Sequence[float], turn: Sequence[float]) -> Any:
    """`child` in `parent`: x y z in metres and a quaternion x y z w."""
    vector = new("geometry_msgs/msg/Vector3", **dict(zip("xyz", map(float, move), strict=True)))
    quaternion = new("geometry_msgs/msg/Quaternion", **dict(zip("xyzw", map(float, turn), strict=True)))
    transform = new("geometry_msgs/msg/Transform", translation=vector, rotation=quaternion)
    kind = "geometry_msgs/msg/TransformStamped"
    stamped = new(kind, header=header(stamp_ns, parent), child_frame_id=child, transform=transform)
    return new("tf2_msgs/msg/TFMessage", transforms=[stamped])
