"""What the launch files start, and with which arguments: the real launch, with programs that only take notes.

Skipped where only the wheels of PyPI are, which lack launch; run where ROS is whole.
"""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import pytest
import yaml
from helpers.repository import ROOT

pytest.importorskip("rclpy")
launch = pytest.importorskip("launch")
pytest.importorskip("launch_ros")

NOTE = '#!/bin/sh\nprintf "%s\\n" "$@" > "$NOTES/$(basename "$0")-$$"\n'


@pytest.fixture
def prefix(tmp_path, monkeypatch):
    """A place where ROS finds this package and RViz, and the shell `ros2`: stand-ins that note how they are called."""
    index = tmp_path / "share" / "ament_index" / "resource_index" / "packages"
    programs = [tmp_path / "lib" / "metrichmsr_ros" / "perception", tmp_path / "lib" / "rviz2" / "rviz2"]
    programs.append(tmp_path / "bin" / "ros2")
    for folder in (index, tmp_path / "notes", tmp_path / "share" / "metrichmsr_ros", *(p.parent for p in programs)):
        folder.mkdir(parents=True)
    for program in programs:
        program.write_text(NOTE)
        program.chmod(0o755)
    for package in ("metrichmsr_ros", "rviz2"):
        (index / package).touch()
    for folder in ("launch", "config"):
        (tmp_path / "share" / "metrichmsr_ros" / folder).symlink_to(ROOT / folder)
    monkeypatch.setenv("AMENT_PREFIX_PATH", f"{tmp_path}{os.pathsep}{os.environ.get('AMENT_PREFIX_PATH', '')}")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("NOTES", str(tmp_path / "notes"))
    return tmp_path


def run(name, *arguments):
    """Exit status of a launch file with arguments as on the command line, after all that it started has ended."""
    spec = importlib.util.spec_from_file_location(f"{name}_launch", ROOT / "launch" / f"{name}.launch.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    source = launch.LaunchDescriptionSource(module.generate_launch_description())
    given = [tuple(argument.split(":=", 1)) for argument in arguments]
    service = launch.LaunchService(noninteractive=True)
    service.include_launch_description(
        launch.LaunchDescription([launch.actions.IncludeLaunchDescription(source, launch_arguments=given)])
    )
    return service.run()


def started(prefix, name, *arguments):
    """(program, its arguments) of all that a launch file starts, the programs in order of the alphabet."""
    assert run(name, *arguments) == 0
    notes = sorted((prefix / "notes").iterdir())
    return [(note.name.split("-")[0], note.read_text().splitlines()) for note in notes]


def parameters(words):
    """All parameters that a node was given in files, the last one's word counting."""
    files = [words[i + 1] for i, word in enumerate(words) if word == "--params-file"]
    found = {}
    for file in files:
        for node in yaml.safe_load(Path(file).read_text()).values():
            found |= node["ros__parameters"]
    return found


def test_the_must_show_command_starts_one_node_on_those_topics(prefix):
    topics = ("image:=/cam/image_raw", "camera_info:=/cam/camera_info")
    [(program, words)] = started(prefix, "perception", *topics)
    assert program == "perception"
    assert {*topics, "__node:=perception", "depth:=depth", "detections:=detections"} <= set(words)
    assert parameters(words)["use_sim_time"] is False
    assert parameters(words)["preset"] == "embedded"  # of config/perception.yaml


def test_arguments_become_parameters_of_the_types_that_the_node_declares(prefix):
    given = [
        "image_rectified:=true",
        "id_prefix:=7",
        "ground_frame:=0",
        "max_age:=1",
        "num_threads:=3",
        "device:=cuda:1",
    ]
    [(_, words)] = started(prefix, "perception", *given, "use_sim_time:=true", "autostart:=false", "log_level:=debug")
    found = parameters(words)
    expected = {"id_prefix": "7", "ground_frame": "0", "max_age": 1.0, "num_threads": 3, "device": "cuda:1"}
    expected |= {"image_rectified": True, "use_sim_time": True, "autostart": False}
    for name, value in expected.items():
        assert (type(found[name]), found[name]) == (type(value), value), name
    assert words[words.index("--log-level") + 1] == "debug"


@pytest.mark.parametrize(
    ("arguments", "frame"),
    [([], "map"), (["ground_frame:=base"], "base"), (["ground_frame:=base", "rviz_frame:=odom"], "odom")],
)
def test_rviz_looks_from_a_frame_that_exists_and_at_the_node_by_any_name(prefix, arguments, frame):
    asked = ["rviz:=true", "name:=eyes", "namespace:=left", "use_sim_time:=true", *arguments]
    (_, node), (program, words) = started(prefix, "perception", *asked)
    assert program == "rviz2"
    assert words[words.index("-f") + 1] == frame
    assert Path(words[words.index("-d") + 1]).is_file()
    assert {"__ns:=/left", "perception/overlay:=eyes/overlay", "perception/depth/image:=eyes/depth/image"} <= set(words)
    assert parameters(words)["use_sim_time"] is True
    assert {"__ns:=/left", "__node:=eyes"} <= set(node)


def test_several_cameras_share_neither_topics_nor_ids(prefix):
    nodes = started(prefix, "cameras", "cameras:=left, right", "ground_frame:=base_link")
    by_namespace = {next(w for w in words if w.startswith("__ns:=")): words for _, words in nodes}
    assert by_namespace.keys() == {"__ns:=/left", "__ns:=/right"}
    for side in ("left", "right"):
        words = by_namespace[f"__ns:=/{side}"]
        assert {f"image:=/{side}/image_raw", f"camera_info:=/{side}/camera_info"} <= set(words)
        assert parameters(words)["id_prefix"] == f"{side}_"
        assert parameters(words)["ground_frame"] == "base_link"


@pytest.mark.parametrize(("loop", "expected"), [("true", "--loop"), ("false", "--delay")])
def test_the_demo_plays_its_bag_by_the_bags_clock(prefix, loop, expected):
    bag = prefix / "sequence"
    bag.mkdir()
    (bag / "metadata.yaml").touch()
    (_, node), (program, words) = started(prefix, "demo", f"bag:={bag}", "rviz:=false", f"loop:={loop}", "rate:=0.5")
    assert (program, words[:3]) == ("ros2", ["bag", "play", str(bag)])
    assert {"--clock", expected} <= set(words)
    assert words[words.index("--rate") + 1] == "0.5"
    assert (parameters(node)["use_sim_time"], parameters(node)["ground_frame"]) == (True, "world")


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("demo", ["bag:=nowhere", "rviz:=false"], "make it with `metrichmsr demo`"),
        ("cameras", ["cameras:=left,left"], "none of them twice"),
        ("cameras", [], "missing required argument 'cameras'"),
        ("replay", [], "missing required argument 'bag'"),
        ("perception", ["params_file:=/no/such.yaml"], "there is no such file"),
    ],
)
def test_wrong_arguments_are_told(prefix, name, arguments, said, caplog):
    assert run(name, *arguments) != 0
    assert said in caplog.text
    assert not list((prefix / "notes").iterdir())
