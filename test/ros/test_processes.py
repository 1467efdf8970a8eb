"""Node and user in two processes: the usual case on a robot."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import pytest

pytest.importorskip("rclpy")
pytest.importorskip("metrichmsr_ros.msg")

from helpers.fake_pipeline import DEADLINE_S
from helpers.repository import ROOT, TESTS, environment
from helpers.ros_messages import make_image, make_info
from helpers.ros_testing import CameraDriver
from sensor_msgs.msg import Image
from tf2_msgs.msg import TFMessage

from metrichmsr_ros.msg import HumanMeshArray

FAKE_NODE = TESTS / "helpers" / "ros_fake_node.py"


@pytest.fixture
def process(ros):
    arguments = ["--ros-args", "-r", "image:=/cam/image_raw", "-r", "camera_info:=/cam/camera_info"]
    arguments += ["-p", "unique_ids:=false"]
    running = subprocess.Popen([sys.executable, FAKE_NODE, *arguments], env=environment(ROS_DOMAIN_ID=str(ros.domain)))
    yield running
    running.kill()
    running.wait()


def test_full_hd_goes_in_and_people_come_out_and_the_process_ends_cleanly(ros, process):
    camera = CameraDriver(ros, image="/cam/image_raw", camera_info="/cam/camera_info")
    humans, transforms = ros.hear("/perception/humans", HumanMeshArray), ros.hear("/tf", TFMessage)
    depth = ros.hear("/perception/depth/image", Image)
    sent, due = [], time.monotonic()

    def answered():
        nonlocal due
        if time.monotonic() >= due:  # as a camera does: the first may come before the listeners are known over there
            due = time.monotonic() + 0.1
            seconds = 1.0 + len(sent) / 30
            sent.append(make_image(seconds, width=1920, height=1080))
            camera.send(sent[-1], make_info(seconds, focal=1500.0, width=1920, height=1080))
        return len(humans) >= 5 and transforms and depth

    ros.until(answered, "results from the other process")
    headers = [image.header for image in sent]
    assert all(message.header in headers for message in humans)
    assert humans[0].humans[0].id == "a1"
    assert (depth[0].width, depth[0].height) == (1920, 1080)
    process.send_signal(signal.SIGTERM)  # as ros2 launch ends it
    assert process.wait(timeout=DEADLINE_S) == 0


def test_a_second_ctrl_c_does_not_interrupt_the_shutdown():
    """From the terminal, whose whole group gets it, and from launch; here also a third time, after rclpy's handler."""
    code = """
import os, signal, rclpy
from metrichmsr_ros.ros.process import EndSignals
signals = EndSignals()
signals.install()
rclpy.init()
try:
    with signals.raising():
        os.kill(os.getpid(), signal.SIGINT)
        signal.pause()
except KeyboardInterrupt:
    print("interrupted")
finally:
    os.kill(os.getpid(), signal.SIGINT)
    rclpy.try_shutdown()
    os.kill(os.getpid(), signal.SIGINT)
    print("tidied up")
"""
    done = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True)
    assert (done.stdout.split("\n")[:2], done.stderr, done.returncode) == (["interrupted", "tidied up"], "", 0)


def test_ctrl_c_while_libraries_load_ends_the_node_without_output(tmp_path):
    node = tmp_path / "metrichmsr_ros" / "ros" / "node.py"
    node.parent.mkdir(parents=True)
    node.write_text("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\nsignal.pause()\n")
    script = ROOT / "scripts" / "perception"
    environ = environment(PYTHONPATH=str(tmp_path))
    done = subprocess.run([sys.executable, script], env=environ, capture_output=True, text=True)
    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)


def test_ctrl_c_while_the_model_loads_ends_the_node_without_output(ros):
    code = """
import os, signal, sys, time
from metrichmsr_ros.ros import node
def load(settings):
    try:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(60)
    except KeyboardInterrupt:
        raise ImportError("initialization failed")  # as NumPy's own compiled modules do
node.load_pipeline = load
node.main(sys.argv)
"""
    environ = environment(ROS_DOMAIN_ID=str(ros.domain))
    done = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True)
    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)


def flood(ros, camera, humans, start):
    """A second of 120 Hz, then an image now and then, for best effort may lose the very last one, until answered."""
    sent, due = [], time.monotonic()

    def newest_is_answered():
        nonlocal due
        is_over = len(sent) >= 120
        if time.monotonic() >= due:
            due = time.monotonic() + (0.5 if is_over else 1 / 120)
            seconds = start + len(sent) / 120
            sent.append(make_image(seconds))
            camera.send(sent[-1], make_info(seconds))
        return is_over and humans and humans[-1].header == sent[-1].header

    ros.until(newest_is_answered, "an answer to the newest image")


def test_images_faster_than_the_pipeline_are_answered_in_order_up_to_the_newest(ros, process):
    humans = ros.hear("/perception/humans", HumanMeshArray)
    for start, reliable in ((1.0, True), (10.0, False)):
        camera = CameraDriver(ros, image="/cam/image_raw", camera_info="/cam/camera_info", reliable=reliable)
        flood(ros, camera, humans, start)
    stamps = [message.header.stamp.sec * 10**9 + message.header.stamp.nanosec for message in humans]
    assert stamps == sorted(set(stamps))
