"""The node over DDS: sender, node and receiver in processes of their own. Run by `python -m benchmarks.speed`."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import threading
import time
from collections import defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import rclpy
from rclpy.executors import SingleThreadedExecutor
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header
from tf2_msgs.msg import TFMessage

from benchmarks.processes import cpu_seconds, resident, running
from benchmarks.speed.scenes import VGA, VIDEOS, Video
from benchmarks.speed.settings import FOV_X, FPS
from benchmarks.speed.tables import MIB, verdict
from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.msg import HumanMeshArray
from metrichmsr_ros.ros.inputs.stamp_gate import stamp_ns
from metrichmsr_ros.ros.outputs.images import camera_info_message, image_message

PEOPLE = (0, 1, 2)
MOST_MS = {1: 33.0}
MOST_MIB = 350.0
_WARM_UP_S = 1.0
_ANSWER_S = 2.0
_HUMANS = "/perception/humans"


def print_dds(seconds: float) -> None:
    """One row for each number of people."""
    for video in VIDEOS:
        if video.people in PEOPLE and video.size == VGA and not video.depth:
            _print_row(video, seconds)


def _print_row(video: Video, seconds: float) -> None:
    with TemporaryDirectory() as folder, running([sys.executable, "-m", "metrichmsr_ros.ros.node"]) as pid:
        frames = Path(folder, "frames.npy")
        video.render(_WARM_UP_S + seconds, frames)
        receiver = subprocess.Popen(_role("receiver"), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        sent, cpu_s = _send(frames, pid)
        answers = json.loads(receiver.communicate(b"end\n")[0])
        memory = resident(pid) / MIB
    times = {int(stamp): times for stamp, times in answers.items() if int(stamp) in sent}
    topic = "/tf" if video.people else _HUMANS
    arrived = [1e3 * t[topic] for t in times.values() if topic in t]
    if not arrived:
        raise SystemExit(f"{video.name}: nothing came on {topic} for {len(sent)} images")
    p50, p95 = np.percentile(arrived, (50, 95))
    print(
        f"{video.name:22} over DDS   p50 {p50:6.1f} p95 {p95:6.1f} CPU {1e3 * cpu_s / len(sent):6.1f} ms  "
        f"{memory:5.0f} MiB{verdict(memory, MOST_MIB)}  {len(arrived)} of {len(sent)} images on {topic}"
        f"{verdict(p50, MOST_MS.get(video.people))}",
        flush=True,
    )


def _role(name: str, *more: str) -> list[str]:
    return [sys.executable, "-m", "benchmarks.speed.dds", name, *more]


def _send(frames: Path, node: int) -> tuple[set[int], float]:
    """Stamps (ns) of the images that are not warm-up, and the node's CPU seconds meanwhile."""
    with subprocess.Popen(_role("sender", str(frames)), stdout=subprocess.PIPE, text=True) as sender:
        assert sender.stdout is not None
        sender.stdout.readline()  # the end of the warm-up
        before = cpu_seconds(node)
        sent = set(json.loads(sender.stdout.readline()))
        return sent, cpu_seconds(node) - before


def send(frames: Path) -> None:
    """Publish the images at `FPS`, stamped with the time of sending, once the node and its reader are there."""
    images, node = np.load(frames, mmap_mode="r"), rclpy.create_node("camera")
    publishers = node.create_publisher(Image, "image", 10), node.create_publisher(CameraInfo, "camera_info", 10)
    while not all(p.get_subscription_count() for p in publishers) or not node.count_subscribers(_HUMANS):
        time.sleep(0.05)
    info = Camera.from_fov(images.shape[2], images.shape[1], FOV_X)
    message: Image | None = None
    started, sent = time.monotonic(), list[int]()
    for number, image in enumerate(images):
        message = image_message(np.asarray(image), Header(), message)
        time.sleep(max(started + number / FPS - time.monotonic(), 0.0))
        if number == round(_WARM_UP_S * FPS):
            print("warm", flush=True)
            sent.clear()
        sent.append(_publish(publishers, message, info))
    time.sleep(_ANSWER_S)
    print(json.dumps(sent), flush=True)


def _publish(publishers: tuple[Any, Any], message: Image, info: Camera) -> int:
    stamp = time.time_ns()
    header = Header(frame_id="camera")
    header.stamp.sec, header.stamp.nanosec = divmod(stamp, 10**9)
    message.header = header
    publishers[1].publish(camera_info_message(info, header))
    publishers[0].publish(message)
    return stamp


def receive() -> None:
    """Print the seconds from stamp to arrival by stamp (ns) and topic, once standard input has a line."""
    node, arrived = rclpy.create_node("robot"), defaultdict[int, dict[str, float]](dict)

    def take(topic: str, header: Header) -> None:
        stamp = stamp_ns(header)
        arrived[stamp].setdefault(topic, (time.time_ns() - stamp) / 1e9)

    def take_transforms(message: Any) -> None:
        take("/tf", message.transforms[0].header)

    def take_humans(message: Any) -> None:
        take(_HUMANS, message.header)

    node.create_subscription(TFMessage, "/tf", take_transforms, 50)
    node.create_subscription(HumanMeshArray, _HUMANS, take_humans, 50)
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    ended = node.create_guard_condition(lambda: None)
    waiting = threading.Thread(target=lambda: (sys.stdin.readline(), ended.trigger()), daemon=True)
    waiting.start()
    while waiting.is_alive():
        executor.spin_once()
    print(json.dumps(arrived), flush=True)


def main() -> None:
    """Run one of the processes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("role", choices=("sender", "receiver"))
    parser.add_argument("frames", type=Path, nargs="?")
    options = parser.parse_args()
    rclpy.init()
    if options.role == "sender":
        send(options.frames)
    else:
        receive()


if __name__ == "__main__":
    main()
