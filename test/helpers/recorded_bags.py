"""Small recordings with known content: a person walks away from a camera."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.rosbag2.enums import CompressionFormat, CompressionMode

from helpers.bag_messages import (
    FIRST_NS,
    STEP_NS,
    TYPES,
    camera_info_message,
    compressed_message,
    depth_message,
    image_message,
    transform_message,
    truth_message,
)
from metrichmsr_ros.ros.bags.message_types import HUMANS

OPTICAL = (-0.5, 0.5, -0.5, 0.5)  # base (x forward, z up) from optical (z forward, y down), x y z w


@dataclass(frozen=True)
class Recipe:
    """What a bag holds, and how it is stored; `strange` adds a topic of an unknown type."""

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
    centre: tuple[float, float] = (31.5, 23.5)  # principal point in its CameraInfo, px
    mount: tuple[float, float, float, float] = OPTICAL  # turn from camera to base, of a moving camera

    @property
    def image_topic(self) -> str:
        """Where the images are."""
        return "/cam/image_raw/compressed" if self.compressed else "/cam/image_raw"

    def topics(self) -> dict[str, str]:
        """Names of the topics and their types."""
        image = "sensor_msgs/msg/CompressedImage" if self.compressed else "sensor_msgs/msg/Image"
        wanted = {
            self.image_topic: (image, True),
            "/cam/camera_info": ("sensor_msgs/msg/CameraInfo", self.camera_info),
            "/truth/humans": (HUMANS, self.truth),
            "/tf_static": ("tf2_msgs/msg/TFMessage", self.moving_camera),
            "/tf": ("tf2_msgs/msg/TFMessage", self.moving_camera),
            "/cam/depth": ("sensor_msgs/msg/Image", self.depth_image),
        }
        return {topic: kind for topic, (kind, is_there) in wanted.items() if is_there}

    def messages(self) -> Iterator[tuple[str, int, Any]]:
        """Topic, time of recording and content, also of topics that are left out."""
        yield "/tf_static", FIRST_NS, transform_message(0, "base_link", "camera_optical", (0.1, 0.0, 1.2), self.mount)
        for index, depth in enumerate(self.depths):
            yield from self._frame(FIRST_NS + index * STEP_NS, depth)

    def _frame(self, stamp: int, depth: float) -> Iterator[tuple[str, int, Any]]:
        image = compressed_message(stamp, depth) if self.compressed else image_message(stamp, depth, self.frame)
        yield self.image_topic, stamp + 5_000_000, image
        info_ns = stamp + (4_000_000 if self.info_first else 6_000_000)  # usually after its image, as often happens
        yield "/cam/camera_info", info_ns, camera_info_message(stamp, centre=self.centre)
        yield "/tf", stamp, transform_message(stamp, "map", "base_link", camera_position(stamp), (0, 0, 0, 1))
        yield "/cam/depth", stamp + 1_000_000, depth_message(stamp, depth)
        yield "/truth/humans", stamp + 7_000_000, truth_message(stamp, depth)


def camera_position(stamp_ns: int) -> tuple[float, float, float]:
    """x y z in metres of the base of a moving camera: 1 m/s along the world's x."""
    return (stamp_ns - FIRST_NS) / 1e9, 0.0, 0.0


def write_bag(path: Path, recipe: Recipe = Recipe()) -> Path:
    """Record what the recipe names; returns `path`."""
    writer = Writer(path, version=9, storage_plugin=recipe.storage)
    if recipe.zstd is not None:
        writer.set_compression(recipe.zstd, CompressionFormat.ZSTD)
    with writer:
        kinds = recipe.topics()
        connections = {topic: writer.add_connection(topic, kind, typestore=TYPES) for topic, kind in kinds.items()}
        if recipe.strange:
            _write_strange(writer)
        for topic, recorded_ns, message in recipe.messages():
            if topic in kinds:
                writer.write(connections[topic], recorded_ns, TYPES.serialize_cdr(message, kinds[topic]))
    return path


def _write_strange(writer: Writer) -> None:
    nobody = "strange_msgs/msg/Nobody"
    odd = writer.add_connection("/odd", nobody, msgdef="uint8 x\n", rihs01="RIHS01_" + "0" * 64)
    writer.write(odd, FIRST_NS, b"\x00\x01\x00\x00\x07")
