"""Small recordings with known content, and a pipeline that reads its answer off the pixels. Not a test itself."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.rosbag2.enums import CompressionFormat, CompressionMode
from rosbags.typesys import Stores, get_typestore

from metrichmsr_ros.depth.engine import SceneDepth
from metrichmsr_ros.pipeline.scene import OutputRequest, PersonEstimate, Scene
from metrichmsr_ros.ros.bags.message_types import HUMANS, register_own_messages

TYPES = get_typestore(Stores.LATEST)
register_own_messages(TYPES)
WIDTH, HEIGHT = 64, 48
FIRST_NS = 1_700_000_000_000_000_000
STEP_NS = 100_000_000


def new(kind: str, **fields: Any) -> Any:
    return TYPES.types[kind](**fields)


def header(stamp_ns: int, frame: str = "camera_optical") -> Any:
    stamp = new("builtin_interfaces/msg/Time", sec=stamp_ns // 10**9, nanosec=stamp_ns % 10**9)
    return new("std_msgs/msg/Header", stamp=stamp, frame_id=frame)


def picture(depth: float) -> np.ndarray:
    """A flat image whose red channel encodes the distance of the person: red = 20 x metres."""
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    image[..., 0] = round(20 * depth)
    return image


def image_message(stamp_ns: int, depth: float, frame: str = "camera_optical") -> Any:
    return new(
        "sensor_msgs/msg/Image", header=header(stamp_ns, frame), height=HEIGHT, width=WIDTH, encoding="rgb8",
        is_bigendian=0, step=3 * WIDTH, data=picture(depth).reshape(-1),
    )  # fmt: skip


def depth_message(stamp_ns: int, depth: float) -> Any:
    """What a depth camera of a quarter of the pixels sees: a wall at `depth`."""
    return new(
        "sensor_msgs/msg/Image", header=header(stamp_ns), height=HEIGHT // 2, width=WIDTH // 2, encoding="16UC1",
        is_bigendian=0, step=WIDTH, data=np.full(WIDTH * HEIGHT // 4, round(1000 * depth), np.uint16).view(np.uint8),
    )  # fmt: skip


def compressed_message(stamp_ns: int, depth: float) -> Any:
    ok, data = cv2.imencode(".png", cv2.cvtColor(picture(depth), cv2.COLOR_RGB2BGR))
    assert ok
    return new(
        "sensor_msgs/msg/CompressedImage", header=header(stamp_ns), format="rgb8; png compressed bgr8",
        data=data.reshape(-1),
    )  # fmt: skip


def camera_info_message(stamp_ns: int, focal: float = 60.0) -> Any:
    k = np.array([focal, 0, 31.5, 0, focal, 23.5, 0, 0, 1], np.float64)
    roi = new("sensor_msgs/msg/RegionOfInterest", x_offset=0, y_offset=0, height=0, width=0, do_rectify=False)
    return new(
        "sensor_msgs/msg/CameraInfo", header=header(stamp_ns), height=HEIGHT, width=WIDTH,
        distortion_model="plumb_bob", d=np.zeros(5), k=k, r=np.eye(3).reshape(-1),
        p=np.insert(k.reshape(3, 3), 3, 0, axis=1).reshape(-1), binning_x=0, binning_y=0, roi=roi,
    )  # fmt: skip


def skeleton(depth: float) -> np.ndarray:
    """(24, 3) joints of a stiff figure 1.6 m tall at `depth`."""
    joints = np.random.default_rng(1).uniform([-0.3, -0.8, -0.1], [0.3, 0.8, 0.1], size=(24, 3))
    joints[0] = 0.0
    return (joints + np.array([0.2, 0.1, depth])).astype(np.float32)


def truth_message(stamp_ns: int, depth: float) -> Any:
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
        height=1.75, joints=skeleton(depth).reshape(-1), vertices=np.zeros(0, np.float32), body_model="truth",
    )  # fmt: skip
    return new(HUMANS, header=header(stamp_ns), humans=[human])


@dataclass(frozen=True)
class Recipe:
    """What a bag is made of."""

    depths: tuple[float, ...] = (3.0, 3.5, 4.0, 4.5, 5.0, 5.5)
    storage: StoragePlugin = StoragePlugin.MCAP
    zstd: CompressionMode | None = None
    compressed: bool = False
    camera_info: bool = True
    truth: bool = False
    strange: bool = False
    frame: str = "camera_optical"
    info_first: bool = False
    moving_camera: bool = False
    depth_image: bool = False


def camera_position(stamp_ns: int) -> tuple[float, float, float]:
    """Where the base of a moving camera is: 1 m/s along the world's x."""
    return (stamp_ns - FIRST_NS) / 1e9, 0.0, 0.0


def transform_message(stamp_ns: int, parent: str, child: str, move: Any, turn: Any) -> Any:
    vector = new("geometry_msgs/msg/Vector3", **dict(zip("xyz", map(float, move), strict=True)))
    quaternion = new("geometry_msgs/msg/Quaternion", **dict(zip("xyzw", map(float, turn), strict=True)))
    transform = new("geometry_msgs/msg/Transform", translation=vector, rotation=quaternion)
    kind = "geometry_msgs/msg/TransformStamped"
    stamped = new(kind, header=header(stamp_ns, parent), child_frame_id=child, transform=transform)
    return new("tf2_msgs/msg/TFMessage", transforms=[stamped])


OPTICAL = (-0.5, 0.5, -0.5, 0.5)  # base (x forward, z up) from optical (z forward, y down), x y z w


def write_bag(path: Path, recipe: Recipe = Recipe()) -> Path:
    """Record a person who walks away from the camera; returns `path`."""
    writer = Writer(path, version=9, storage_plugin=recipe.storage)
    if recipe.zstd is not None:
        writer.set_compression(recipe.zstd, CompressionFormat.ZSTD)
    with writer:
        image_type = "sensor_msgs/msg/CompressedImage" if recipe.compressed else "sensor_msgs/msg/Image"
        name = "/cam/image_raw/compressed" if recipe.compressed else "/cam/image_raw"
        images = writer.add_connection(name, image_type, typestore=TYPES)
        info_type = "sensor_msgs/msg/CameraInfo"
        infos = writer.add_connection("/cam/camera_info", info_type, typestore=TYPES) if recipe.camera_info else None
        truths = writer.add_connection("/truth/humans", HUMANS, typestore=TYPES) if recipe.truth else None
        if recipe.moving_camera:
            kind = "tf2_msgs/msg/TFMessage"
            static = writer.add_connection("/tf_static", kind, typestore=TYPES)
            fixed = transform_message(0, "base_link", "camera_optical", (0.1, 0.0, 1.2), OPTICAL)
            writer.write(static, FIRST_NS, TYPES.serialize_cdr(fixed, kind))
            moving = writer.add_connection("/tf", kind, typestore=TYPES)
        if recipe.depth_image:
            depths = writer.add_connection("/cam/depth", "sensor_msgs/msg/Image", typestore=TYPES)
        if recipe.strange:
            nobody = "strange_msgs/msg/Nobody"
            odd = writer.add_connection("/odd", nobody, msgdef="uint8 x\n", rihs01="RIHS01_" + "0" * 64)
            writer.write(odd, FIRST_NS, b"\x00\x01\x00\x00\x07")
        for index, depth in enumerate(recipe.depths):
            stamp = FIRST_NS + index * STEP_NS
            make = compressed_message if recipe.compressed else image_message
            message = make(stamp, depth) if recipe.compressed else image_message(stamp, depth, recipe.frame)
            writer.write(images, stamp + 5_000_000, TYPES.serialize_cdr(message, image_type))
            if infos is not None:  # usually recorded after its image, as often happens
                raw = TYPES.serialize_cdr(camera_info_message(stamp), info_type)
                writer.write(infos, stamp + (4_000_000 if recipe.info_first else 6_000_000), raw)
            if recipe.moving_camera:
                place = transform_message(stamp, "map", "base_link", camera_position(stamp), (0, 0, 0, 1))
                writer.write(moving, stamp, TYPES.serialize_cdr(place, kind))
            if recipe.depth_image:
                raw = TYPES.serialize_cdr(depth_message(stamp, depth), "sensor_msgs/msg/Image")
                writer.write(depths, stamp + 1_000_000, raw)
            if truths is not None:
                writer.write(truths, stamp + 7_000_000, TYPES.serialize_cdr(truth_message(stamp, depth), HUMANS))
    return path


class PixelPipeline:
    """Answers with one person at the distance that the image's red channel encodes; off by `bias` metres."""

    def __init__(self, bias: float = 0.0) -> None:
        self.bias, self.resets, self.cameras = bias, 0, []
        self.body = SimpleNamespace(
            name="stick", faces=np.array([[0, 1, 2]]), joint_names=[f"j{i}" for i in range(24)], parents=[-1] * 24
        )

    def reset(self) -> None:
        self.resets += 1

    def track(self, image: Any, camera: Any, stamp_s: float, *, request: OutputRequest, context: Any = None) -> Scene:
        self.cameras.append(camera)
        depth = float(image[0, 0, 0]) / 20
        if depth == 0:
            return self._scene(stamp_s, camera, image, [])
        joints = skeleton(depth + self.bias)
        vertices = joints[:3] + np.array([[-0.3, 0, 0], [0.3, 0, 0], [0, 0.5, 0]], np.float32)
        person = PersonEstimate(
            id="p1", age=self.resets, confidence=0.9, is_occluded=False, bbox=np.array([10, 10, 30, 40], np.float32),
            pose=np.full(72, 0.1, np.float32), betas=np.zeros(10, np.float32), transl_cam=joints[0],
            transl_cov=np.eye(3, dtype=np.float32) * 0.01, joints_cam=joints, vertices_cam=vertices, height=1.7,
            velocity_cam=np.zeros(3, np.float32), position_cov6=np.eye(6, dtype=np.float32),
            landmarks=None,  # type: ignore[arg-type]
        )  # fmt: skip
        return self._scene(stamp_s, camera, image, [person])

    def _scene(self, stamp_s: float, camera: Any, image: Any, people: list[PersonEstimate]) -> Scene:
        return Scene(stamp_s, camera, image, people, SceneDepth.not_requested(camera), {"people": 0.002, "total": 0.01})


class KnowingPipeline(PixelPipeline):
    """Keeps what it was told besides the image, and lets its answer depend on it."""

    def __init__(self) -> None:
        super().__init__()
        self.contexts: list[Any] = []

    def track(self, image: Any, camera: Any, stamp_s: float, *, request: OutputRequest, context: Any = None) -> Scene:
        self.contexts.append(context)
        floor = 0.0 if context.floor is None else context.floor.height
        depth = 0.0 if context.depth is None or not context.trusts_depth else float(np.nanmedian(context.depth.depth))
        self.bias = 0.01 * floor + 0.001 * depth
        return super().track(image, camera, stamp_s, request=request, context=context)


def make_pixel_pipeline(options: Any) -> PixelPipeline:
    """For worker processes: a function that can be pickled by name."""
    return PixelPipeline()


DEADLY = 9.0  # metres


class DyingPipeline(PixelPipeline):
    """Takes its process along, as running out of memory does, when somebody is `DEADLY` metres away."""

    def track(self, image: Any, camera: Any, stamp_s: float, *, request: OutputRequest, context: Any = None) -> Scene:
        if image[0, 0, 0] == 20 * DEADLY:
            os._exit(137)
        return super().track(image, camera, stamp_s, request=request)


def make_dying_pipeline(options: Any) -> DyingPipeline:
    """For worker processes."""
    return DyingPipeline()


def make_no_pipeline(options: Any) -> PixelPipeline:
    """As when a network is not fetched."""
    raise FileNotFoundError("pose_detection.tflite is not fetched; run `metrichmsr setup`")
