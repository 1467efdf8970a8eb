"""The node's own conversions against those of ROS packages; skipped where these are not installed."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("rclpy")
pytest.importorskip("metrichmsr_ros.msg")

from helpers.fake_pipeline import FakePipeline, make_person
from helpers.ros_messages import make_header
from helpers.ros_testing import CameraDriver
from sensor_msgs.msg import CameraInfo, Image

from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.msg import HumanMeshArray
from metrichmsr_ros.ros.frames import body_frames, rotation_matrix
from metrichmsr_ros.ros.inputs.image_conversion import image_from_message
from metrichmsr_ros.ros.outputs.images import image_message, scene_points_message

WIDTH, HEIGHT = 16, 12
RNG = np.random.default_rng(7)


def image_of(encoding, pixels):
    message = Image(header=make_header(1.0), width=WIDTH, height=HEIGHT, encoding=encoding)
    message.step = pixels.nbytes // HEIGHT
    message.data.frombytes(pixels.tobytes())
    return message


@pytest.mark.parametrize(
    ("encoding", "channels", "kind"),
    [
        ("rgb8", 3, np.uint8), ("bgr8", 3, np.uint8), ("rgba8", 4, np.uint8), ("bgra8", 4, np.uint8),
        ("mono8", 1, np.uint8), ("rgb16", 3, np.uint16), ("bgr16", 3, np.uint16), ("mono16", 1, np.uint16),
        ("yuv422", 2, np.uint8), ("yuv422_yuy2", 2, np.uint8), ("bayer_rggb8", 1, np.uint8),
        ("bayer_bggr8", 1, np.uint8), ("bayer_gbrg8", 1, np.uint8), ("bayer_grbg8", 1, np.uint8),
    ],
)  # fmt: skip
def test_images_are_those_of_cv_bridge(encoding, channels, kind):
    cv_bridge = pytest.importorskip("cv_bridge")
    pixels = RNG.integers(0, np.iinfo(kind).max, (HEIGHT, WIDTH, channels), dtype=kind, endpoint=True)
    message = image_of(encoding, pixels)
    expected = cv_bridge.CvBridge().imgmsg_to_cv2(message, "rgb8")  # 16 bit: / 256, here * 255 / 65535
    assert np.abs(image_from_message(message).astype(int) - expected).max() <= 1


def test_cv_bridge_reads_the_depth():
    cv_bridge = pytest.importorskip("cv_bridge")
    depth = RNG.uniform(0.5, 9.0, (HEIGHT, WIDTH)).astype(np.float32)
    depth[2, 3] = np.nan
    read = cv_bridge.CvBridge().imgmsg_to_cv2(image_message(depth, make_header(1.0)), "passthrough")
    np.testing.assert_array_equal(read, depth)


def test_sensor_msgs_py_reads_the_cloud():
    point_cloud2 = pytest.importorskip("sensor_msgs_py.point_cloud2")
    camera = Camera.from_fov(WIDTH, HEIGHT, 1.0)
    depth = RNG.uniform(0.5, 9.0, (HEIGHT, WIDTH)).astype(np.float32)
    image = RNG.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    message = scene_points_message(depth, camera, make_header(1.0), image)
    read = point_cloud2.read_points(message, field_names=("x", "y", "z", "rgb"))
    v, u = np.mgrid[0:HEIGHT, 0:WIDTH]
    expected = camera.back_project(np.stack([u, v], axis=-1).astype(float), depth)
    found = np.stack([read["x"], read["y"], read["z"]], axis=-1).reshape(HEIGHT, WIDTH, 3)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    colours = np.ascontiguousarray(read["rgb"]).view(np.uint32).reshape(HEIGHT, WIDTH)
    packed = image.astype(np.uint32)
    np.testing.assert_array_equal(colours & 0xFFFFFF, packed[..., 0] << 16 | packed[..., 1] << 8 | packed[..., 2])


def test_tf_transformations_turns_as_we_do():
    tf_transformations = pytest.importorskip("tf_transformations")
    person = make_person(seed=3)
    _, (orientation,) = body_frames([person.pose], [person.joints_cam])
    expected = tf_transformations.quaternion_matrix(orientation)[:3, :3]
    np.testing.assert_allclose(rotation_matrix(orientation), expected, atol=1e-9)


def test_message_filters_pair_all_results_of_an_image_exactly(ros):
    message_filters = pytest.importorskip("message_filters")
    ros.perception(FakePipeline([make_person()]))
    topics = {"humans": HumanMeshArray, "overlay": Image, "depth/image": Image, "depth/camera_info": CameraInfo}
    subscribers = [message_filters.Subscriber(ros.node, kind, f"/perception/{name}") for name, kind in topics.items()]
    together = []
    message_filters.TimeSynchronizer(subscribers, 10).registerCallback(lambda *messages: together.append(messages))
    camera = CameraDriver(ros)
    for index in range(3):
        camera.send_good(1.0 + index)
        ros.until(lambda count=index + 1: len(together) == count, "all four results of one image")
    assert [messages[0].header.stamp.sec for messages in together] == [1, 2, 3]
    assert all(message.header == messages[0].header for messages in together for message in messages)
