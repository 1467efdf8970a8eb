"""In which order the clouds of an image leave the node: a costmap may update between the two."""

from __future__ import annotations

import pytest

pytest.importorskip("rclpy")
pytest.importorskip("metrichmsr_ros.msg")

from helpers.fake_pipeline import FakePipeline, make_person
from helpers.ros_testing import CameraDriver
from rclpy.lifecycle import LifecyclePublisher
from sensor_msgs.msg import PointCloud2

CLEARING, BODIES = "/perception/clearing_points", "/perception/body_points"


def test_the_rays_of_an_image_are_sent_before_its_bodies(ros, monkeypatch):
    """Bodies beside the rays of the image before would let these clear somebody who is hidden now."""
    sent, publish = [], LifecyclePublisher.publish

    def record(publisher, message):
        if publisher.topic_name in (CLEARING, BODIES):
            sent.append((message.header.stamp.sec, publisher.topic_name))
        publish(publisher, message)

    monkeypatch.setattr(LifecyclePublisher, "publish", record)
    ros.perception(FakePipeline([make_person()]))
    ros.hear(CLEARING, PointCloud2)
    bodies = ros.hear(BODIES, PointCloud2)
    camera = CameraDriver(ros)
    for second in range(1, 10):
        camera.send_good(float(second))
        ros.until(lambda now=second: (now, CLEARING) in sent, "rays")
        if (second, BODIES) in sent:
            break
    ros.until(lambda: bodies, "bodies")
    second = bodies[0].header.stamp.sec
    assert sent.index((second, CLEARING)) < sent.index((second, BODIES))
