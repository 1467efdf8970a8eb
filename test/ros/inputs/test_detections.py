"""Boxes of another detector on their way to the tracker."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("rclpy")

from helpers.ros_messages import make_header

from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.ros.inputs.detections import DetectedBoxes

CAMERA = Camera.from_fov(640, 480, 1.2)


def detection(x, y, width, height, class_id="person", score=0.9):
    centre = SimpleNamespace(position=SimpleNamespace(x=x, y=y), theta=0.0)
    result = SimpleNamespace(hypothesis=SimpleNamespace(class_id=class_id, score=score))
    return SimpleNamespace(results=[result], bbox=SimpleNamespace(center=centre, size_x=width, size_y=height))


def boxes_of(detections, seconds=5.0, frame="cam_optical", camera=CAMERA, class_id="person"):
    boxes = DetectedBoxes()
    boxes.add(SimpleNamespace(header=make_header(5.0), detections=detections))
    return boxes.of(make_header(seconds, frame), camera, class_id, 0.5)


def test_centres_and_sizes_become_corners():
    np.testing.assert_allclose(boxes_of([detection(100, 200, 40, 160)]), [[80, 120, 120, 280]])


def test_only_confident_people_of_this_camera_and_time_are_used():
    others = [detection(1, 1, 2, 2, class_id="dog"), detection(1, 1, 2, 2, score=0.2)]
    person = detection(100, 200, 40, 160)
    assert len(boxes_of([*others, person])) == 1
    assert len(boxes_of([*others, person], class_id="")) == 2
    assert len(boxes_of([person], seconds=5.3)) == 1
    assert not len(boxes_of([person], seconds=6.0))
    assert not len(boxes_of([person], frame="another"))
    assert not len(DetectedBoxes().of(make_header(1.0), CAMERA, "person", 0.5))


def test_boxes_follow_the_rectification():
    camera = Camera(640, 480, CAMERA.intrinsics, "plumb_bob", np.array([-0.25, 0.05, 0, 0, 0]))
    (box,) = boxes_of([detection(100, 240, 60, 300)], camera=camera)
    corner = camera.rectified().project(camera.back_project(np.array([70.0, 90.0]), np.array(1.0)))
    np.testing.assert_allclose(box[:2], [corner[0], corner[1]], atol=1.0)
    assert box[0] < 70  # barrel distortion: straight lines lie farther out
