"""Topics of packages that need not be installed, over the middleware: vision_msgs, people_msgs; for hri_msgs see
outputs/test_ros4hri.py."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("rclpy")
pytest.importorskip("metrichmsr_ros.msg")

from helpers.fake_pipeline import FakePipeline, make_person
from helpers.ros_messages import FRAME, make_header
from helpers.ros_testing import CameraDriver
from rclpy.parameter import Parameter

from metrichmsr_ros.msg import HumanMeshArray
from metrichmsr_ros.ros.inputs.detections import DetectedBoxes

BOX = [20.0, 5.0, 30.0, 35.0]


@pytest.fixture
def vision():
    return pytest.importorskip("vision_msgs.msg")


def answer(vision, seconds, class_id="person", score=0.9, frame=FRAME):
    """What a detector publishes when it sees one thing, in BOX."""
    message = vision.Detection2DArray(header=make_header(seconds, frame))
    item, found = vision.Detection2D(header=message.header), vision.ObjectHypothesisWithPose()
    x0, y0, x1, y1 = BOX
    item.bbox.center.position.x, item.bbox.center.position.y = (x0 + x1) / 2, (y0 + y1) / 2
    item.bbox.size_x, item.bbox.size_y = x1 - x0, y1 - y0
    found.hypothesis.class_id, found.hypothesis.score = class_id, score
    item.results = [found]
    message.detections = [item]
    return message


class Detector:
    """A detector and a camera; `boxes` is what the pipeline is told of an answer."""

    def __init__(self, ros, vision, monkeypatch):
        self.ros, self.pipeline, self.taken = ros, FakePipeline(), 0
        take = DetectedBoxes.add

        def counted(boxes, message):
            take(boxes, message)
            self.taken += 1

        monkeypatch.setattr(DetectedBoxes, "add", counted)
        self.node = ros.perception(self.pipeline, cli_args=["--ros-args", "-r", "detections:=/yolo/detections"])
        ros.hear("/perception/humans", HumanMeshArray)
        self.camera = CameraDriver(ros)
        self.publisher = ros.node.create_publisher(vision.Detection2DArray, "/yolo/detections", 1)
        ros.until(lambda: self.publisher.get_subscription_count() > 0, "the node's subscription")

    def boxes(self, message, seconds):
        taken, calls = self.taken, len(self.pipeline.contexts)
        self.publisher.publish(message)
        self.ros.until(lambda: self.taken > taken, "the boxes to be taken in")
        self.camera.send_good(seconds)
        self.ros.until(lambda: len(self.pipeline.contexts) > calls, "the image")
        return [box.tolist() for box in self.pipeline.contexts[-1].boxes]


def test_boxes_of_a_detector_reach_the_pipeline(ros, vision, monkeypatch):
    detector = Detector(ros, vision, monkeypatch)
    assert detector.boxes(answer(vision, 1.0), 1.0) == [BOX]
    assert detector.boxes(answer(vision, 1.9), 2.0) == [BOX]  # detectors are late
    assert detector.boxes(answer(vision, 2.0), 3.0) == []
    assert detector.boxes(answer(vision, 4.0, frame="another_camera"), 4.0) == []
    assert detector.boxes(answer(vision, 5.0, class_id="dog"), 5.0) == []
    assert detector.boxes(answer(vision, 6.0, score=0.4), 6.0) == []
    detector.node.set_parameters(
        [Parameter("detections_min_score", value=0.3), Parameter("detections_class", value="")]
    )
    assert detector.boxes(answer(vision, 7.0, class_id="dog", score=0.4), 7.0) == [BOX]


def heard_of_one_person(ros, topic, kind):
    person = make_person()
    ros.perception(FakePipeline([person]))
    heard = ros.hear(f"/perception/{topic}", kind)
    CameraDriver(ros).send_good(3.0)
    ros.until(lambda: heard, topic)
    assert heard[0].header == make_header(3.0)
    return person, heard[0]


def test_boxes_of_people_are_published(ros, vision):
    person, message = heard_of_one_person(ros, "detections", vision.Detection3DArray)
    (item,) = message.detections
    (found,) = item.results
    assert (item.id, found.hypothesis.class_id) == ("a1", "person")
    assert found.hypothesis.score == pytest.approx(person.confidence)
    hips = person.joints_cam[1:3].mean(axis=0)
    position = found.pose.pose.position
    np.testing.assert_allclose([position.x, position.y, position.z], hips, atol=1e-6)
    assert min(item.bbox.size.x, item.bbox.size.y, item.bbox.size.z) > 0


def test_people_for_social_costmaps_are_published(ros):
    people = pytest.importorskip("people_msgs.msg")
    person, message = heard_of_one_person(ros, "people", people.People)
    (item,) = message.people
    assert item.name == "a1"
    hips = person.joints_cam[1:3].mean(axis=0)
    np.testing.assert_allclose([item.position.x, item.position.y, item.position.z], hips, atol=1e-6)
    np.testing.assert_allclose([item.velocity.x, item.velocity.y, item.velocity.z], person.velocity_cam)
