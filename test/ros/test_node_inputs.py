"""The node over the real middleware: images, CameraInfo and lenses that it takes, and bad ones that it reports."""

from __future__ import annotations

import array

import numpy as np
import pytest

pytest.importorskip("rclpy")
pytest.importorskip("metrichmsr_ros.msg")

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from helpers.fake_pipeline import FakePipeline, make_person
from helpers.ros_messages import HEIGHT, WIDTH, make_image, make_info, report_text, seconds_of
from helpers.ros_testing import CameraDriver
from sensor_msgs.msg import CompressedImage

from metrichmsr_ros.msg import HumanMeshArray


@pytest.mark.parametrize("reliable", [True, False])
def test_reliable_and_best_effort_publishers_are_received(ros, reliable):
    ros.perception(FakePipeline())
    humans = ros.hear("/perception/humans", HumanMeshArray)
    CameraDriver(ros, reliable=reliable).send_good(1.0)
    ros.until(lambda: humans, "a result")


def _zero_k(info):
    info.k = np.zeros(9)


def _nan_k(info):
    info.k = np.full(9, np.nan)


def _other_size(info):
    info.width, info.height = 2 * WIDTH, 2 * HEIGHT


def _other_frame(info):
    info.header.frame_id = "another_camera"


def _truncated(image):
    image.data = image.data[:100]


def _unknown_encoding(image):
    image.encoding = "klingon8"


def _wrong_step(image):
    image.step = 1


BAD_INFOS = [
    (_zero_k, "uncalibrated"),
    (_nan_k, "NaN"),
    (_other_size, "CameraInfo describes"),
    (_other_frame, "another"),
]


BAD_IMAGES = [(_truncated, "truncated"), (_unknown_encoding, "klingon8"), (_wrong_step, "step 1")]


@pytest.mark.parametrize(("spoil", "words"), BAD_INFOS + BAD_IMAGES)
def test_bad_input_is_reported_and_the_next_good_frame_works(ros, spoil, words):
    pipeline = FakePipeline([make_person()])
    node = ros.perception(pipeline)
    humans, reports = ros.hear("/perception/humans", HumanMeshArray), ros.hear("/diagnostics", DiagnosticArray)
    camera = CameraDriver(ros)
    image, info = make_image(1.0), make_info(1.0)
    spoil(info if (spoil, words) in BAD_INFOS else image)
    camera.send(image, info)
    ros.until(lambda: node.statistics.drops.total() == 1, "the bad frame counted")
    ros.until(lambda: any(words in report_text(report) for report in reports), f"a diagnostic with {words!r}")
    report = next(report for report in reports if words in report_text(report))
    assert report.status[0].level == DiagnosticStatus.ERROR
    assert not pipeline.calls
    camera.send_good(2.0)
    ros.until(lambda: humans, "the good frame")
    assert [seconds_of(message) for message in humans] == [2.0]


def test_a_failing_network_does_not_end_the_node(ros):
    pipeline = FakePipeline()
    pipeline.failure = RuntimeError("CUDA out of memory")
    node = ros.perception(pipeline)
    humans = ros.hear("/perception/humans", HumanMeshArray)
    camera = CameraDriver(ros)
    camera.send_good(1.0)
    ros.until(lambda: node.statistics.drops["failed"] == 1, "the failure counted")
    pipeline.failure = None
    camera.send_good(2.0)
    ros.until(lambda: humans, "the good frame")


def test_no_camera_info_then_cached_camera_info(ros):
    pipeline = FakePipeline()
    node = ros.perception(pipeline)
    humans = ros.hear("/perception/humans", HumanMeshArray)
    camera = CameraDriver(ros)
    camera.send(make_image(1.0))
    ros.until(lambda: node.statistics.drops["no camera_info"] == 1, "a drop without CameraInfo")
    camera.info.publish(make_info(0.5, focal=77.0))  # latched long ago, another stamp
    for index in range(3):
        camera.send(make_image(2.0 + index))
        ros.until(lambda want=index + 1: len(humans) == want, "a result with the cached CameraInfo")
    assert pipeline.calls[0][1].intrinsics[0, 0] == 77.0
    assert pipeline.calls[0][1] is pipeline.calls[2][1]  # rectification maps stay valid


def test_camera_info_of_the_same_stamp_is_preferred(ros):
    pipeline = FakePipeline()
    ros.perception(pipeline)
    ros.hear("/perception/humans", HumanMeshArray)
    camera = CameraDriver(ros)
    for seconds, focal in ((1.0, 50.0), (2.0, 60.0), (1.5, 70.0)):
        camera.info.publish(make_info(seconds, focal=focal))
    ros.settle(20)
    camera.send(make_image(2.0))
    ros.until(lambda: pipeline.calls, "a call")
    assert pipeline.calls[0][1].intrinsics[0, 0] == 60.0


def test_compressed_images(ros):
    import cv2

    pipeline = FakePipeline()
    ros.perception(
        pipeline, parameters={"image_transport": "compressed"}, cli_args=["--ros-args", "-r", "image:=/cam/rgb"]
    )
    humans = ros.hear("/perception/humans", HumanMeshArray)
    camera = CameraDriver(ros, image="/cam/rgb/compressed", image_type=CompressedImage)
    message = CompressedImage(header=make_image(3.0).header, format="rgb8; jpeg compressed bgr8")
    blue = np.full((HEIGHT, WIDTH, 3), (255, 0, 0), np.uint8)  # BGR
    message.data.frombytes(cv2.imencode(".jpg", blue)[1].tobytes())
    camera.send(message, make_info(3.0))
    ros.until(lambda: humans, "a result")
    assert pipeline.calls[0][0][5, 5, 2] > 240
    assert humans[0].header == message.header


@pytest.mark.parametrize(
    ("topic", "said", "focal", "distorted"),
    [
        ("/cam/image_raw", "auto", 50.0, True),
        ("/cam/image_rect", "auto", 44.0, False),
        ("/cam/image_raw", True, 44.0, False),
        ("/cam/image_rect", "false", 50.0, True),
    ],
)
def test_k_and_d_belong_to_raw_images_and_p_to_rectified_ones(ros, topic, said, focal, distorted):
    pipeline = FakePipeline()
    remap = ["--ros-args", "-r", f"image:={topic}"]
    ros.perception(pipeline, parameters={"image_rectified": str(said).lower()}, cli_args=remap)
    ros.hear("/perception/humans", HumanMeshArray)
    info = make_info(1.0)
    info.d.extend([-0.2, 0.05, 0.0, 0.0, 0.0])
    info.p = np.array([44.0, 0, 31.5, 0, 0, 44.0, 23.5, 0, 0, 0, 1, 0])
    CameraDriver(ros, image=topic).send(make_image(1.0), info)
    ros.until(lambda: pipeline.calls, "a call")
    used = pipeline.calls[0][1]
    assert (used.intrinsics[0, 0], used.is_distorted) == (focal, distorted)


LENSES = {
    "plumb_bob": [-0.28, 0.09, 0.001, -0.0005, -0.01],
    "rational_polynomial": [0.3, -0.1, 0.0005, 0.0003, 0.01, 0.62, -0.05, 0.02],
    "equidistant": [0.02, -0.008, 0.003, -0.001],
}


@pytest.mark.parametrize("lens", LENSES)
def test_a_body_of_a_raw_image_is_at_its_place_after_rectification(ros, lens):
    """Joints drawn through the lens by OpenCV, sent as a message, rectified: within a pixel of P's projection."""
    import cv2

    from metrichmsr_ros.geometry.rectify import Rectifier

    pipeline = FakePipeline()
    ros.perception(pipeline)
    ros.hear("/perception/humans", HumanMeshArray)
    info = make_info(1.0, width=640, height=480, focal=420.0)
    info.distortion_model = lens
    info.d.extend(LENSES[lens])
    info.p = np.array([380.0, 0, 318, 0, 0, 380, 241, 0, 0, 0, 1, 0])  # as a calibrator chooses it: the corners stay
    joints = np.array([[x, y, 3.5] for x in np.linspace(-2.2, 2.2, 6) for y in np.linspace(-1.6, 1.6, 4)])
    k, d = np.asarray(info.k).reshape(3, 3), np.array(LENSES[lens])
    project = cv2.fisheye.projectPoints if lens == "equidistant" else cv2.projectPoints
    pixels = project(joints[None], np.zeros(3), np.zeros(3), k, d)[0].reshape(-1, 2)
    rows, columns = np.mgrid[:480, :640]
    spots = sum(250 * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / 8) for x, y in pixels)
    message = make_image(1.0, width=640, height=480)
    message.data = array.array("B", np.repeat(spots.astype(np.uint8)[..., None], 3, axis=2).tobytes())
    CameraDriver(ros).send(message, info)
    ros.until(lambda: pipeline.calls, "a call")
    rectifier = Rectifier(pipeline.calls[0][1])
    straight = rectifier.rectify(pipeline.calls[0][0])[..., 0].astype(np.float64)
    expected = joints[:, :2] / 3.5 * 380 + (318, 241)
    np.testing.assert_allclose(rectifier.camera.project(joints), expected, atol=1e-6)
    for x, y in expected:
        near = straight * (np.hypot(columns - x, rows - y) < 12)
        found = (near * columns).sum() / near.sum(), (near * rows).sum() / near.sum()
        assert np.hypot(found[0] - x, found[1] - y) < 0.5
