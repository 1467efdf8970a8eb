"""The node gives the same results with and without optional ROS packages; skipped if they are not installed."""

from __future__ import annotations

import array

import numpy as np
import pytest

pytest.importorskip("rclpy")
pytest.importorskip("metrichmsr_ros.msg")

from helpers.fake_pipeline import FakePipeline, make_person
from helpers.ros_messages import make_header
from helpers.ros_testing import CameraDriver
from sensor_msgs.msg import CameraInfo, Image

from metrichmsr_ros.depth.engine import SceneDepth
from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.msg import HumanMeshArray
from metrichmsr_ros.pipeline.scene import Scene
from metrichmsr_ros.ros import frames
from metrichmsr_ros.ros.frames import body_frames, rotation_matrix
from metrichmsr_ros.ros.inputs import bridge
from metrichmsr_ros.ros.inputs.bit_depth import BitDepth
from metrichmsr_ros.ros.inputs.bridge import SAME_AS_CV_BRIDGE, rgb_by_cv_bridge
from metrichmsr_ros.ros.inputs.image_conversion import image_from_message
from metrichmsr_ros.ros.outputs import clouds
from metrichmsr_ros.ros.outputs.clouds import body_points_message, scene_points_message
from metrichmsr_ros.ros.outputs.images import image_message
from metrichmsr_ros.ros.outputs.people import bodies_of

WIDTH, HEIGHT = 16, 12
RNG = np.random.default_rng(7)


CHANNELS = {"rgb": 3, "bgr": 3, "rgba": 4, "bgra": 4, "yuv422": 2, "yuv422_yuy2": 2}


def image_of(encoding, padding=0):
    """Random pixels; each row is followed by `padding` bytes."""
    kind = np.uint16 if encoding.endswith("16") else np.uint8
    channels = CHANNELS.get(encoding.removesuffix("8").removesuffix("16"), 1)
    pixels = RNG.integers(0, np.iinfo(kind).max, (HEIGHT, WIDTH * channels), dtype=kind, endpoint=True)
    rows = [row.tobytes() + b"\xff" * padding for row in pixels]
    message = Image(header=make_header(1.0), width=WIDTH, height=HEIGHT, encoding=encoding, step=len(rows[0]))
    message.data.frombytes(b"".join(rows))
    return message


@pytest.mark.parametrize("encoding", ["rgb8", *sorted(SAME_AS_CV_BRIDGE)])
@pytest.mark.parametrize("padded_pixels", [0, 3])
def test_images_are_those_of_cv_bridge_to_the_last_bit(encoding, padded_pixels, monkeypatch):
    cv_bridge = pytest.importorskip("cv_bridge")
    pixel_bytes = image_of(encoding).step // WIDTH
    message = image_of(encoding, padded_pixels * pixel_bytes)
    expected = cv_bridge.CvBridge().imgmsg_to_cv2(message, "rgb8")
    used = rgb_by_cv_bridge(message, pixel_bytes)
    assert (used is None) == (encoding == "rgb8")
    np.testing.assert_array_equal(image_from_message(message), expected)
    monkeypatch.setattr(bridge, "_bridge", lambda: None)
    assert rgb_by_cv_bridge(message, pixel_bytes) is None
    np.testing.assert_array_equal(image_from_message(message), expected)


@pytest.mark.parametrize("encoding", ["mono16", "rgb16", "rgba16"])
def test_images_of_16_bits_are_converted_once(encoding, monkeypatch):
    """Either by cv_bridge, where all bits are used, or by this package."""
    pytest.importorskip("cv_bridge")
    scaled = []
    to_8_bits = BitDepth.to_8_bits
    monkeypatch.setattr(BitDepth, "to_8_bits", lambda *given: scaled.append(1) or to_8_bits(*given))
    message, depth = image_of(encoding), BitDepth()
    image_from_message(message, depth)
    assert (scaled, depth.bits) == ([], 16)
    few_bits = np.frombuffer(message.data, np.uint16) // 16  # 12 bits
    message.data = array.array("B", few_bits.tobytes())
    image_from_message(message)
    assert scaled == [1]


def test_what_cv_bridge_misreads_is_not_left_to_it():
    pytest.importorskip("cv_bridge")
    odd_rows, short = image_of("bgr8", padding=1), image_of("bgr8", padding=3)
    short.data = short.data[:-3]  # the padding of the last row
    big_endian = image_of("mono16")
    big_endian.is_bigendian = 1
    assert rgb_by_cv_bridge(odd_rows, 3) is rgb_by_cv_bridge(short, 3) is rgb_by_cv_bridge(big_endian, 2) is None
    rows = np.frombuffer(odd_rows.data, np.uint8).reshape(HEIGHT, -1)[:, :-1].reshape(HEIGHT, WIDTH, 3)
    np.testing.assert_array_equal(image_from_message(odd_rows), rows[..., ::-1])


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


def test_clouds_are_those_of_sensor_msgs_py_to_the_last_bit(monkeypatch):
    pytest.importorskip("sensor_msgs_py.point_cloud2")
    camera, header = Camera.from_fov(WIDTH, HEIGHT, 1.0), make_header(1.0)
    depth = RNG.uniform(0.5, 9.0, (HEIGHT, WIDTH)).astype(np.float32)
    image = RNG.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    bodies = bodies_of(Scene(1.0, camera, image, [make_person()], SceneDepth.not_requested(camera)))

    def every():
        coloured = scene_points_message(depth, camera, header, image, 2)
        plain = scene_points_message(depth, camera, header)
        return [coloured, plain, body_points_message(bodies, header), body_points_message([], header)]

    by_sensor_msgs_py = every()
    monkeypatch.setattr(clouds, "create_cloud", None)
    assert every() == by_sensor_msgs_py


def test_tf_transformations_turns_as_we_do(monkeypatch):
    tf_transformations = pytest.importorskip("tf_transformations")
    person = make_person(seed=3)
    _, (orientation,) = body_frames([person.pose], [person.joints_cam])
    expected = tf_transformations.quaternion_matrix(orientation)[:3, :3]
    np.testing.assert_array_equal(rotation_matrix(orientation), expected)
    monkeypatch.setattr(frames, "quaternion_matrix", None)
    np.testing.assert_allclose(rotation_matrix(orientation), expected, atol=1e-15)


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
