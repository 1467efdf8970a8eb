"""A live topic becomes frames: people, the picture with their stamp, its camera, and the camera's pose."""

from __future__ import annotations

import itertools
import sys
import threading
from contextlib import contextmanager

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="live topics need ROS 2")
pytest.importorskip("metrichmsr_ros.msg", reason="the messages are not built")

from helpers.fused_messages import POSES, extrinsics, seen_by
from helpers.ros_messages import make_image, make_info
from rclpy.qos import QoSProfile
from sensor_msgs.msg import CameraInfo, Image
from tf2_msgs.msg import TFMessage

from metrichmsr_ros.msg import HumanMeshArray
from metrichmsr_ros.ros.watching.people_feed import FeedTopics, PeopleFeed
from metrichmsr_ros.viewer.options import ViewError, ViewOptions
from metrichmsr_ros.viewer.scene.paths import Paths
from metrichmsr_ros.viewer.sources import live
from metrichmsr_ros.viewer.sources.choose import open_source

TOPICS = FeedTopics("people", "cam/image", "", "odom")


class Robot:
    """Publishes what a perception node and its camera publish."""

    def __init__(self, ros):
        self.ros = ros
        kinds = {"people": HumanMeshArray, "cam/image": Image, "cam/camera_info": CameraInfo, "/tf": TFMessage}
        self.out = {name: ros.node.create_publisher(kind, name, QoSProfile(depth=50)) for name, kind in kinds.items()}
        ros.until(lambda: all(each.get_subscription_count() for each in self.out.values()), "the feed's subscriptions")

    def send(self, seconds):
        self.out["cam/camera_info"].publish(make_info(seconds))
        self.out["cam/image"].publish(make_image(seconds))
        self.out["/tf"].publish(TFMessage(transforms=[extrinsics("south", seconds)]))
        self.out["people"].publish(seen_by("south", seconds))


@pytest.fixture
def feed(ros):
    found = PeopleFeed(TOPICS, context=ros.context)
    yield found
    found.close()


@contextmanager
def received(ros, feed, is_enough):
    """The frames of a feed, once a robot has sent enough; closing the feed ends the thread that reads them."""
    robot, got = Robot(ros), []
    reader = threading.Thread(target=lambda: got.extend(live.frames_of(feed, ViewOptions())), daemon=True)
    reader.start()
    sent = itertools.count(1)

    def enough():
        robot.send(next(sent) * 0.1)
        return is_enough(got)

    ros.until(enough, "enough frames")
    yield got
    feed.close()
    reader.join(10.0)
    assert not reader.is_alive()


def is_whole(frame):
    return frame.picture and frame.world_from_camera is not None


def test_frames_have_what_belongs_to_the_message(ros, feed):
    with received(ros, feed, lambda got: len(got) >= 3 and all(map(is_whole, got[-2:]))) as got:
        last = got[-1]
    np.testing.assert_allclose(last.world_from_camera, POSES["south"], atol=1e-6)
    assert last.camera.size == (make_info(0.0).width, make_info(0.0).height)
    assert [round(b.time_s - a.time_s, 3) for a, b in zip(got[-3:], got[-2:], strict=False)] == [0.1, 0.1]
    paths = Paths(in_world=True)
    for frame in got[-2:]:
        paths.add(frame)
    assert len(last.people) == 1


def test_an_unknown_body_is_named(ros):
    robot_feed = PeopleFeed(FeedTopics("people"), context=ros.context)
    publisher = ros.node.create_publisher(HumanMeshArray, "people", 10)
    ros.until(lambda: publisher.get_subscription_count() > 0)
    message = seen_by("south", 1.0)
    message.humans[0].body_model = "smpl:/elsewhere.npz"
    publisher.publish(message)
    with pytest.raises(ViewError, match=r"smpl:/elsewhere\.npz.*--body"):
        next(iter(live.frames_of(robot_feed, ViewOptions())))
    robot_feed.close()
    robot_feed.close()


def test_a_path_that_does_not_exist_tells_of_topics(tmp_path):
    with pytest.raises(ViewError, match="topic:/NAME"):
        open_source(tmp_path / "nothing", ViewOptions())


def test_without_ros_the_remedy_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "metrichmsr_ros.ros.watching.people_feed", None)
    with pytest.raises(ViewError, match="needs ROS 2"):
        open_source("topic:/perception/humans", ViewOptions())


def test_paths_forget_what_the_timeline_forgot(ros, feed):
    with received(ros, feed, lambda got: len(got) >= 4) as frames:
        paths = Paths(in_world=False)
        for frame in frames[:4]:
            paths.add(frame)
    name = frames[0].people[0].id
    assert len(paths.of(name, 3)) > 0
    paths.forget_before(4)
    assert len(paths.of(name, 3)) == 0
    assert len(paths) == 4
