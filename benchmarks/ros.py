"""Run time of the ROS layer alone: message -> array, results -> messages, and sending over the middleware.

    python -m benchmarks.ros

These are the steps that the node adds to `Pipeline.track` for one frame, with all topics requested.
"""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import rclpy
from rclpy.context import Context
from rclpy.serialization import serialize_message
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from benchmarks.clock import milliseconds
from metrichmsr_ros.depth.engine import SceneDepth
from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.pipeline.scene import PersonEstimate, Scene
from metrichmsr_ros.ros.inputs.image_conversion import image_from_message
from metrichmsr_ros.ros.messages import to_rclpy
from metrichmsr_ros.ros.outputs.clouds import body_points_message
from metrichmsr_ros.ros.outputs.images import camera_info_message, image_message
from metrichmsr_ros.ros.outputs.markers import markers_message
from metrichmsr_ros.ros.outputs.people import PeopleOptions, bodies_of, body_transforms, humans
from metrichmsr_ros.ros.outputs.standard import poses

ROUNDS = 60
SIZES = ((640, 480), (1920, 1080))
PEOPLE = (1, 4, 10)
VERTICES = 1200  # of the light open body
ENCODINGS = {"rgb8": 3, "bgr8": 3, "mono8": 1, "yuv422_yuy2": 2, "bayer_rggb8": 1, "rgb16": 6}
PARENTS = np.array([-1, *range(23)])


def fake_person(index: int) -> PersonEstimate:
    rng = np.random.default_rng(index)
    covariance = np.eye(6, dtype=np.float32) * 0.01
    return PersonEstimate(
        id=f"p{index}", age=1, confidence=0.9, is_occluded=False, bbox=np.array([10, 10, 90, 200], np.float32),
        pose=rng.normal(0, 0.3, 72).astype(np.float32), betas=np.zeros(10, np.float32),
        transl_cam=np.array([0, 0, 3], np.float32), transl_cov=covariance[:3, :3],
        joints_cam=rng.normal(0, 1, (24, 3)).astype(np.float32),
        vertices_cam=rng.normal(0, 1, (VERTICES, 3)).astype(np.float32), height=1.7,
        velocity_cam=np.zeros(3, np.float32), position_cov6=covariance, landmarks=None,  # type: ignore[arg-type]
        joint_confidence=np.ones(24, np.float32), joint_cov=np.tile(covariance[:3, :3], (24, 1, 1)),
        orientation_cov=covariance[3:, 3:],
    )  # fmt: skip


def fake_scene(width: int, height: int, people: int) -> Scene:
    camera = Camera.from_fov(width, height, 1.0)
    depth = SceneDepth.not_requested(camera)
    image = np.zeros((height, width, 3), np.uint8)
    return Scene(0.0, camera, image, [fake_person(index) for index in range(people)], depth)


def fake_image(width: int, height: int, encoding: str) -> Image:
    step = width * ENCODINGS[encoding]
    message = Image(width=width, height=height, encoding=encoding, step=step)
    message.data.frombytes(np.random.default_rng(0).integers(0, 256, step * height, dtype=np.uint8).tobytes())
    return message


def least_and_median(work: Callable[[], Any]) -> tuple[float, float]:
    """Minimum and median of `ROUNDS` calls, ms, after one."""
    times = milliseconds(work, ROUNDS, warm_ups=1)
    return min(times), statistics.median(times)


def row(name: str, times: tuple[float, float]) -> None:
    print(f"| {name:42} | {times[0]:8.3f} | {times[1]:8.3f} |")


def essential_messages(scene: Scene, header: Header, last: Image) -> list[Any]:
    """The messages that a robot subscribes to: people with their meshes, transforms, depth and its calibration."""
    bodies = bodies_of(scene)
    return [
        to_rclpy(humans(bodies, scene, header, "open_light", PeopleOptions("", 0.0, True))),
        [to_rclpy(transform) for transform in body_transforms(bodies, header)],
        image_message(scene.depth.metres, header, last),
        camera_info_message(scene.camera, header),
    ]


def every_message(scene: Scene, header: Header, last: Image, last_overlay: Image) -> list[Any]:
    """All messages: also poses, point cloud, skeletons and the overlay image (without drawing it)."""
    bodies = bodies_of(scene)
    return [
        *essential_messages(scene, header, last),
        to_rclpy(poses(bodies, header)),
        body_points_message(bodies, header),
        markers_message(bodies, header, PARENTS),
        image_message(scene.image, header, last_overlay),
    ]


def bench_input() -> None:
    for width, height in SIZES:
        for encoding in ENCODINGS:
            message = fake_image(width, height, encoding)
            row(f"{width}x{height} {encoding} -> RGB", least_and_median(partial(image_from_message, message)))


def bench_output() -> None:
    header = Header(frame_id="cam")
    for width, height in SIZES:
        for people in PEOPLE:
            scene = fake_scene(width, height, people)
            name = f"{width}x{height}, {people} people -> "
            last = image_message(scene.depth.metres, header), image_message(scene.image, header)
            row(name + "essential", least_and_median(partial(essential_messages, scene, header, last[0])))
            row(name + "every message", least_and_median(partial(every_message, scene, header, *last)))


def bench_wire() -> None:
    """Serialisation and publishing of the largest messages, without a subscriber."""
    context = Context()
    rclpy.init(context=context)
    node = rclpy.create_node("bench", context=context)
    for width, height in SIZES:
        scene = fake_scene(width, height, 4)
        for message in essential_messages(scene, Header(), image_message(scene.depth.metres, Header()))[:3:2]:
            kind = type(message)
            publisher = node.create_publisher(kind, f"{kind.__name__}_{width}", 1)
            name = f"{width}x{height}, 4 people, {kind.__name__}"
            row(name + " serialize", least_and_median(partial(serialize_message, message)))
            row(name + " publish", least_and_median(partial(publisher.publish, message)))
    node.destroy_node()
    rclpy.shutdown(context=context)


def bench_total() -> None:
    header = Header(frame_id="cam")
    message, scene = fake_image(1920, 1080, "bgr8"), fake_scene(1920, 1080, 4)

    last = image_message(scene.depth.metres, header)

    def frame() -> None:
        image_from_message(message)
        essential_messages(scene, header, last)

    row("1080p bgr8, 4 people, in and out (<= 3 ms)", least_and_median(frame))


def main() -> None:
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print(f"{ROUNDS} rounds, {VERTICES} vertices per person\n")
    print(f"| {'':42} |   min ms | median ms |")
    print(f"|{'-' * 44}|---------:|----------:|")
    bench_input()
    bench_output()
    bench_wire()
    bench_total()


if __name__ == "__main__":
    main()
