"""The program `follow` as a process: people of another process in, the frame out; the perception node ends."""

from __future__ import annotations

import signal

import numpy as np
import pytest

pytest.importorskip("rclpy")
pytest.importorskip("metrichmsr_ros.msg")

from helpers.fake_pipeline import DEADLINE_S
from helpers.fused_messages import POSES, walker_at
from helpers.repository import ROOT, TESTS
from helpers.ros_messages import seconds_of
from std_msgs.msg import String
from tf2_msgs.msg import TFMessage

CAMERA = TESTS / "helpers" / "ros_camera_of_people.py"


def test_the_frame_follows_a_walker_and_ends_with_the_camera(ros, start):
    remap = ["-r", "humans:=/south/perception/humans", "-p", "choose_distance:=9.0", "-p", "choose_angle:=1.5"]
    follow = start(ROOT / "scripts" / "follow", "--ros-args", *remap)
    camera = start(CAMERA, "south")
    statuses = ros.hear("/follow/status", String, latched=True)
    heard = ros.hear("/tf", TFMessage)

    def frames():
        return [t for message in heard for t in message.transforms if t.child_frame_id == "followed_person"]

    def error(frame):
        place, camera = frame.transform.translation, POSES["south"][:3, 3]
        seen = camera + 1.1 * (walker_at(seconds_of(frame)) - camera)  # the camera sees the walker so much too far
        return np.linalg.norm([place.x, place.y] - seen[:2])

    ros.until(lambda: len(frames()) > 20 and max(map(error, frames()[-5:])) < 0.15, "frames at the walker's place")
    assert statuses[-1].data == "following"
    camera.kill()
    camera.wait()
    ros.until(lambda: statuses[-1].data == "lost", "the loss")
    count = len(frames())
    ros.settle(20)
    assert len(frames()) == count
    follow.send_signal(signal.SIGTERM)
    assert follow.wait(timeout=DEADLINE_S) == 0
