"""Preparation of an image message for the pipeline, for the node and for a replay."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest

from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.ros.inputs.intake import Intake
from metrichmsr_ros.ros.inputs.stamp_gate import FrameDropped, StampGate
from metrichmsr_ros.ros.topic_names import names_rectified_image

WIDTH, HEIGHT = 8, 6
SECOND = 10**9
AUTO = SimpleNamespace(rectified=None, max_pixels=10**6)


def header(seconds: float) -> Any:
    nanoseconds = round(seconds * 1e9)
    return SimpleNamespace(
        stamp=SimpleNamespace(sec=nanoseconds // SECOND, nanosec=nanoseconds % SECOND), frame_id="camera"
    )


def image(seconds: float, **changes: Any) -> Any:
    pixels = np.arange(HEIGHT * WIDTH * 3, dtype=np.uint8)
    fields = {"encoding": "bgr8", "width": WIDTH, "height": HEIGHT, "step": 3 * WIDTH, "is_bigendian": 0}
    return SimpleNamespace(header=header(seconds), data=pixels.tobytes(), **(fields | changes))


@dataclass
class OneCamera:
    """Gives every image the same camera and keeps what it was asked."""

    asked: list[tuple[tuple[int, int], bool | None]] = field(default_factory=list)
    pairing: str = "given"

    def camera(self, head: Any, size: tuple[int, int], rectified: bool | None) -> Camera:
        self.asked.append((size, rectified))
        return Camera.from_fov(*size, 1.0)


class Contexts:
    """Gives every image a context of its own; fails while `failure` is set."""

    health = {"floor": "of the image's stamp"}  # noqa: RUF012

    def __init__(self) -> None:
        self.failure: Exception | None = None

    def of(self, head: Any, camera: Camera, parameters: Any) -> Any:
        if self.failure:
            raise self.failure
        return SimpleNamespace(head=head)


def make_intake(topic: str = "/cam/image_raw") -> tuple[Intake, OneCamera, Contexts, list[tuple[str, str]]]:
    cameras, contexts, problems = OneCamera(), Contexts(), []
    return Intake(topic, cameras, contexts, lambda *problem: problems.append(problem)), cameras, contexts, problems


def test_an_image_is_converted_and_gets_its_camera_and_its_context():
    intake, cameras, _, problems = make_intake()
    message = image(2.5)
    ready = intake.frame(message, 99, AUTO)
    pixels = np.frombuffer(message.data, np.uint8).reshape(HEIGHT, WIDTH, 3)
    np.testing.assert_array_equal(ready.image, pixels[..., ::-1])
    assert (ready.header, ready.context.head) == (message.header, message.header)
    assert (ready.stamp_ns, ready.stamp_s, ready.arrived_ns, ready.jump_s) == (2_500_000_000, 2.5, 99, None)
    assert ready.camera.size == (WIDTH, HEIGHT)
    assert cameras.asked == [((WIDTH, HEIGHT), None)]
    assert set(ready.seconds) == {"convert", "pair"}
    assert intake.health == {"camera_info": "given", "floor": "of the image's stamp"}
    assert problems == []


def test_compressed_images_take_the_same_way():
    intake, *_ = make_intake()
    data = cv2.imencode(".png", np.full((HEIGHT, WIDTH, 3), (255, 0, 0), np.uint8))[1]
    ready = intake.frame(SimpleNamespace(header=header(1.0), format="rgb8; png compressed bgr8", data=data), 0, AUTO)
    assert ready.image[0, 0].tolist() == [0, 0, 255]


def test_an_image_that_cannot_be_read_is_dropped_by_cause_and_costs_no_place_in_time():
    intake, *_ = make_intake()
    with pytest.raises(FrameDropped, match="klingon8") as caught:
        intake.frame(image(1.0, encoding="klingon8"), 0, AUTO)
    assert caught.value.cause == "bad image"
    assert intake.frame(image(1.0), 0, AUTO).stamp_s == 1.0


def test_without_a_stamp_the_arrival_serves_and_that_is_reported():
    intake, _, _, problems = make_intake()
    message = image(0.0)
    first = intake.frame(message, 7 * SECOND, AUTO)
    assert (first.stamp_ns, first.header) == (7 * SECOND, message.header)
    assert intake.frame(image(0.0), 8 * SECOND, AUTO).jump_s is None
    assert [cause for cause, _ in problems] == ["no stamp", "no stamp"]


@pytest.mark.parametrize(
    ("topic", "given", "expected"),
    [
        ("/cam/image_raw", None, None),
        ("/cam/image_rect", None, True),
        ("/cam/image_rect", False, False),
        ("/cam/image_raw", True, True),
    ],
)
def test_the_topic_says_whether_images_are_rectified_unless_the_user_does(topic, given, expected):
    intake, cameras, *_ = make_intake(topic)
    intake.frame(image(1.0), 0, SimpleNamespace(rectified=given, max_pixels=10**6))
    assert cameras.asked == [((WIDTH, HEIGHT), expected)]


def test_a_jump_in_time_comes_with_the_next_image_that_goes_on():
    intake, _, contexts, _ = make_intake()
    intake.frame(image(100.0), 0, AUTO)
    contexts.failure = ValueError("a transform without a rotation")
    with pytest.raises(ValueError, match="rotation"):
        intake.frame(image(50.0), 0, AUTO)
    contexts.failure = None
    assert intake.frame(image(50.1), 0, AUTO).jump_s == -50.0
    assert intake.frame(image(50.2), 0, AUTO).jump_s is None


@pytest.mark.parametrize(
    ("topic", "expected"),
    [
        ("/cam/image_rect", True),
        ("/cam/image_rect_color", True),
        ("/cam/rect/image", True),
        ("/image_rectified", True),
        ("/cam/image_raw", False),
        ("/direct/image", False),
        ("/rectangle/image", False),
        ("/correct_image", False),
        ("/cam/Image_Rect", True),
        ("/cam/imageRect", True),
        ("/left/rect1/image", True),
        ("/rectification/image", False),
    ],
)
def test_names_of_rectified_topics(topic, expected):
    assert names_rectified_image(topic) is expected


def test_stamps_short_loops_are_noticed():
    gate = StampGate()
    assert gate.admit(10 * SECOND) is None
    assert gate.admit(10 * SECOND + SECOND // 2) is None
    with pytest.raises(FrameDropped, match="older"):
        gate.admit(10 * SECOND)  # a bag of half a second begins again
    assert gate.admit(10 * SECOND + SECOND // 10) == pytest.approx(-0.4)  # noticed with its second image
    assert gate.admit(10 * SECOND + SECOND // 5) is None
    assert gate.admit(100 * SECOND) == pytest.approx(89.8)  # nobody is followed over such a pause


@pytest.mark.parametrize("kind", ["raw", "compressed"])
@pytest.mark.parametrize(("value", "is_black"), [(0, True), (9, True), (40, False)])
def test_a_black_picture_goes_on_and_is_reported(kind, value, is_black):
    intake, _, _, problems = make_intake()
    pixels = np.full((HEIGHT, WIDTH, 3), value, np.uint8)
    message = image(1.0)
    message.data = pixels.tobytes()
    if kind == "compressed":
        message = SimpleNamespace(header=header(1.0), format="png", data=cv2.imencode(".png", pixels)[1])
    assert intake.frame(message, 0, AUTO).stamp_s == 1.0
    assert [cause for cause, _ in problems] == ["black image"] * is_black
    assert not is_black or f"brightest pixel has {value} of 255" in problems[0][1]


def test_the_bits_in_use_are_remembered_and_shown():
    intake, _, _, problems = make_intake()
    for seconds, brightest in ((1.0, 4000), (2.0, 500)):
        pixels = np.full((HEIGHT, WIDTH), brightest, "<u2").tobytes()
        message = image(seconds, encoding="mono16", step=2 * WIDTH)
        message.data = pixels
        ready = intake.frame(message, 0, AUTO)
        assert intake.health["bits in use"] == "12 of 16"
        assert ready.image.max() == round(brightest / 4095 * 255)
    assert problems == []


class Cameras(OneCamera):
    """Gives each image the intrinsics that are set; where none are, no camera fits it."""

    fov: float | None = 1.0

    def camera(self, head: Any, size: tuple[int, int], rectified: bool | None) -> Camera:
        if self.fov is None:
            raise FrameDropped("camera_info of another frame", "of another frame")
        return Camera.from_fov(*size, self.fov)


def mixed(images):
    """Problems of a sequence of (frame, height, field of view)."""
    problems = []
    cameras = Cameras()
    intake = Intake("/cam/image", cameras, Contexts(), lambda *problem: problems.append(problem))
    for index, (frame, height, fov) in enumerate(images):
        message = image(1.0 + index / 10, height=height)
        message.data = bytes([99]) * (height * WIDTH * 3)
        message.header.frame_id = frame
        cameras.fov = fov
        with contextlib.suppress(FrameDropped):
            intake.frame(message, 0, AUTO)
    return [text for cause, text in problems if cause == "several cameras"]


@pytest.mark.parametrize(
    ("cameras", "words"),
    [
        ([("a", 6, 1.0), ("b", 6, 1.0), ("/c", 6, 1.0)], "3 cameras alternate: frames 'a', 'b', 'c'; give each"),
        ([("a", 6, 1.0), ("a", 4, 1.0), ("a", 2, 1.0)], "sizes 8x6, 8x4, 8x2"),
        ([("", 6, 1.0), ("", 6, 1.1), ("", 6, 1.2)], "focal lengths"),
        ([("a", 6, 1.0), ("b", 6, None)], "frames 'a', 'b'; focal lengths 7.3, unknown"),
    ],
)
def test_several_cameras_on_one_topic_are_reported_with_what_differs(cameras, words):
    texts = mixed(cameras * 4)
    assert texts
    assert words in texts[-1]
    assert "/cam/image" in texts[-1]


def test_images_of_another_frame_are_another_video():
    intake, *_ = make_intake()
    anew = []
    for index, frame in enumerate(["front", "/front", "rear", "rear", "front"]):
        message = image(1.0 + index / 10)
        message.header.frame_id = frame
        ready = intake.frame(message, 0, AUTO)
        anew.append((ready.starts_anew, ready.frame_before))
    assert anew == [(False, None), (False, None), (True, "front"), (False, None), (True, "rear")]


@pytest.mark.parametrize(
    "images",
    [
        [("a", 6, 1.0)] * 12,
        [("a", 6, 1.0), ("/a", 6, 1.0)] * 6,
        [("a", 6, 1.0)] * 6 + [("a", 4, 1.0)] * 6,  # the driver is set to another size
        [("a", 6, 1.0 + index / 100) for index in range(12)],  # somebody zooms
        [("a", 6, 1.0)] * 4 + [("b", 6, 1.0)] * 4 + [("a", 6, 1.0)] * 4,  # and back
    ],
)
def test_one_camera_that_changes_is_not_several(images):
    assert mixed(images) == []
