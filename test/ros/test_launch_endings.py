"""Whatever is missing and whenever it is interrupted, no process outlives its launch: the real `ros2 launch`.

Skipped where launch, ros2cli or the installed package is missing; run where ROS is whole and the workspace is sourced.
"""

from __future__ import annotations

import importlib.util
import os
import random
import shutil
import signal
import time
from pathlib import Path

import pytest

pytest.importorskip("rclpy")
pytest.importorskip("launch")
pytest.importorskip("launch_ros")

from helpers.fetched_networks import skip_without_blazepose
from helpers.recorded_bags import Recipe, write_bag
from helpers.repository import ROOT
from helpers.ros_testing import free_domain
from helpers.watched_process import WatchedProcess, wait_until_empty

if shutil.which("ros2") is None or importlib.util.find_spec("ros2launch") is None:
    pytest.skip("`ros2 launch` is not installed", allow_module_level=True)
skip_without_blazepose()


@pytest.fixture(scope="module")
def prefix(tmp_path_factory):
    """An installation that consists of this source tree: launch files, configuration and the two programs."""
    root = tmp_path_factory.mktemp("prefix")
    share, lib = root / "share" / "metrichmsr_ros", root / "lib" / "metrichmsr_ros"
    index = root / "share" / "ament_index" / "resource_index" / "packages"
    for folder in (share, lib, index):
        folder.mkdir(parents=True)
    (index / "metrichmsr_ros").touch()
    for path in (ROOT / "launch", ROOT / "config", ROOT / "package.xml"):
        (share / path.name).symlink_to(path)
    for name in ("perception", "metrichmsr"):
        (lib / name).symlink_to(ROOT / "scripts" / name)
    return root


@pytest.fixture
def environment(prefix):
    """Variables under which launch finds that installation, in a ROS domain of the test's own."""
    with free_domain() as domain:
        found = os.environ | {"ROS_DOMAIN_ID": str(domain), "PYTHONUNBUFFERED": "1"}
        found["AMENT_PREFIX_PATH"] = f"{prefix}{os.pathsep}{os.environ.get('AMENT_PREFIX_PATH', '')}"
        found["PYTHONPATH"] = f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
        yield found


@pytest.fixture(scope="module")
def bag(tmp_path_factory):
    """A recording for the demo and for the replay."""
    return write_bag(tmp_path_factory.mktemp("bags") / "bag", Recipe(depths=tuple(3.0 for _ in range(60))))


def launched(name, environment, *arguments):
    ros2 = shutil.which("ros2")
    assert ros2
    return WatchedProcess([ros2, "launch", ROOT / "launch" / f"{name}.launch.py", *arguments], environment)


def without(package, environment):
    """The environment without a package: an ament index in which only the others are."""
    places = environment["AMENT_PREFIX_PATH"].split(os.pathsep)
    having = [p for p in places if Path(p, "share/ament_index/resource_index/packages", package).is_file()]
    return environment | {"AMENT_PREFIX_PATH": os.pathsep.join(p for p in places if p not in having)}


# Launch file, its arguments, the package that is hidden, and what is said.
MISSING = {
    "perception without its file": (
        "perception",
        ["params_file:=/no/such.yaml"],
        "",
        "which is not a file",
    ),
    "perception without RViz": ("perception", ["rviz:=true"], "rviz2", "package rviz2 is not installed"),
    "perception without weights": ("perception", ["preset:=/no/such.safetensors"], "", "cannot configure"),
    "cameras without names": ("cameras", [], "", "missing required argument 'cameras'"),
    "cameras without the parameter file": (
        "cameras",
        ["cameras:=left,right", "params_file:=/no/such.yaml"],
        "",
        "which is not a file",
    ),
    "demo without its bag": ("demo", ["bag:=/no/such", "rviz:=false"], "", "no bag at /no/such"),
    "demo without RViz": ("demo", ["bag:={bag}"], "rviz2", "package rviz2 is not installed"),
    "demo whose player fails": ("demo", ["bag:={empty}", "rviz:=false"], "", "process has died"),
    "rectified without image_proc": ("rectified", [], "image_proc", "package image_proc is not installed"),
    "rectified without RViz": ("rectified", ["rviz:=true"], "rviz2", "is not installed"),
    "replay without its bag": ("replay", ["bag:=/no/such", "out:={out}"], "", "there is no bag at /no/such"),
    "replay without weights": ("replay", ["bag:={bag}", "out:={out}", "preset:=/no/such.safetensors"], "", "no/such"),
}


@pytest.mark.parametrize("case", MISSING)
def test_a_start_that_fails_leaves_no_process(environment, bag, tmp_path, case):
    name, arguments, hidden, said = MISSING[case]
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "metadata.yaml").touch()
    places = {"bag": bag, "empty": tmp_path / "empty", "out": tmp_path / "out"}
    variables = without(hidden, environment) if hidden else environment
    with launched(name, variables, *(argument.format(**places) for argument in arguments)) as process:
        process.wait_for(said)
        if case == "perception without weights":  # the node stays, so that it can be configured again
            process.send_to_all(signal.SIGINT)
        process.exit_code()
        wait_until_empty(process.pid)
        assert "Traceback" not in process.output


STARTS = {
    "perception": ([], ["process started", "model ready", "active:"]),
    "cameras": (["cameras:=left,right"], ["process started", "model ready", "active:"]),
    "demo": (["bag:={bag}", "rviz:=false"], ["process started", "model ready", "active:"]),
    "replay": (["bag:={bag}", "out:={out}"], ["process started"]),
}


@pytest.mark.parametrize("name", STARTS)
@pytest.mark.parametrize("moment", range(10))
def test_ctrl_c_at_ten_moments_leaves_no_process(environment, bag, tmp_path, name, moment):
    arguments, lines = STARTS[name]
    chance = random.Random(f"{name} {moment}")
    arguments = [argument.format(bag=bag, out=tmp_path / "out") for argument in arguments]
    with launched(name, environment, *arguments) as process:
        process.wait_for(lines[moment % len(lines)])
        time.sleep(chance.uniform(0.0, 3.0))  # the moment
        process.send_to_all(signal.SIGINT)
        if moment % 2:
            time.sleep(chance.uniform(0.0, 0.5))  # pressed twice
            process.send_to_all(signal.SIGINT)
        process.exit_code()
        wait_until_empty(process.pid)
        ours = [line for line in process.lines if not line.startswith("[ros2_bag_play")]
        assert not [line for line in ours if "Traceback" in line or "__del__" in line], process.output
        if name != "replay":  # which ends with 130, as commands do
            assert "perception" not in "".join(line for line in process.lines if "process has died" in line)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("moment", ["process started", "active:"])
@pytest.mark.skipif(shutil.which("setpriv") is None, reason="setpriv of util-linux is not installed")
def test_a_launch_that_is_killed_leaves_no_process(environment, number, moment):
    with launched("perception", environment) as process:
        process.wait_for(moment)
        process.send(number)
        process.exit_code()
        wait_until_empty(process.pid)
