"""Two cameras and the fusion node in three processes; one camera is killed and comes back."""

from __future__ import annotations

import signal

import numpy as np
import pytest

pytest.importorskip("rclpy")
pytest.importorskip("metrichmsr_ros.msg")

from helpers.fake_pipeline import DEADLINE_S
from helpers.fused_messages import walker_at
from helpers.repository import ROOT, TESTS
from helpers.ros_messages import seconds_of

from metrichmsr_ros.msg import HumanMeshArray

CAMERA = TESTS / "helpers" / "ros_camera_of_people.py"


def error(message):
    """Distance of the fused person from the truth, m."""
    point = message.humans[0].body.pose.position
    return float(np.linalg.norm([point.x, point.y, point.z] - walker_at(seconds_of(message))))


def test_the_person_keeps_the_id_when_a_camera_is_killed_and_comes_back(ros, start):
    fusion = start(ROOT / "scripts" / "fusion", "--ros-args", "-p", "cameras:=south,east", "-p", "unique_ids:=false")
    cameras = {name: start(CAMERA, name) for name in ("south", "east")}
    humans = ros.hear("/fusion/humans", HumanMeshArray)

    def seen_well(count):
        """Whether the last messages have one person each, near the truth: both cameras see it."""
        last = humans[-count:]
        return len(last) == count and all(len(m.humans) == 1 and error(m) < 0.15 for m in last)

    ros.until(lambda: seen_well(10), "one person by two cameras")
    cameras["east"].kill()
    cameras["east"].wait()
    killed = len(humans)
    ros.until(lambda: len(humans) > killed + 15, "people by one camera")
    alone = humans[killed + 5 :]
    assert all(len(m.humans) == 1 and not m.humans[0].is_occluded for m in alone)
    start(CAMERA, "east")
    ros.until(lambda: len(humans) > killed + 40 and seen_well(10), "one person by two cameras again")
    ids = [human.id for message in humans[killed - 10 :] for human in message.humans]
    assert len(set(ids)) == 1
    fusion.send_signal(signal.SIGTERM)
    assert fusion.wait(timeout=DEADLINE_S) == 0
