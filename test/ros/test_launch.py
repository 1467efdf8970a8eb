"""What the launch files start, and with which arguments: the real launch, with programs that only take notes.

Skipped where only the wheels of PyPI are, which lack launch; run where ROS is whole.
"""

from __future__ import annotations

import importlib.util
import os
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from helpers.repository import ROOT

from metrichmsr_ros.ros.following.parameters import FOLLOW_PARAMETERS
from metrichmsr_ros.ros.fusion.parameters import FUSION_PARAMETERS
from metrichmsr_ros.ros.parameters import PARAMETERS

pytest.importorskip("rclpy")
launch = pytest.importorskip("launch")
pytest.importorskip("launch_ros")

NOTE = '#!/bin/sh\nprintf "%s\\n" "$@" > "$NOTES/$(basename "$0")-$$"\n'


@pytest.fixture
def prefix(tmp_path, monkeypatch):
    """A place where ROS finds this package and RViz, and the shell `ros2`: stand-ins that note how they are called."""
    index = tmp_path / "share" / "ament_index" / "resource_index" / "packages"
    own = tmp_path / "lib" / "metrichmsr_ros"
    programs = [own / "perception", own / "fusion", own / "follow", own / "metrichmsr"]
    programs += [tmp_path / "lib" / "rviz2" / "rviz2", tmp_path / "bin" / "ros2"]
    programs.append(tmp_path / "lib" / "rclcpp_components" / "component_container")
    for folder in (index, tmp_path / "notes", tmp_path / "share" / "metrichmsr_ros", *(p.parent for p in programs)):
        folder.mkdir(parents=True, exist_ok=True)
    for program in programs:
        program.write_text(NOTE)
        program.chmod(0o755)
    for package in ("metrichmsr_ros", "rviz2", "rclcpp_components", "image_proc"):
        (index / package).touch()
    for folder in ("launch", "config"):
        (tmp_path / "share" / "metrichmsr_ros" / folder).symlink_to(ROOT / folder)
    monkeypatch.setenv("AMENT_PREFIX_PATH", f"{tmp_path}{os.pathsep}{os.environ.get('AMENT_PREFIX_PATH', '')}")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("NOTES", str(tmp_path / "notes"))
    return tmp_path


def description(name):
    """What a launch file of this package describes."""
    spec = importlib.util.spec_from_file_location(f"{name}_launch", ROOT / "launch" / f"{name}.launch.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.generate_launch_description()


def run(name, *arguments, also=()):
    """Exit status of a launch file with arguments as on the command line, after all that it started has ended."""
    source = launch.LaunchDescriptionSource(description(name))
    given = [tuple(argument.split(":=", 1)) for argument in arguments]
    service = launch.LaunchService(noninteractive=True)
    service.include_launch_description(
        launch.LaunchDescription([*also, launch.actions.IncludeLaunchDescription(source, launch_arguments=given)])
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


def test_launch_starts_one_node_on_the_given_topics(prefix):
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
    expected |= {"image_rectified": "true", "use_sim_time": True, "autostart": False}
    for name, value in expected.items():
        assert (type(found[name]), found[name]) == (type(value), value), name
    assert words[words.index("--log-level") + 1] == "debug"


@pytest.mark.parametrize(
    ("name", "own"),
    [
        ("perception", set()),
        ("cameras", {"id_prefix"}),
        (
            "demo",
            {"image_transport", "image_rectified", "use_depth", "detections_class", "detections_min_score"},
        ),
        ("rectified", {"image_rectified", "image_transport"}),
    ],
)
def test_every_parameter_is_an_argument_but_those_that_the_file_sets(prefix, name, own):
    shown = {argument.name: argument for argument in description(name).get_launch_arguments()}
    assert PARAMETERS.keys() - shown.keys() == own
    for parameter in PARAMETERS.keys() - own:
        spec, argument = PARAMETERS[parameter], shown[parameter]
        assert spec.text in argument.description
        assert argument.choices == (["", *spec.choices] if spec.choices else None)


@pytest.mark.parametrize(
    ("name", "without_effect"),
    [
        ("demo", {"image", "camera_info", "use_sim_time"}),
        ("rectified", {"image", "camera_info"}),
        ("cameras", {"namespace", "rviz"}),
    ],
)
def test_arguments_without_effect_are_not_shown(prefix, name, without_effect):
    assert not without_effect & {argument.name for argument in description(name).get_launch_arguments()}


def test_the_rectified_chain_forwards_what_it_shows(prefix):
    def ended(event, context):  # the stand-in of the container never answers, and launch would wait for it
        seen = "perception" in event.process_name
        return [launch.actions.EmitEvent(event=launch.events.Shutdown(reason="seen"))] if seen else []

    given = ["camera:=/cam", "max_age:=2", "namespace:=left", "depth:=/cam/depth"]
    run(
        "rectified",
        *given,
        also=[launch.actions.RegisterEventHandler(launch.event_handlers.OnProcessExit(on_exit=ended))],
    )
    (note,) = (prefix / "notes").glob("perception-*")
    words = note.read_text().splitlines()
    assert {"image:=/cam/image_rect", "camera_info:=/cam/camera_info", "depth:=/cam/depth", "__ns:=/left"} <= set(words)
    assert (parameters(words)["max_age"], parameters(words)["image_rectified"]) == (2.0, "true")


@pytest.mark.parametrize(
    ("name", "arguments", "gone", "said"),
    [
        ("perception", ["rviz:=true"], "rviz2", "package rviz2 is not installed: install ros-$ROS_DISTRO-rviz2"),
        ("demo", ["bag:={prefix}"], "rviz2", "package rviz2 is not installed"),
        ("rectified", [], "image_proc", "package image_proc is not installed: install ros-$ROS_DISTRO-image-proc"),
        ("rectified", [], "rclcpp_components", "package rclcpp_components is not installed"),
        ("rectified", ["params_file:=/no/such.yaml"], "", "which is not a file"),
        ("rectified", ["rviz:=true"], "rviz2", "package rviz2 is not installed"),
    ],
)
def test_a_part_that_is_missing_is_named_before_anything_is_started(
    prefix, monkeypatch, name, arguments, gone, said, caplog
):
    monkeypatch.setenv("AMENT_PREFIX_PATH", str(prefix))
    (prefix / "metadata.yaml").touch()
    for entry in (prefix / "share" / "ament_index" / "resource_index" / "packages").glob(gone or "-"):
        entry.unlink()
    assert run(name, *(argument.format(prefix=prefix) for argument in arguments)) != 0
    assert said in caplog.text
    assert not list((prefix / "notes").iterdir())


def test_a_program_that_is_missing_is_named_before_anything_is_started(prefix, caplog):
    (prefix / "lib" / "rviz2" / "rviz2").unlink()
    assert run("perception", "rviz:=true") != 0
    assert "package rviz2 has no program rviz2" in caplog.text
    assert not list((prefix / "notes").iterdir())


def test_the_demo_ends_when_its_player_fails(prefix):
    (prefix / "metadata.yaml").touch()
    (prefix / "bin" / "ros2").write_text("#!/bin/sh\nexit 2\n")  # as without `ros2 bag`
    node = prefix / "lib" / "metrichmsr_ros" / "perception"
    node.write_text("#!/bin/sh\nwhile :; do sleep 0.1; done\n")
    ended = []

    def note(event, context):
        ended.append(event.process_name.split("-")[0])

    watch = launch.actions.RegisterEventHandler(launch.event_handlers.OnProcessExit(on_exit=note))
    run("demo", f"bag:={prefix}", "rviz:=false", also=[watch])
    assert ended == ["ros2_bag_play", "perception"]


def test_options_of_a_replay_are_handed_on_when_given(prefix):
    given = ["bag:=monday", "fov:=60", "test_time_augmentation:=flip", "use_floor:=false", "use_depth:=true"]
    [(program, words)] = started(prefix, "replay", *given, "ground_frame:=7")
    assert (program, words[:4]) == ("metrichmsr", ["replay", "monday", "--out", "replay"])
    pairs = dict(pairwise(words))
    expected = {"--fov": "60", "--test-time-augmentation": "flip", "--ground-frame": "7"}
    assert {name: pairs[name] for name in expected} == expected
    assert len(words) == 4 + 2 * len(expected) + len({"--no-use-floor", "--use-depth"} & set(words))
    assert {"--no-use-floor", "--use-depth"} <= set(words)


@pytest.mark.parametrize("arguments", [["perception"], ["follow", "perception:=true"]])
def test_a_perception_node_that_ends_is_started_again_on_request(prefix, arguments):
    starts = []

    def count(event, context):
        starts.append(event.process_name.split("-")[0])
        is_seen = starts.count("perception") == 2 or len(starts) > 6
        return [launch.actions.EmitEvent(event=launch.events.Shutdown(reason="seen"))] if is_seen else []

    watch = launch.actions.RegisterEventHandler(launch.event_handlers.OnProcessStart(on_start=count))
    run(*arguments, "respawn:=true", also=[watch])
    assert starts.count("perception") == 2


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


def test_fusion_starts_its_node_with_its_parameters(prefix):
    given = ("cameras:=left,right", "fixed_frame:=map", "tf_timeout:=1", "namespace:=robot")
    [(program, words)] = started(prefix, "fusion", *given)
    assert program == "fusion"
    assert {"__node:=fusion", "__ns:=/robot"} <= set(words)
    found = parameters(words)
    assert (found["cameras"], found["fixed_frame"], found["tf_timeout"]) == ("left,right", "map", 1.0)
    assert found["humans_topic"] == "perception/humans"  # of config/fusion.yaml


def test_every_parameter_of_fusion_is_an_argument(prefix):
    shown = {argument.name: argument for argument in description("fusion").get_launch_arguments()}
    assert FUSION_PARAMETERS.keys() <= shown.keys()


def test_follow_attaches_to_a_running_node(prefix):
    given = ("humans:=/fusion/humans", "goal:=/goal_update", "fixed_frame:=map", "distance:=2")
    [(program, words)] = started(prefix, "follow", *given)
    assert program == "follow"
    assert {"humans:=/fusion/humans", "~/goal:=/goal_update", "__node:=follow"} <= set(words)
    found = parameters(words)
    assert (found["fixed_frame"], found["distance"]) == ("map", 2.0)
    assert found["choose"] == "nearest"  # of config/follow.yaml


def test_follow_starts_perception_on_request_without_sharing_parameters(prefix):
    given = ("perception:=true", "image:=/cam/image_raw", "fixed_frame:=map", "min_confidence:=0.7", "namespace:=robot")
    (_, follow), (program, words) = started(prefix, "follow", *given)
    assert program == "perception"
    assert {"image:=/cam/image_raw", "__ns:=/robot", "__node:=perception"} <= set(words)
    assert {"humans:=perception/humans", "__ns:=/robot", "__node:=follow"} <= set(follow)
    assert parameters(follow)["min_confidence"] == 0.7
    found = parameters(words)
    assert (found["fixed_frame"], found["min_confidence"], found["preset"]) == ("", 0.0, "embedded")


def test_every_parameter_of_follow_is_an_argument(prefix):
    shown = {argument.name: argument for argument in description("follow").get_launch_arguments()}
    assert FOLLOW_PARAMETERS.keys() <= shown.keys()


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
        ("perception", ["params_file:=/no/such.yaml"], "/no/such.yaml, which is not a file; pass a YAML file"),
        ("perception", ["num_threads:=0"], "parameter num_threads is '0'; choose an integer from 1 to 64"),
        ("perception", ["max_age:=old"], "parameter max_age is 'old'; choose a number from 0 to 60 s"),
        ("perception", ["lazy:=maybe"], "parameter lazy is 'maybe'; choose true or false"),
        ("perception", ["use_sim_time:=maybe"], "use_sim_time is 'maybe'; choose true or false"),
        ("perception", ["rviz:=maybe"], "rviz is 'maybe'; choose true or false"),
        ("perception", ["looks:=all"], "there is no argument looks; it is called test_time_augmentation now"),
        ("perception", ["image_transport:=theora"], "['', 'raw', 'compressed']"),
        ("cameras", ["cameras:=left,right", "points_stride:=65"], "parameter points_stride is '65'"),
        ("replay", ["bag:=monday", "num_threads:=two"], "parameter num_threads is 'two'"),
    ],
)
def test_wrong_arguments_are_named(prefix, name, arguments, said, caplog):
    assert run(name, *arguments) != 0
    assert said in caplog.text
    assert not list((prefix / "notes").iterdir())
