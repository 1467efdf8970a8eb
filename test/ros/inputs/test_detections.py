"""Boxes of another detector on their way to the tracker."""

from __future__ import annotations

from types import SimpleNamespace

import cv2
import numpy as np
import pytest

pytest.importorskip("rclpy")

from helpers.ros_messages import make_header

from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.ros.inputs.detections import DetectedBoxes, DetectionsError, NoNewDetectionsError

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


def test_only_confident_people_are_used():
    others = [detection(1, 1, 2, 2, class_id="dog"), detection(1, 1, 2, 2, score=0.2)]
    person = detection(100, 200, 40, 160)
    assert len(boxes_of([*others, person])) == 1
    assert len(boxes_of([*others, person], class_id="")) == 2
    assert len(boxes_of([person], seconds=5.3)) == 1
    assert not len(DetectedBoxes().of(make_header(1.0), CAMERA, "person", 0.5))


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"seconds": 6.0}, r"1\.00 s older than the image"),
        ({"seconds": 4.0}, r"1\.00 s newer than the image"),
        ({"frame": "another"}, "their frame is cam_optical, that of the image is another"),
        ({"class_id": "0"}, "named like 'person', `detections_class` is '0'"),
    ],
)
def test_detections_of_something_else_are_named(changed, words):
    with pytest.raises(DetectionsError, match=words):
        boxes_of([detection(100, 200, 40, 160)], **changed)


def test_a_silent_detector_is_told_from_a_late_one():
    boxes = DetectedBoxes()
    boxes.add(SimpleNamespace(header=make_header(5.0), detections=[detection(100, 200, 40, 160)]))
    assert len(boxes.of(make_header(5.2), CAMERA, "person", 0.5)) == 1
    with pytest.raises(NoNewDetectionsError, match=r"1\.20 s older"):
        boxes.of(make_header(6.2), CAMERA, "person", 0.5)
    boxes.add(SimpleNamespace(header=make_header(5.3), detections=[]))
    with pytest.raises(DetectionsError, match="keeps the image's stamp") as late:
        boxes.of(make_header(6.3), CAMERA, "person", 0.5)
    assert not isinstance(late.value, NoNewDetectionsError)


def test_numbers_of_classes_are_told_from_names():
    chair, person = detection(1, 1, 2, 2, class_id="56"), detection(100, 200, 40, 160, class_id="0")
    with pytest.raises(DetectionsError, match="named like '0', `detections_class` is 'person'"):
        boxes_of([chair, person])
    assert len(boxes_of([chair, person], class_id="0")) == 1
    assert not len(boxes_of([chair], class_id="0"))


@pytest.mark.parametrize("box", [(np.nan, 200, 40, 160), (100, 200, np.inf, 160), (100, 200, 0, 160), (1, 2, -40, 160)])
def test_boxes_without_an_area_are_named(box):
    with pytest.raises(DetectionsError, match="1 of 2 boxes have no area or are not finite"):
        boxes_of([detection(*box), detection(100, 200, 40, 160)])


def test_boxes_follow_the_rectification():
    camera = Camera(640, 480, CAMERA.intrinsics, "plumb_bob", np.array([-0.25, 0.05, 0, 0, 0]))
    (box,) = boxes_of([detection(100, 240, 60, 300)], camera=camera)
    corner = camera.rectified().project(camera.back_project(np.array([70.0, 90.0]), np.array(1.0)))
    np.testing.assert_allclose(box[:2], [corner[0], corner[1]], atol=1.0)
    assert box[0] < 70  # barrel distortion: straight lines lie farther out


def test_boxes_of_a_stereo_camera_turn_with_its_rectification():
    """OpenCV moves the same corners by K, D, R and P."""
    turn, _ = cv2.Rodrigues(np.array([0.02, -0.05, 0.03]))
    straight = CAMERA.intrinsics * [[0.9], [0.9], [1]]
    lens = np.array([-0.25, 0.05, 0.001, 0, 0])
    camera = Camera(640, 480, CAMERA.intrinsics, "plumb_bob", lens, "given", straight, turn)
    (box,) = boxes_of([detection(200, 240, 60, 300)], camera=camera)
    around = np.array([[x, y] for x in (170.0, 200.0, 230.0) for y in (90.0, 240.0, 390.0)])
    moved = cv2.undistortPoints(around[:, None], CAMERA.intrinsics, lens, R=turn, P=straight)[:, 0]
    np.testing.assert_allclose(box, [*moved.min(axis=0), *moved.max(axis=0)], atol=0.01)
