"""SIGINT and SIGTERM end the node at any moment, once, twice or three times: exit code 0, no traceback."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import time

import pytest

pytest.importorskip("rclpy")
pytest.importorskip("metrichmsr_ros.msg")

from helpers.fake_pipeline import DEADLINE_S
from helpers.fetched_networks import skip_without_blazepose
from helpers.recorded_bags import write_bag
from helpers.repository import ROOT, environment
from helpers.watched_process import WatchedProcess

from metrichmsr_ros.ros.process import EndSignals

skip_without_blazepose()

# A line that Python writes when it has imported a module, or that the node logs.
MOMENTS = [
    "numpy",
    "rclpy",
    "sensor_msgs.msg",
    "metrichmsr_ros.ros.parameters",
    "metrichmsr_ros.ros.node",
    "metrichmsr_ros.depth.factory",
    "metrichmsr_ros.pipeline.pipeline",
    "model ready",
    "active:",
    "no image on",
]
SIGNALS = (signal.SIGINT, signal.SIGTERM)


def started(ros, *arguments):
    command = [sys.executable, "-X", "importtime", ROOT / "scripts" / "perception", "--ros-args", *arguments]
    return WatchedProcess(command, environment(ROS_DOMAIN_ID=str(ros.domain), PYTHONUNBUFFERED="1"))


EXPECTED = (
    "import time:",
    "[INFO]",
    "[WARN]",
    "INFO: ",  # of TensorFlow Lite
    "Failed to publish log message to rosout",  # rcl's answer to a log line that comes at the very end
    "Failed to fini rosout publisher",  # and to the end while the node is being made, with the line that makes it
    "self.__node = _rclpy.Node(",
)


def said(output):
    """What is neither a line about an import nor an expected one of a log."""
    return [line for line in output.splitlines() if not any(words in line for words in EXPECTED)]


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("count", [1, 3])
def test_the_node_ends_cleanly_at_any_moment(ros, moment, count):
    chance = random.Random(f"{moment} {count}")
    is_module = " " not in moment and ":" not in moment
    with started(ros) as process:
        process.wait_for(f" {moment}\n" if is_module else moment)
        for number in range(count):
            process.send(SIGNALS[(number + MOMENTS.index(moment)) % 2])
            if number + 1 < count:
                time.sleep(chance.uniform(0.0, 0.4))  # how fast a user presses Ctrl-C again
        assert (process.exit_code(), said(process.output)) == (0, [])


@pytest.mark.parametrize("module", ["node", "fusion.node", "following.node"])
@pytest.mark.parametrize("call", ["signal.signal", "rclpy.init"])
@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_that_comes_while_its_handlers_are_installed_ends_the_node(ros, module, call, number):
    """Before rclpy listens too, which would spin for ever."""
    code = f"""
import os, signal, sys
import rclpy
from metrichmsr_ros.ros.{module} import main
original = {call}
def call(*args, **kwargs):
    {call} = original
    result = original(*args, **kwargs) if "{call}" == "signal.signal" else None
    signal.raise_signal({int(number)})
    return result if result is not None else original(*args, **kwargs)
for ending in (signal.SIGINT, signal.SIGTERM):
    signal.signal(ending, lambda number, frame: os._exit(0))  # as the scripts do
{call} = call
main(sys.argv)
"""
    environ = environment(ROS_DOMAIN_ID=str(ros.domain))
    done = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, timeout=DEADLINE_S)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_signal_before_the_model_is_loaded_is_not_lost():
    signals = EndSignals()
    signals.install()
    try:
        signal.raise_signal(signal.SIGTERM)
        assert signals.came
        with pytest.raises(KeyboardInterrupt), signals.raising():
            pass
        signal.raise_signal(signal.SIGINT)  # the second does nothing
    finally:
        signals.came = False
        signals.close()


def test_the_time_until_the_model_is_ready_counts_from_the_start_of_the_process(ros):
    began = time.monotonic()
    with started(ros) as process:
        process.wait_for("model ready")
        waited = time.monotonic() - began
        (words,) = re.findall(
            r"model ready after ([\d.]+) s, imports included; configuring took ([\d.]+) s", process.output
        )
        imported = sum(int(us) for us in re.findall(r"import time: +(\d+) \|", process.output)) / 1e6
        ready, configured = map(float, words)
        assert imported < ready + 0.1  # rounded
        assert ready <= waited + 0.1
        assert configured < ready


@pytest.mark.parametrize("moment", ["tyro", "onnxruntime", "metrichmsr_ros.pipeline.pipeline"])
@pytest.mark.parametrize("count", [1, 3])
def test_ctrl_c_ends_a_replay_with_130_and_no_traceback(tmp_path, moment, count):
    bag = write_bag(tmp_path / "bag")
    chance = random.Random(f"{moment} {count}")
    command = [
        sys.executable,
        "-X",
        "importtime",
        ROOT / "scripts" / "metrichmsr",
        "replay",
        bag,
        "--out",
        tmp_path / "out",
    ]
    with WatchedProcess(command, environment(PYTHONUNBUFFERED="1")) as process:
        process.wait_for(f" {moment}\n")
        for number in range(count):
            process.send(signal.SIGINT)
            if number + 1 < count:
                time.sleep(chance.uniform(0.0, 0.2))
        assert process.exit_code() == 130
        assert "Traceback" not in process.output


@pytest.mark.parametrize(("program", "code"), [("perception", 0), ("metrichmsr", 130)])
def test_a_signal_that_comes_before_python_is_ready_waits_until_it_is_handled(program, code):
    """As the launch files start the programs: blocked, until the program unblocks what it handles."""
    signals = {signal.SIGINT, signal.SIGTERM}

    def block():
        signal.pthread_sigmask(signal.SIG_BLOCK, signals)
        os.kill(os.getpid(), signal.SIGINT)

    command = [sys.executable, ROOT / "scripts" / program]
    ended = subprocess.run(command, env=environment(), preexec_fn=block, capture_output=True, text=True)
    assert (ended.returncode, ended.stdout, ended.stderr) == (code, "", "")
