"""The fusion node over real middleware, in this process: transforms that come late or never, and its reports."""

from __future__ import annotations

import time
from functools import partial
from itertools import count
from unittest.mock import MagicMock

import numpy as np
import pytest

pytest.importorskip("rclpy")
pytest.importorskip("metrichmsr_ros.msg")

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from geometry_msgs.msg import PoseArray
from helpers.fused_messages import extrinsics, people_message, seen_by, walker_at
from helpers.ros_messages import make_header, seconds_of
from rclpy.qos import DurabilityPolicy, QoSProfile
from tf2_msgs.msg import TFMessage

from metrichmsr_ros.msg import HumanMeshArray
from metrichmsr_ros.ros.diagnostics import SILENT_AFTER_S
from metrichmsr_ros.ros.fusion.node import make_fusion_node
from metrichmsr_ros.ros.parameter_spec import ParameterError

CAMERAS = ("south", "east")


class Cameras:
    """The fusion node, publishers of two perception nodes, and what the fusion node says."""

    def __init__(self, ros, **parameters):
        self.ros = ros
        values = {"cameras": ",".join(CAMERAS), **parameters}
        self.node = make_fusion_node(values, context=ros.context)
        ros.executor.add_node(self.node)
        ros.nodes.append(self.node)
        ros.until(lambda: self.node.state == "active", "the node is active")
        self.people = {
            name: ros.node.create_publisher(HumanMeshArray, f"/{name}/perception/humans", 10) for name in CAMERAS
        }
        ros.until(lambda: all(p.get_subscription_count() for p in self.people.values()), "subscriptions")
        static = QoSProfile(depth=5, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self.static = ros.node.create_publisher(TFMessage, "/tf_static", static)
        self.moving = ros.node.create_publisher(TFMessage, "/tf", 10)
        self.humans = ros.hear("/fusion/humans", HumanMeshArray)
        self.reports = ros.hear("/diagnostics", DiagnosticArray)
        ros.until(lambda: self.moving.get_subscription_count() >= 1, "a listener of /tf")

    def see(self, stamp, cameras=CAMERAS, scale=1.0):
        for name in cameras:
            self.people[name].publish(seen_by(name, stamp, scale))

    def has_reached(self, stamp):
        return self.humans and seconds_of(self.humans[-1]) >= stamp - 1e-3

    def status(self, part):
        """The newest status whose name ends with `part`."""
        found = [s for report in self.reports for s in report.status if s.name.endswith(part)]
        return found[-1] if found else None


def test_two_cameras_give_one_person_in_the_fixed_frame(ros):
    cameras = Cameras(ros)
    poses, transforms = ros.hear("/fusion/poses", PoseArray), ros.hear("/tf", TFMessage)
    cameras.static.publish(TFMessage(transforms=[extrinsics(name) for name in CAMERAS]))
    for number in range(10):
        stamp = 100.0 + number / 10
        cameras.see(stamp, scale=1.1)
        ros.until(partial(cameras.has_reached, stamp - 0.1), "an answer")
    ros.until(lambda: poses and transforms, "poses and transforms")
    last = cameras.humans[-1]
    assert last.header.frame_id == "odom"
    (human,) = last.humans
    point = human.body.pose.position
    np.testing.assert_allclose([point.x, point.y, point.z], walker_at(seconds_of(last)), atol=0.1)
    assert {human.id for message in cameras.humans for human in message.humans} == {"p1"}
    assert {t.child_frame_id for message in transforms for t in message.transforms} == {"body_p1"}
    assert {t.header.frame_id for message in transforms for t in message.transforms} == {"odom"}


def test_people_wait_for_a_transform_that_comes_late_and_keep_their_stamp(ros):
    cameras = Cameras(ros, tf_timeout=10.0)
    cameras.see(100.0)
    ros.until(lambda: len(cameras.node._queue._waiting) == 2, "both messages wait")
    assert cameras.humans == []
    for stamp in (99.95, 100.05):  # moving cameras: the transform at 100.0 lies between
        cameras.moving.publish(TFMessage(transforms=[extrinsics(name, stamp) for name in CAMERAS]))
    ros.until(lambda: cameras.humans, "people")
    assert seconds_of(cameras.humans[0]) == pytest.approx(100.0)


def test_without_a_transform_people_are_left_out_and_the_camera_is_named(ros):
    cameras = Cameras(ros, tf_timeout=0.0)
    cameras.static.publish(TFMessage(transforms=[extrinsics("south")]))

    def named():
        cameras.see(100.0 + time.monotonic() % 1000)
        status = cameras.status("camera east")
        return status and status.level == DiagnosticStatus.WARN and cameras.humans

    ros.until(named, "a warning about east")
    assert "no transform: odom to east_optical" in cameras.status("camera east").message
    assert all(len(message.humans) <= 1 for message in cameras.humans)


def test_cameras_from_which_nothing_comes_are_in_the_log(ros, monkeypatch):
    fusion, log = Cameras(ros), MagicMock()
    monkeypatch.setattr(fusion.node, "get_logger", lambda: log)
    for camera in CAMERAS:
        fusion.node._health._last_s[camera] -= SILENT_AFTER_S
    ros.until(lambda: log.warning.call_args_list, "a line in the log")
    line = log.warning.call_args_list[0].args[0]
    assert all(f"camera {name}: nothing received for" in line for name in CAMERAS)


def test_a_camera_with_another_clock_is_left_out_and_named(ros):
    cameras = Cameras(ros)
    cameras.static.publish(TFMessage(transforms=[extrinsics(name) for name in CAMERAS]))
    stamps = count()

    def is_named():
        stamp = 50.0 + 0.1 * next(stamps)
        cameras.see(stamp, ["south"])
        cameras.see(stamp - 1.5, ["east"])
        status = cameras.status("camera east")
        return status and "too late: its images are" in status.message and "those of south" in status.message

    ros.until(is_named, "the camera with the wrong clock")
    seen = [human for message in cameras.humans for human in message.humans]
    assert {human.id for human in seen} == {"p1"}
    published = [seconds_of(message) for message in cameras.humans]
    assert published == sorted(set(published))


def test_an_empty_array_is_published_when_nobody_is_seen(ros):
    cameras = Cameras(ros)
    cameras.static.publish(TFMessage(transforms=[extrinsics(name) for name in CAMERAS]))
    for name in CAMERAS:
        cameras.people[name].publish(people_message([], make_header(50.0, f"{name}_optical")))
    ros.until(lambda: cameras.humans, "an empty array")
    assert cameras.humans[0].humans == []


def test_a_camera_beside_its_extrinsics_is_named_in_the_diagnostics(ros):
    cameras = Cameras(ros)
    wrong = extrinsics("east")
    wrong.transform.translation.z += 0.5
    cameras.static.publish(TFMessage(transforms=[extrinsics("south"), wrong]))
    stamps = iter(100.0 + np.arange(5000) / 10)

    def named():
        cameras.see(next(stamps))
        status = cameras.status("extrinsics")
        return status and status.level == DiagnosticStatus.WARN

    ros.until(named, "a warning")
    assert "east" in cameras.status("extrinsics").message


@pytest.mark.parametrize("names", ["", "left", "left,left", ",".join("abcdefghi")])
def test_a_wrong_list_of_cameras_is_refused_with_the_remedy(ros, names):
    with pytest.raises(ParameterError, match="name 2 to 8 cameras"):
        make_fusion_node({"cameras": names}, context=ros.context)
