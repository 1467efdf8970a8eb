"""Mistakes of users are reported with the name, the value and the remedy, and the node goes on."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

pytest.importorskip("rclpy")
pytest.importorskip("metrichmsr_ros.msg")

import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from helpers.fake_pipeline import FakePipeline
from helpers.repository import ROOT
from helpers.ros_messages import make_image
from helpers.ros_testing import CameraDriver
from rclpy.qos import QoSProfile, ReliabilityPolicy, qos_profile_sensor_data
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from metrichmsr_ros.msg import HumanMeshArray
from metrichmsr_ros.ros import diagnostics
from metrichmsr_ros.ros import node as perception
from metrichmsr_ros.ros.graph_hints import elsewhere, misspelt
from metrichmsr_ros.ros.node import PerceptionNode
from metrichmsr_ros.ros.parameters import FORMER_NAMES, PARAMETERS


def until_told(ros, reports, words, status=0):
    """The report that says `words`."""
    ros.until(lambda: any(words in report.status[status].message for report in reports), words)
    return next(report.status[status] for report in reports if words in report.status[status].message)


def test_a_camera_on_another_topic_is_named(ros, monkeypatch):
    monkeypatch.setattr(diagnostics, "SILENT_AFTER_S", 0.1)
    ros.node.create_publisher(Image, "/cam/image_raw", 1)
    ros.perception(FakePipeline())
    reports = ros.hear("/diagnostics", DiagnosticArray)
    status = until_told(ros, reports, "remap image to one of /cam/image_raw")
    assert status.level == DiagnosticStatus.STALE
    assert "/image" in status.message
    assert "overlay" not in status.message


RAW, COMPRESSED = "/cam/image_raw", "/cam/image_raw/compressed"
AS_COMPRESSED = "set image_transport to compressed and image to "


@pytest.mark.parametrize(
    ("topic", "transport", "published", "told"),
    [
        (COMPRESSED, "raw", {COMPRESSED: CompressedImage}, AS_COMPRESSED + RAW),
        (RAW, "raw", {COMPRESSED: CompressedImage}, AS_COMPRESSED + RAW),
        (RAW, "raw", {COMPRESSED: CompressedImage, "/other/image": Image}, AS_COMPRESSED + RAW),
        ("/image", "raw", {COMPRESSED: CompressedImage}, f"{AS_COMPRESSED}one of {RAW}"),
        ("/image", "raw", {RAW: Image, COMPRESSED: CompressedImage}, f"remap image to one of {RAW}"),
        (COMPRESSED, "compressed", {RAW: Image}, f"set image_transport to raw and image to {RAW}"),
        (f"{COMPRESSED}/compressed", "compressed", {COMPRESSED: CompressedImage}, f"remap image to one of {RAW}"),
    ],
)
def test_an_image_by_another_transport_is_found(ros, topic, transport, published, told):
    for name, kind in published.items():
        ros.node.create_publisher(kind, name, 1)
    listener = rclpy.create_node("listener", context=ros.context)
    kinds = ["sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage"]
    ros.until(lambda: all(listener.count_publishers(name) for name in published), "publishers")
    said = elsewhere(listener, topic, "image", kinds if transport == "raw" else kinds[::-1])
    listener.destroy_node()
    assert said.endswith(f"; {told}")


def test_the_node_tells_the_transport_to_set(ros, monkeypatch):
    monkeypatch.setattr(diagnostics, "SILENT_AFTER_S", 0.1)
    ros.node.create_publisher(Image, RAW, 1)
    remap = ["--ros-args", "-r", f"image:={RAW}"]
    ros.perception(FakePipeline(), parameters={"image_transport": "compressed"}, cli_args=remap)
    reports = ros.hear("/diagnostics", DiagnosticArray)
    until_told(ros, reports, f"set image_transport to raw and image to {RAW}")


def test_a_topic_of_another_type_is_told(ros):
    for name, kind in {"/camera_info": Image, "/cam/camera_info": CameraInfo}.items():
        ros.node.create_publisher(kind, name, 1)
    listener = rclpy.create_node("listener", context=ros.context)
    ros.until(lambda: all(map(listener.count_publishers, ("/camera_info", "/cam/camera_info"))), "publishers")
    said = elsewhere(listener, "/camera_info", "camera_info", ["sensor_msgs/msg/CameraInfo"])
    listener.destroy_node()
    assert said == (
        "it has the type sensor_msgs/msg/Image, not sensor_msgs/msg/CameraInfo; "
        "remap camera_info to one of /cam/camera_info"
    )


def test_a_missing_and_a_silent_camera_are_reported(ros, monkeypatch):
    monkeypatch.setattr(diagnostics, "SILENT_AFTER_S", 0.1)
    ros.perception(FakePipeline())
    reports = ros.hear("/diagnostics", DiagnosticArray)
    until_told(ros, reports, "check that the driver runs")
    CameraDriver(ros)
    until_told(ros, reports, "its publisher is silent")


def test_the_topic_of_a_missing_camera_info_is_named(ros):
    node = ros.perception(FakePipeline())
    ros.hear("/perception/humans", HumanMeshArray)
    reports = ros.hear("/diagnostics", DiagnosticArray)
    camera = CameraDriver(ros)
    camera.send(make_image(1.0))
    ros.until(lambda: node.statistics.drops["no camera_info"], "the drop")
    status = until_told(ros, reports, "no camera_info")
    (told,) = (pair.value for pair in status.values if pair.key == "last problem")
    assert told == "no CameraInfo received on /camera_info: its publisher is silent"


@pytest.mark.parametrize("reliable", [True, False])
def test_messages_of_a_best_effort_publisher_may_be_lost(ros, reliable):
    reliability = ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT
    ros.node.create_publisher(CameraInfo, "/camera_info", QoSProfile(depth=1, reliability=reliability))
    listener = rclpy.create_node("listener", context=ros.context)
    ros.until(lambda: listener.count_publishers("/camera_info"), "the publisher")
    said = elsewhere(listener, "/camera_info", "camera_info", ["sensor_msgs/msg/CameraInfo"])
    listener.destroy_node()
    assert said.startswith("its publisher is silent")
    assert ("large_images.md" in said) != reliable


def test_two_nodes_of_one_name_are_reported(ros):
    ros.perception(FakePipeline())
    ros.perception(FakePipeline())
    reports = ros.hear("/diagnostics", DiagnosticArray)
    status = until_told(ros, reports, "more nodes are called /perception", status=1)
    assert status.level == DiagnosticStatus.WARN


def test_a_model_that_cannot_be_loaded_is_an_error_until_it_can(ros):
    failures = [FileNotFoundError("weights are not fetched; run `metrichmsr setup`")]

    def load(settings):
        if failures:
            raise failures.pop()
        return FakePipeline()

    node = PerceptionNode(load, context=ros.context)
    ros.executor.add_node(node)
    ros.nodes.append(node)
    reports = ros.hear("/diagnostics", DiagnosticArray)
    status = until_told(ros, reports, "run `metrichmsr setup`", status=1)
    assert (status.level, node.state) == (DiagnosticStatus.ERROR, "unconfigured")
    reports.clear()
    node.trigger_configure()
    node.trigger_activate()
    ros.until(lambda: len(reports) >= 2, "reports afterwards")
    assert reports[-1].status[1].level != DiagnosticStatus.ERROR


def test_stamps_that_jump_back_are_reported(ros):
    node, told = ros.perception(FakePipeline()), []
    node.statistics._tell = told.append
    humans, camera = ros.hear("/perception/humans", HumanMeshArray), CameraDriver(ros)
    for count, seconds in enumerate((100.0, 90.0), start=1):
        camera.send_good(seconds)
        ros.until(lambda want=count: len(humans) == want, "a result")
    assert told == ["image stamps jumped by -10.00 s: everybody is forgotten and found anew"]


def test_misspelt_parameters_are_reported():
    known = {"ground_frame", "use_sim_time", "preset"}
    given = ["grund_frame", "use_sim_time", "qos_overrides./image.subscription.depth", "wholly_other"]
    assert misspelt(given, known, {}) == [
        "there is no parameter grund_frame; did you mean ground_frame?",
        "there is no parameter wholly_other",
    ]


def test_a_parameter_of_an_earlier_version_is_answered_with_its_name_of_today():
    assert misspelt(["looks"], PARAMETERS, FORMER_NAMES) == [
        "there is no parameter looks; it is called test_time_augmentation now"
    ]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("image_transport:=theora", "image_transport is 'theora'; choose one of raw, compressed"),
        ("num_threads:=0", "num_threads is 0; choose an integer from 1 to 64"),
        ("num_threads:=2.5", "num_threads is 2.5; choose an integer from 1 to 64"),
        ("min_confidence:=high", "min_confidence is 'high'; choose a number from 0 to 1"),
        ("max_age:=.nan", "max_age is nan; choose a number from 0 to 60 s"),
        ("lazy:=1", "lazy is 1; choose true or false"),
        ("id_prefix:=yes", "id_prefix is true; YAML reads it as a boolean: put it in quotes"),
        ("device:=[cpu]", "device is ['cpu']; give a text"),
        ("use_sim_time:=1", "use_sim_time"),
    ],
)
def test_a_wrong_value_at_the_start_ends_in_one_line(given, words):
    with pytest.raises(SystemExit, match=re.escape(words)) as ended:
        perception.main(["perception", "--ros-args", "-p", given])
    assert "\n" not in str(ended.value)


@pytest.mark.parametrize("arguments", [["--params-file", "/no/such.yaml"], ["-p", "x"], ["--log-level", "loud"]])
def test_arguments_that_ros_cannot_read_end_in_one_line(arguments):
    with pytest.raises(SystemExit, match=re.escape(" ".join(arguments))) as ended:
        perception.main(["perception", "--ros-args", *arguments])
    assert "\n" not in str(ended.value)


def test_a_parameter_file_that_is_no_yaml_ends_in_one_line(tmp_path):
    path = tmp_path / "perception.yaml"
    path.write_text("/**: [1\n")
    with pytest.raises(SystemExit, match=re.escape(str(path))) as ended:
        perception.main(["perception", "--ros-args", "--params-file", str(path)])
    assert "\n" not in str(ended.value)


@pytest.mark.parametrize("name", ["perception", "metrichmsr"])
def test_a_forgotten_environment_is_told(name):
    """Python without site-packages, as the system's is while the virtual environment is not active."""
    command = [sys.executable, "-S", str(ROOT / "scripts" / name)]
    ended = subprocess.run(command, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True)
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"{name}: {sys.executable} has no package ")
    assert "activate the virtual environment" in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_several_publishers_of_the_image_topic_are_warned_of(ros):
    node = ros.perception(FakePipeline())
    told = []
    logger = node.get_logger()
    node.get_logger = lambda: type(
        "Log", (), {"warning": lambda _, text, **__: told.append(text), "info": logger.info}
    )()
    cameras = [ros.node.create_publisher(Image, "image", 1) for _ in range(3)]
    ros.until(lambda: any("3 publishers on /image: if they are several cameras" in text for text in told), "a warning")
    assert len(cameras) == 3


def test_a_best_effort_camera_that_the_parameters_exclude_is_the_reason_for_silence(ros, monkeypatch):
    monkeypatch.setattr(diagnostics, "SILENT_AFTER_S", 0.1)
    ros.perception(FakePipeline(), parameters={"image_reliability": "reliable"})
    reports = ros.hear("/diagnostics", DiagnosticArray)
    camera = ros.node.create_publisher(Image, "image", qos_profile_sensor_data)
    status = until_told(ros, reports, "publishes best effort, volatile, this node subscribes reliable, volatile")
    assert status.level == DiagnosticStatus.STALE
    assert "set image_reliability to auto" in status.message
    ros.node.destroy_publisher(camera)


@pytest.mark.parametrize(
    "place", [{"ROS_LOG_DIR": "/proc/none"}, {"HOME": "/proc/none", "ROS_LOG_DIR": "", "ROS_HOME": ""}]
)
def test_a_log_folder_that_cannot_be_made_names_the_variable(place):
    done = subprocess.run(
        [sys.executable, "-m", "metrichmsr_ros.ros.node", "--ros-args", "-p", "autostart:=false"],
        env={**os.environ, **place},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode != 0
    (line,) = done.stderr.strip().splitlines()
    assert "/proc/none" in line
    assert "set ROS_LOG_DIR" in line
