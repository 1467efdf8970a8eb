"""Depth messages against arrays: units, byte order, padding, other sizes and cameras, and the moment they belong to."""

from __future__ import annotations

import threading

import cv2
import numpy as np
import pytest

pytest.importorskip("rclpy")
pytest.importorskip("metrichmsr_ros.msg")

from helpers.fake_pipeline import DEADLINE_S
from helpers.ros_messages import FRAME, HEIGHT, WIDTH, make_header, make_info
from sensor_msgs.msg import Image

from metrichmsr_ros.depth.sources.base import DepthError, resampled
from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.ros.inputs.depth import DepthImages, depth_map

CAMERA = Camera(WIDTH, HEIGHT, np.array(make_info(0.0).k).reshape(3, 3))


def depth_message(seconds, pixels, encoding, big_endian=False, padding=0, frame=FRAME):
    stored = pixels.astype(pixels.dtype.newbyteorder(">" if big_endian else "<"))
    height, width = stored.shape
    rows = [row.tobytes() + b"\xff" * padding for row in stored]
    message = Image(header=make_header(seconds, frame), width=width, height=height, encoding=encoding)
    message.step, message.is_bigendian = len(rows[0]), big_endian
    message.data.frombytes(b"".join(rows))
    return message


@pytest.mark.parametrize("big_endian", [False, True])
@pytest.mark.parametrize("padding", [0, 8])
@pytest.mark.parametrize(("encoding", "dtype", "unit"), [("16UC1", np.uint16, 1e-3), ("32FC1", np.float32, 1.0)])
def test_depth_is_in_metres_and_holes_are_nan(encoding, dtype, unit, padding, big_endian):
    pixels = (np.arange(HEIGHT * WIDTH).reshape(HEIGHT, WIDTH) % 4000).astype(dtype)
    found = depth_map(depth_message(1.0, pixels, encoding, big_endian, padding), None, CAMERA)
    expected = np.where(pixels > 0, pixels * unit, np.nan)
    np.testing.assert_allclose(found.depth, expected, rtol=1e-6)
    assert found.camera == CAMERA


def test_another_size_shows_the_same_without_a_calibration_of_its_own():
    pixels = np.full((HEIGHT // 2, WIDTH // 2), 1500, np.uint16)
    pixels[:, : WIDTH // 4] = 3000
    found = depth_map(depth_message(1.0, pixels, "16UC1"), None, CAMERA)
    whole = resampled(found, CAMERA)
    np.testing.assert_allclose(whole[:, : WIDTH // 2], 3.0)
    np.testing.assert_allclose(whole[:, WIDTH // 2 :], 1.5)


LENS = Camera(WIDTH, HEIGHT, CAMERA.intrinsics, "plumb_bob", np.array([-0.4, 0.1, 0.0, 0.0, 0.0]))


def edge_of(topic, info, camera):
    """Column in the rectified image where depth changes that changes at column 56 of its message."""
    pixels = np.full((HEIGHT, WIDTH), 1000, np.uint16)
    pixels[:, 56:] = 3000
    images = DepthImages(wait_s=0.0, topic=topic)
    if info is not None:
        images.add_info(info)
    images.add(depth_message(1.0, pixels, "16UC1"))
    whole = resampled(images.of(make_header(1.0), camera), camera.rectified())
    return int(np.argmax(whole[HEIGHT // 2] > 2))


def test_depth_of_a_raw_image_has_its_distortion_unless_its_topic_is_rectified():
    """Drivers align depth to the raw image; depth_image_proc registers it to the rectified one."""
    info = make_info(1.0)
    info.d = LENS.distortion.tolist()
    k = LENS.intrinsics
    straight = cv2.undistortPoints(np.array([[[55.5, HEIGHT / 2]]]), k, LENS.distortion, P=k)[0, 0, 0]
    assert straight > 57
    for given in (None, info):
        assert edge_of("/camera/aligned_depth_to_color/image_raw", given, LENS) == np.ceil(straight)
        assert edge_of("/camera/depth_registered/image_rect", given, LENS) == 56
    assert edge_of("/depth", None, CAMERA) == 56


def test_another_camera_is_read_by_its_own_calibration():
    """Half the focal length: the image sees the middle of the depth, beyond it nothing is missing."""
    pixels = np.full((HEIGHT, WIDTH), np.nan, np.float32)
    pixels[HEIGHT // 4 : -HEIGHT // 4, WIDTH // 4 : -WIDTH // 4] = 2.0
    found = depth_map(depth_message(1.0, pixels, "32FC1"), make_info(1.0, focal=25.0), CAMERA)
    assert np.nanmedian(resampled(found, CAMERA)) == 2
    assert np.isfinite(resampled(found, CAMERA))[1:-1, 1:-1].all()


def test_the_depth_of_the_same_moment_is_taken():
    images = DepthImages()
    for index in range(12):
        images.add(depth_message(index / 30, np.full((2, 2), 1000 + index, np.uint16), "16UC1"))
    assert images.of(make_header(8 / 30), CAMERA).depth[0, 0] == pytest.approx(1.008)
    assert images.of(make_header(11 / 30 + 0.01), CAMERA).depth[0, 0] == pytest.approx(1.011)
    with pytest.raises(DepthError, match=r"newest is 0\.63 s older"):
        images.of(make_header(1.0), CAMERA)
    with pytest.raises(DepthError, match=r"newest is 2\.37 s newer"):
        images.of(make_header(11 / 30 - 2.37), CAMERA)


def watched(images):
    """The same, with the lengths of its waits in a list, and an event that is set once somebody waits."""
    waits, is_waiting, wait_for = [], threading.Event(), images._arrived.wait_for

    def noted(condition, timeout):
        waits.append(timeout)
        is_waiting.set()
        return wait_for(condition, timeout)

    images._arrived.wait_for = noted
    return waits, is_waiting


def test_without_depth_messages_nothing_is_awaited():
    images = DepthImages(wait_s=DEADLINE_S)
    waits, _ = watched(images)
    with pytest.raises(DepthError, match="none was received"):
        images.of(make_header(1.0), CAMERA)
    assert not any(waits)


def test_depth_that_comes_a_little_later_is_awaited():
    images, answers = DepthImages(wait_s=DEADLINE_S), []
    _, is_waiting = watched(images)
    images.add(depth_message(0.96, np.full((2, 2), 1000, np.uint16), "16UC1"))
    waiting = threading.Thread(target=lambda: answers.append(images.of(make_header(1.0), CAMERA)))
    waiting.start()
    assert is_waiting.wait(DEADLINE_S)
    images.add(depth_message(1.0, np.full((2, 2), 2000, np.uint16), "16UC1"))
    waiting.join(timeout=DEADLINE_S)
    assert answers[0].depth[0, 0] == 2


def test_depth_that_cannot_be_used_is_named():
    good = np.ones((4, 4), np.uint16)
    images = DepthImages()
    images.add(depth_message(1.0, good, "16UC1", frame="ir_optical"))
    with pytest.raises(DepthError, match=r"frame 'ir_optical'.*register"):
        images.of(make_header(1.0), CAMERA)
    with pytest.raises(DepthError, match="16UC1"):
        depth_map(depth_message(1.0, good, "rgb8"), None, CAMERA)
    cut = depth_message(1.0, good, "16UC1")
    cut.data = cut.data[:-3]
    with pytest.raises(DepthError, match="truncated"):
        depth_map(cut, None, CAMERA)
    with pytest.raises(DepthError, match="CameraInfo of the depth image"):
        depth_map(depth_message(1.0, good, "16UC1"), make_info(1.0, width=99), CAMERA)


def depth_at(images, seconds, millimetres=1000):
    images.add(depth_message(seconds, np.full((2, 2), millimetres, np.uint16), "16UC1"))


@pytest.mark.parametrize("offset", [-0.02, 0.02, 0.045])
def test_depth_of_other_stamps_is_taken_at_once_after_two_images(offset):
    """A sensor whose stamps are never the camera's: nothing equal is worth waiting for, and what is near is there."""
    images = DepthImages(wait_s=0.001)
    waits, _ = watched(images)
    for index in range(10):
        depth_at(images, index / 30 + offset, 1000 + index)
        found = images.of(make_header(index / 30), CAMERA).depth[0, 0]
        nearest = min(range(index + 1), key=lambda other: abs(other / 30 + offset - index / 30))
        assert found == pytest.approx(1 + nearest / 1000)
    assert len(waits) == 1


def test_depth_of_half_the_rate_keeps_no_second_image_waiting():
    images = DepthImages(wait_s=0.001)
    waits, _ = watched(images)
    for index in range(20):
        if index % 2 == 0:
            depth_at(images, index / 30)
        assert images.of(make_header(index / 30), CAMERA).depth[0, 0] == 1
    assert len(waits) == 1


def test_a_sensor_that_died_is_not_waited_for():
    images = DepthImages(wait_s=0.001)
    waits, _ = watched(images)
    depth_at(images, 0.0)
    for index in range(10, 20):
        with pytest.raises(DepthError, match="newest is"):
            images.of(make_header(index / 30), CAMERA)
    assert len(waits) == 1


def test_equal_stamps_are_waited_for_again_once_they_come_in_time():
    images, answers = DepthImages(wait_s=DEADLINE_S), []
    depth_at(images, 0.98)
    images._equal.missing(1, 0.0)
    images._equal.missing(2, 0.0)  # two images without depth of their own
    assert images.of(make_header(1.0), CAMERA).depth[0, 0] == 1
    depth_at(images, 1.0)
    depth_at(images, 2.0)
    images.of(make_header(2.0), CAMERA)
    _, is_waiting = watched(images)
    waiting = threading.Thread(target=lambda: answers.append(images.of(make_header(2.02), CAMERA)))
    waiting.start()
    assert is_waiting.wait(DEADLINE_S)
    depth_at(images, 2.02, 3000)
    waiting.join(timeout=DEADLINE_S)
    assert answers[0].depth[0, 0] == pytest.approx(3)


@pytest.mark.parametrize(("of_depth", "of_image"), [("", "cam"), ("/cam", "cam"), ("cam", "/cam"), ("cam", "")])
def test_slashes_and_empty_frames_of_depth_are_no_other_frame(of_depth, of_image):
    images = DepthImages(wait_s=0.0)
    images.add(depth_message(1.0, np.full((2, 2), 1000, np.uint16), "16UC1", frame=of_depth))
    assert images.of(make_header(1.0, of_image), CAMERA).depth[0, 0] == 1


def test_what_is_unusual_about_the_depth_cameras_calibration_is_a_problem_and_no_warning(recwarn):
    problems = []
    images = DepthImages(wait_s=0.0, problem=lambda *problem: problems.append(problem))
    info = make_info(1.0)
    info.k[2], info.k[5] = WIDTH / 4, HEIGHT / 4  # of half the resolution
    info.p = np.insert(info.k.reshape(3, 3), 3, 0.0, axis=1).reshape(12)
    images.add_info(info)
    images.add(depth_message(1.0, np.full((HEIGHT, WIDTH), 1000, np.uint16), "16UC1"))
    assert images.of(make_header(1.0), CAMERA).camera.intrinsics[0, 2] == WIDTH / 4
    ((cause, text),) = problems
    assert cause == "doubtful depth_info"
    assert "CameraInfo of the depth image" in text
    assert "another resolution" in text
    assert len(recwarn) == 0
