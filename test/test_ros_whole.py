"""With the whole of ROS 2 (launch, tf2_ros), which the wheels of PyPI lack: skipped there, run where ROS is sourced."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

pytest.importorskip("rclpy")
pytest.importorskip("metrichmsr_ros.msg")

from ros_testing import FRAME, CameraDriver, FakePipeline, Ros, free_domain, make_header, make_person

LAUNCH_FILE = Path(__file__).resolve().parent.parent / "launch" / "perception.launch.py"
PROMISED = {"image", "camera_info", "namespace", "params_file", "preset", "device", "use_sim_time", "rviz", "log_level"}


def launch_description():
    pytest.importorskip("launch")
    pytest.importorskip("launch_ros")
    spec = importlib.util.spec_from_file_location("perception_launch", LAUNCH_FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.generate_launch_description()


def test_every_argument_is_shown_and_described():
    arguments = {argument.name: argument for argument in launch_description().get_launch_arguments()}
    assert arguments.keys() >= PROMISED
    assert all(argument.description for argument in arguments.values())


def test_every_parameter_of_the_yaml_is_one_of_the_node():
    import yaml

    from metrichmsr_ros.ros.parameters import Settings

    text = (LAUNCH_FILE.parent.parent / "config" / "perception.yaml").read_text()
    values = yaml.safe_load(text)["/**"]["ros__parameters"]
    assert values.keys() == Settings.__dataclass_fields__.keys()


def test_tf2_finds_people_at_the_time_of_their_image():
    tf2_ros = pytest.importorskip("tf2_ros")
    with free_domain() as domain:
        ros = Ros(domain)
        person = make_person()
        ros.perception(FakePipeline([person]))
        buffer = tf2_ros.Buffer()
        listener = tf2_ros.TransformListener(buffer, ros.node)
        CameraDriver(ros).send_good(7.25)
        stamp = make_header(7.25).stamp
        ros.until(lambda: buffer.can_transform(FRAME, "body_a1", stamp), "the transform")
        found = buffer.lookup_transform(FRAME, "body_a1", stamp).transform.translation
        hips = person.joints_cam[1:3].mean(axis=0)
        assert [found.x, found.y, found.z] == pytest.approx(hips.tolist(), abs=1e-6)
        listener.unregister()
        ros.close()
