"""The node over the real middleware, in one process: its outputs, and its handling of bad input."""

from __future__ import annotations

import array
import threading
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("rclpy")
pytest.importorskip("metrichmsr_ros.msg")

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from geometry_msgs.msg import PoseArray
from helpers.ros_testing import (
    FRAME,
    HEIGHT,
    WIDTH,
    CameraDriver,
    FakePipeline,
    make_header,
    make_image,
    make_info,
    make_person,
)
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, PointCloud2
from std_srvs.srv import SetBool
from tf2_msgs.msg import TFMessage
from visualization_msgs.msg import MarkerArray

from metrichmsr_ros.msg import HumanMeshArray, MeshTopology
from metrichmsr_ros.pipeline.scene import OutputRequest


def seconds_of(message):
    return message.header.stamp.sec + message.header.stamp.nanosec * 1e-9


def test_people_come_out_under_the_header_of_their_image(ros):
    person = make_person()
    ros.perception(FakePipeline([person]))
    heard = {
        name: ros.hear(f"/perception/{name}", kind)
        for name, kind in {
            "humans": HumanMeshArray, "depth/image": Image, "depth/camera_info": CameraInfo, "poses": PoseArray,
            "points": PointCloud2, "body_points": PointCloud2, "overlay": Image,
        }.items()
    }  # fmt: skip
    markers, transforms = ros.hear("/perception/markers", MarkerArray), ros.hear("/tf", TFMessage)
    camera = CameraDriver(ros)
    camera.send_good(1234567890.123456789)
    ros.until(lambda: all(heard.values()) and markers and transforms, "all topics")
    headers = [messages[0].header for messages in heard.values()]
    headers += [heard["humans"][0].humans[0].header, transforms[0].transforms[0].header, markers[0].markers[1].header]
    for header in headers:
        assert header == make_image(1234567890.123456789).header
    human = heard["humans"][0].humans[0]
    np.testing.assert_array_equal(human.pose, person.pose)
    np.testing.assert_array_equal(human.joints.reshape(24, 3), person.joints_cam)
    np.testing.assert_array_equal(np.array(human.vertices).reshape(-1, 3), person.vertices_cam)
    assert (human.id, human.age, human.body_model) == ("a1", 3, "fake_body")
    assert transforms[0].transforms[0].child_frame_id == "body_a1"


def test_depth_is_metres_with_nan_and_its_own_calibration(ros):
    ros.perception(FakePipeline())
    depths, infos = ros.hear("/perception/depth/image", Image), ros.hear("/perception/depth/camera_info", CameraInfo)
    CameraDriver(ros).send_good(5.0)
    ros.until(lambda: depths and infos, "depth")
    assert (depths[0].encoding, depths[0].width, depths[0].height) == ("32FC1", WIDTH, HEIGHT)
    depth = np.frombuffer(depths[0].data, np.float32).reshape(HEIGHT, WIDTH)
    assert depth[3, 4] == 2.5
    assert np.isnan(depth).sum() == depth.size - 1
    assert not any(infos[0].d)
    np.testing.assert_array_equal(infos[0].k, make_info(5.0).k)


def test_the_source_of_the_depth_is_reported(ros):
    pipeline = FakePipeline()
    pipeline.depth = replace(pipeline.depth, source="fastdepth", calibration="refiner")
    ros.perception(pipeline)
    reports, clouds = ros.hear("/diagnostics", DiagnosticArray), ros.hear("/perception/points", PointCloud2)
    ros.until(lambda: any("not requested" in text_of(report) for report in reports), "a report before any depth")
    camera = CameraDriver(ros)
    camera.send_good(5.0)
    ros.until(lambda: clouds, "the cloud")
    ros.until(lambda: any("refiner" in text_of(report) for report in reports), "what made the depth")
    pipeline.depth = replace(pipeline.depth, calibration="memory", memory_left=0.37)
    camera.send_good(6.0)
    ros.until(lambda: any("37%" in text_of(report) for report in reports), "how much of the calibration is left")
    assert pipeline.calls[0][3] == OutputRequest(vertices=False, depth=True)
    assert (clouds[0].width, clouds[0].height, len(clouds[0].fields)) == (WIDTH // 2, HEIGHT // 2, 4)


def test_depth_is_not_computed_unless_requested(ros):
    pipeline = FakePipeline()
    ros.perception(pipeline)
    humans = ros.hear("/perception/humans", HumanMeshArray)
    CameraDriver(ros).send_good(5.0)
    ros.until(lambda: humans, "people")
    assert not pipeline.calls[0][3].depth


def test_an_empty_image_gives_an_empty_array(ros):
    ros.perception(FakePipeline())
    humans = ros.hear("/perception/humans", HumanMeshArray)
    CameraDriver(ros).send_good(7.0)
    ros.until(lambda: humans, "an empty array")
    assert humans[0].humans == []
    assert seconds_of(humans[0]) == 7.0


def test_topology_waits_for_late_subscribers(ros):
    ros.perception(FakePipeline())
    topology = ros.hear("/perception/topology", MeshTopology, latched=True)
    ros.until(lambda: topology, "the topology")
    assert list(topology[0].faces) == [0, 1, 2, 0, 2, 3]
    assert (topology[0].body_model, len(topology[0].joint_names), topology[0].parents[0]) == ("fake_body", 24, -1)


def test_flood_at_any_rate_leaves_only_the_newest_frame(ros):
    pipeline = FakePipeline()
    pipeline.gate = threading.Semaphore(0)
    node = ros.perception(pipeline)
    humans = ros.hear("/perception/humans", HumanMeshArray)
    camera = CameraDriver(ros)
    camera.send_good(1.0)
    ros.until(lambda: pipeline.calls, "the first frame in work")
    for index in range(1, 121):  # one second of a 120 Hz camera while the network is busy
        camera.send_good(1.0 + index / 120, value=index)
        ros.settle(4)
    ros.until(lambda: node.statistics.received == 121, "all frames received")
    pipeline.gate.release(2)
    ros.until(lambda: len(humans) == 2, "two results")
    assert [seconds_of(message) for message in humans] == pytest.approx([1.0, 2.0], abs=1e-6)
    assert pipeline.calls[1][0][0, 0, 0] == 120
    assert node.statistics.drops == {"superseded": 119}


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
    ros.until(lambda: any(words in text_of(report) for report in reports), f"a diagnostic with {words!r}")
    report = next(report for report in reports if words in text_of(report))
    assert report.status[0].level == DiagnosticStatus.ERROR
    assert not pipeline.calls
    camera.send_good(2.0)
    ros.until(lambda: humans, "the good frame")
    assert [seconds_of(message) for message in humans] == [2.0]


def text_of(report):
    return " ".join(pair.value for status in report.status for pair in status.values)


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


def test_a_bag_that_loops_resets_the_tracks(ros):
    pipeline = FakePipeline()
    node = ros.perception(pipeline)
    humans = ros.hear("/perception/humans", HumanMeshArray)
    camera = CameraDriver(ros)
    resets = pipeline.resets
    for count, seconds in enumerate([100.0, 100.1, 103.0, 90.0, 90.1], start=1):
        camera.send_good(seconds)
        ros.until(lambda want=count: len(humans) == want, f"the result of {seconds}")
    assert (pipeline.resets - resets, node.statistics.resets) == (1, 1)


def test_late_and_repeated_frames_are_left_out(ros):
    node = ros.perception(FakePipeline())
    humans = ros.hear("/perception/humans", HumanMeshArray)
    camera = CameraDriver(ros)
    for count, seconds in enumerate([10.0, 10.0, 9.95, 10.1], start=1):
        camera.send_good(seconds)
        ros.until(lambda want=count: node.statistics.processed + node.statistics.drops.total() == want, "a verdict")
    assert node.statistics.drops == {"duplicate stamp": 1, "out of order": 1}
    ros.until(lambda: len(humans) == 2, "two results")


def test_nothing_is_computed_without_subscribers(ros):
    pipeline = FakePipeline([make_person()])
    node = ros.perception(pipeline)
    camera = CameraDriver(ros)
    camera.send_good(1.0)
    ros.until(lambda: node.statistics.drops["idle"] == 1, "an idle frame")
    assert not pipeline.calls
    poses = ros.hear("/perception/poses", PoseArray)
    camera.send_good(2.0)
    ros.until(lambda: poses, "poses")
    assert (pipeline.calls[0][3].vertices, pipeline.calls[0][3].depth) == (False, False)


def test_enable_service(ros):
    node = ros.perception(FakePipeline())
    humans = ros.hear("/perception/humans", HumanMeshArray)
    camera = CameraDriver(ros)
    client = ros.node.create_client(SetBool, "/perception/enable")
    ros.until(client.service_is_ready, "the service")
    answer = client.call_async(SetBool.Request(data=False))
    ros.until(answer.done, "an answer")
    camera.send_good(1.0)
    ros.until(lambda: node.statistics.drops["disabled"] == 1, "a frame while disabled")
    answer = client.call_async(SetBool.Request(data=True))
    ros.until(answer.done, "an answer")
    camera.send_good(2.0)
    ros.until(lambda: humans, "a result")
    assert seconds_of(humans[0]) == 2.0


def test_two_cameras_in_two_namespaces_keep_their_people_apart(ros):
    pipelines = {name: FakePipeline([make_person("a1")]) for name in ("left", "right")}
    for name, pipeline in pipelines.items():
        ros.perception(pipeline, namespace=name, parameters={"id_prefix": f"{name}_"})
    heard = {name: ros.hear(f"/{name}/perception/humans", HumanMeshArray) for name in pipelines}
    transforms = ros.hear("/tf", TFMessage)
    cameras = {name: CameraDriver(ros, f"/{name}/image", f"/{name}/camera_info") for name in pipelines}
    cameras["left"].send_good(1.0)
    cameras["right"].send_good(2.0)
    ros.until(lambda: all(heard.values()) and len(transforms) == 2, "both results")
    assert [seconds_of(heard[name][0]) for name in ("left", "right")] == [1.0, 2.0]
    assert {t.transforms[0].child_frame_id for t in transforms} == {"body_left_a1", "body_right_a1"}


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


def test_occluded_people_get_no_transform_but_stay_in_the_array(ros):
    ros.perception(FakePipeline([make_person("a1", is_occluded=True), make_person("b2", seed=1)]))
    humans, transforms = ros.hear("/perception/humans", HumanMeshArray), ros.hear("/tf", TFMessage)
    CameraDriver(ros).send_good(1.0)
    ros.until(lambda: humans and transforms, "a result")
    assert [human.id for human in humans[0].humans] == ["a1", "b2"]
    assert [t.child_frame_id for t in transforms[0].transforms] == ["body_b2"]
    assert transforms[0].transforms[0].header.frame_id == FRAME


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


def test_simulated_time_that_stands_still_does_not_stop_the_node(ros):
    ros.perception(FakePipeline(), parameters={"use_sim_time": True, "max_age": 0.5})
    humans, reports = ros.hear("/perception/humans", HumanMeshArray), ros.hear("/diagnostics", DiagnosticArray)
    CameraDriver(ros).send_good(0.25)
    ros.until(lambda: humans and reports, "a result and a report")


def test_frames_older_than_max_age_are_dropped(ros):
    from rosgraph_msgs.msg import Clock

    node = ros.perception(FakePipeline(), parameters={"use_sim_time": True, "max_age": 0.5})
    humans = ros.hear("/perception/humans", HumanMeshArray)
    camera, clock = CameraDriver(ros), ros.node.create_publisher(Clock, "/clock", 1)
    ros.until(lambda: clock.get_subscription_count() > 0, "a reader of the clock")
    clock.publish(Clock(clock=make_header(20.0).stamp))
    ros.until(lambda: node.get_clock().now().nanoseconds == 20 * 10**9, "the clock")
    for seconds in (19.0, 19.8):
        camera.send_good(seconds)
        ros.until(lambda: node.statistics.processed + node.statistics.drops.total() >= 1, "a verdict")
        ros.settle(20)
    ros.until(lambda: humans, "the fresh frame")
    assert seconds_of(humans[0]) == 19.8
    assert node.statistics.drops == {"too old": 1}
