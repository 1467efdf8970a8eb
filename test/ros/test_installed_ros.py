"""Tests that need launch or tf2_ros, which the wheels of PyPI lack: skipped there, run where ROS is sourced."""

from __future__ import annotations

import importlib.util
import json
import re

import pytest

pytest.importorskip("rclpy")
pytest.importorskip("metrichmsr_ros.msg")

from helpers.fake_pipeline import FakePipeline, make_person
from helpers.repository import ROOT
from helpers.ros_messages import FRAME, make_header
from helpers.ros_testing import CameraDriver, Ros, free_domain

PROMISED = {
    "perception": {
        "image", "camera_info", "depth", "detections", "namespace", "params_file", "preset", "device", "use_sim_time",
        "rviz", "log_level", "ground_frame", "id_prefix",
    },
    "cameras": {"cameras", "image", "camera_info", "params_file", "device"},
    "demo": {"bag", "rate", "loop", "rviz", "ground_frame"},
    "rectified": {"camera", "use_sim_time"},
    "replay": {"bag", "out"},
}  # fmt: skip


def launch_description(name):
    pytest.importorskip("launch")
    pytest.importorskip("launch_ros")
    spec = importlib.util.spec_from_file_location(f"{name}_launch", ROOT / "launch" / f"{name}.launch.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.generate_launch_description()


@pytest.mark.parametrize("name", PROMISED)
def test_every_argument_is_shown_and_described(name):
    arguments = {argument.name: argument for argument in launch_description(name).get_launch_arguments()}
    assert arguments.keys() >= PROMISED[name]
    assert all(argument.description for argument in arguments.values())


def test_the_layouts_name_topics_of_the_node_only():
    layout = json.loads((ROOT / "config" / "foxglove" / "perception.json").read_text())
    panels = layout["configById"]

    def leaves(part):
        return [part] if isinstance(part, str) else leaves(part["first"]) + leaves(part["second"])

    assert sorted(leaves(layout["layout"])) == sorted(panels)
    text = json.dumps(panels) + (ROOT / "config" / "rviz" / "perception.rviz").read_text()
    named = {topic.rstrip("/") for topic in re.findall(r"perception/([a-z_/]+)", text)}
    with free_domain() as domain:
        ros = Ros(domain)
        ros.perception(FakePipeline())
        published = {name for name, _ in ros.node.get_topic_names_and_types()}
        ros.close()
    assert {f"/perception/{name}" for name in named} <= published


def test_every_parameter_of_the_yaml_is_one_of_the_node():
    import yaml

    from metrichmsr_ros.ros.parameters import Settings

    text = (ROOT / "config" / "perception.yaml").read_text()
    values = yaml.safe_load(text)["/**"]["ros__parameters"]
    assert values.keys() == Settings.__dataclass_fields__.keys()


def test_tf2_finds_people_at_the_time_of_their_image():
    tf2_ros = pytest.importorskip("tf2_ros")
    with free_domain() as domain:
        ros = Ros(domain)
        person = make_person()
        ros.perception(FakePipeline([person]), parameters={"tf_keeps_awake": True})
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
