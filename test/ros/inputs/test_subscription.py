"""A subscription matches what its publishers offer, or names both sides."""

from __future__ import annotations

import re

import pytest

pytest.importorskip("rclpy")

from helpers.ros_messages import make_image, make_info
from helpers.ros_testing import Ros
from rclpy.duration import Duration
from rclpy.qos import DurabilityPolicy, LivelinessPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, PointCloud2

from metrichmsr_ros.ros.graph_hints import Offer, of_another_type, unmatched
from metrichmsr_ros.ros.inputs.subscription import Input

TOPIC = "/cam/camera_info"
RELIABLE, BEST_EFFORT = ReliabilityPolicy.RELIABLE, ReliabilityPolicy.BEST_EFFORT
LATCHED, VOLATILE = DurabilityPolicy.TRANSIENT_LOCAL, DurabilityPolicy.VOLATILE


def qos(**policies):
    return QoSProfile(**({"depth": 1} | policies))


class Log:
    """Stands in for the node's logger."""

    def __init__(self):
        self.lines = []

    def info(self, text, **_):
        pass

    def warning(self, text, **_):
        self.lines.append(text)


@pytest.fixture
def log(ros, monkeypatch):
    log = Log()
    monkeypatch.setattr(ros.node, "get_logger", lambda: log)
    return log


def publish(ros, message, topic=TOPIC, **policies):
    publisher = ros.node.create_publisher(type(message), topic, qos(**policies))
    publisher.publish(message)
    return publisher


@pytest.mark.parametrize("reliability", [RELIABLE, BEST_EFFORT])
@pytest.mark.parametrize(
    ("message", "setting"),
    [(make_info(3.0), "auto"), (make_image(3.0), "auto"), (make_info(3.0), "best_effort")],
)
def test_what_was_latched_before_the_node_subscribed_is_heard(ros, message, setting, reliability):
    publish(ros, message, reliability=reliability, durability=LATCHED)
    heard = []
    source = Input(ros.node, type(message), TOPIC, heard.append, 10, setting)
    if reliability == RELIABLE:  # a middleware keeps nothing of a best-effort publisher for late readers
        ros.until(lambda: heard, "the latched message")
    later = publish(ros, message, reliability=reliability, durability=LATCHED)
    ros.until(lambda: later.get_subscription_count() > 0, "a match")
    source.close()


def test_a_latched_publisher_that_comes_later_is_heard_once(ros):
    heard = []
    source = Input(ros.node, CameraInfo, TOPIC, heard.append, 10, "auto")
    publisher = publish(ros, make_info(1.0), durability=LATCHED)  # nobody has discovered it yet
    ros.until(lambda: source._qos.durability == LATCHED, "a latched reader")
    ros.until(lambda: heard, "the latched message")
    publisher.publish(make_info(2.0))
    ros.until(lambda: heard[-1].header.stamp.sec == 2, "the next")
    assert [info.header.stamp.sec for info in heard] == [1, 2]
    source.close()


def test_a_volatile_publisher_after_a_latched_one_is_heard(ros):
    first = publish(ros, make_info(1.0), durability=LATCHED)
    heard = []
    source = Input(ros.node, CameraInfo, TOPIC, heard.append, 10, "auto")
    ros.until(lambda: heard, "the latched message")
    ros.node.destroy_publisher(first)
    second = publish(ros, make_info(2.0), reliability=BEST_EFFORT, durability=VOLATILE)
    ros.until(lambda: second.get_subscription_count() > 0, "a match")
    second.publish(make_info(3.0))
    ros.until(lambda: heard[-1].header.stamp.sec == 3, "the live message")
    source.close()


AUTOMATIC = {"liveliness": LivelinessPolicy.AUTOMATIC}
OFFERS = {
    "deadline": {"deadline": Duration(seconds=0.1)},
    "liveliness": {
        "liveliness": LivelinessPolicy.MANUAL_BY_TOPIC,
        "liveliness_lease_duration": Duration(seconds=2.0),
    },
    "lifespan": {"lifespan": Duration(seconds=30.0)},
    "reliability": {"reliability": BEST_EFFORT},
    "durability": {"durability": LATCHED},
}


@pytest.mark.parametrize("kind", OFFERS)
def test_whatever_a_publisher_offers_is_matched_without_a_warning(ros, log, kind):
    heard = []
    source = Input(ros.node, Image, "/image", heard.append, 10, "auto")
    publisher = ros.node.create_publisher(Image, "/image", qos(**OFFERS[kind]))
    ros.until(lambda: publisher.get_subscription_count() > 0, "a match")
    publisher.publish(make_image(1.0))
    ros.until(lambda: heard, "the image")
    assert log.lines == []
    assert source.mismatch == ""
    source.close()


def test_a_publisher_that_the_user_excludes_is_named_with_both_sides(ros, log):
    source = Input(ros.node, Image, "/image", lambda message: None, 10, "reliable")
    publisher = ros.node.create_publisher(Image, "/image", qos(reliability=BEST_EFFORT))
    ros.until(lambda: log.lines, "a warning")
    text = (
        "/image: /tester publishes best effort, volatile, this node subscribes reliable, volatile: its messages are "
        "not received; set image_reliability to auto"
    )
    assert log.lines == [text]
    assert source.mismatch == text
    ros.node.destroy_publisher(publisher)
    source.close()


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (CompressedImage, "decode it first, e.g. by `ros2 run image_transport republish`"),
        (PointCloud2, "remap it"),
    ],
)
def test_a_publisher_of_another_type_is_named_and_does_not_decide_how_to_subscribe(ros, log, kind, words):
    source = Input(ros.node, Image, "/depth", lambda message: None, 10, "auto")
    driver = Ros(ros.domain)  # a participant has one type per topic
    driver.node.create_publisher(kind, "/depth", qos(reliability=BEST_EFFORT))
    ros.until(lambda: log.lines, "a warning")
    name = f"sensor_msgs/msg/{kind.__name__}"
    assert log.lines == [
        f"/depth: /tester publishes {name}, this node subscribes sensor_msgs/msg/Image: its messages are not "
        f"received; {words}"
    ]
    assert source._qos.reliability == RELIABLE
    assert source.mismatch == ""
    source.close()
    driver.close()


def test_latched_and_volatile_publishers_of_one_topic_are_named(ros, log):
    publish(ros, make_info(1.0), durability=LATCHED)
    live = publish(ros, make_info(2.0))
    ros.until(lambda: ros.node.count_publishers(TOPIC) == 2, "both publishers")
    heard = []
    source = Input(ros.node, CameraInfo, TOPIC, heard.append, 10, "auto")
    ros.until(lambda: log.lines, "a warning")
    assert "publishes reliable, transient local, this node subscribes reliable, volatile" in log.lines[0]
    ros.until(lambda: live.get_subscription_count() > 0, "a match")
    live.publish(make_info(3.0))
    ros.until(lambda: heard, "the live message")
    source.close()


@pytest.mark.parametrize(
    ("offered", "asked", "words"),
    [
        ({"deadline": Duration(seconds=1)}, {"deadline": Duration(seconds=0.5)}, "deadline 1 s.*deadline 0.5 s"),
        (
            AUTOMATIC,
            {"liveliness": LivelinessPolicy.MANUAL_BY_TOPIC},
            "manual by topic: its messages are not received.* change the publisher",
        ),
        ({"durability": VOLATILE}, {"durability": LATCHED}, "volatile, this node subscribes reliable, transient local"),
    ],
)
def test_every_policy_that_keeps_two_sides_apart_is_named(offered, asked, words):
    (text,) = unmatched("/image", [Offer("/camera", qos(**offered))], qos(**asked))
    assert re.search(words, text)


def test_a_publisher_whose_type_the_middleware_does_not_know_is_no_mistake():
    unknown, other = Offer("/camera", qos()), Offer("/camera", qos(), "sensor_msgs/msg/PointCloud2")
    assert of_another_type("/image", [unknown], "sensor_msgs/msg/Image") == []
    assert len(of_another_type("/image", [unknown, other], "sensor_msgs/msg/Image")) == 1
