"""The node over the real middleware, in one process: what it publishes, and when it computes nothing."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("rclpy")
pytest.importorskip("metrichmsr_ros.msg")

from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PoseArray
from helpers.fake_pipeline import FakePipeline, make_person
from helpers.ros_messages import FRAME, HEIGHT, WIDTH, make_image, make_info, report_text, seconds_of
from helpers.ros_testing import CameraDriver
from sensor_msgs.msg import CameraInfo, Image, PointCloud2
from std_srvs.srv import SetBool
from tf2_msgs.msg import TFMessage
from visualization_msgs.msg import MarkerArray

from metrichmsr_ros.depth.sources.base import DepthError
from metrichmsr_ros.msg import HumanMeshArray, MeshTopology
from metrichmsr_ros.pipeline.scene import OutputRequest
from metrichmsr_ros.ros.node import PerceptionNode, load_pipeline
from metrichmsr_ros.ros.parameters import Settings


def test_people_come_out_under_the_header_of_their_image(ros):
    pointing = np.array([0.6, 0.0, -0.8], np.float32)
    person = make_person(gestures=("waving_left", "pointing_right"), pointing_cam=pointing)
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
    assert list(human.gestures) == ["waving_left", "pointing_right"]
    np.testing.assert_array_equal([human.pointing.x, human.pointing.y, human.pointing.z], pointing)
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
    ros.until(lambda: any("not requested" in report_text(report) for report in reports), "a report before any depth")
    camera = CameraDriver(ros)
    camera.send_good(5.0)
    ros.until(lambda: clouds, "the cloud")
    ros.until(lambda: any("refiner" in report_text(report) for report in reports), "what made the depth")
    pipeline.depth = replace(pipeline.depth, calibration="memory", memory_left=0.37)
    camera.send_good(6.0)
    ros.until(lambda: any("37%" in report_text(report) for report in reports), "how much of the calibration is left")
    assert pipeline.calls[0][3] == OutputRequest(vertices=False, depth=True)
    assert (clouds[0].width, clouds[0].height, len(clouds[0].fields)) == (WIDTH // 2, HEIGHT // 2, 4)


def test_what_runs_the_network_is_reported(ros):
    pipeline = FakePipeline()
    pipeline.about = {"network on": "torch, cuda:1", "precision": "bf16", "graph hits by size": "1: 250"}
    ros.perception(pipeline)
    reports = ros.hear("/diagnostics", DiagnosticArray)
    ros.until(lambda: any("torch, cuda:1" in report_text(report) for report in reports), "the network's device")
    assert any("1: 250" in report_text(report) and "bf16" in report_text(report) for report in reports)


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


def test_clearing_points_come_for_every_image_also_of_nobody(ros):
    pipeline = FakePipeline([make_person()])
    ros.perception(pipeline)
    clouds = ros.hear("/perception/clearing_points", PointCloud2)
    camera = CameraDriver(ros)
    camera.send_good(7.0)
    ros.until(lambda: len(clouds) == 1, "a cloud")
    pipeline.people = []
    camera.send_good(8.0)
    ros.until(lambda: len(clouds) == 2, "a cloud of an empty image")
    assert [seconds_of(cloud) for cloud in clouds] == [7.0, 8.0]
    assert clouds[0].header.frame_id == FRAME
    assert clouds[0].width == clouds[1].width > 100
    assert (pipeline.calls[0][3].vertices, pipeline.calls[0][3].depth) == (False, False)  # rays need neither


def test_topology_waits_for_late_subscribers(ros):
    ros.perception(FakePipeline())
    topology = ros.hear("/perception/topology", MeshTopology, latched=True)
    ros.until(lambda: topology, "the topology")
    assert list(topology[0].faces) == [0, 1, 2, 0, 2, 3]
    assert (topology[0].body_model, len(topology[0].joint_names), topology[0].parents[0]) == ("fake_body", 24, -1)


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


def test_occluded_people_get_no_transform_but_stay_in_the_array(ros):
    ros.perception(FakePipeline([make_person("a1", is_occluded=True), make_person("b2", seed=1)]))
    humans, transforms = ros.hear("/perception/humans", HumanMeshArray), ros.hear("/tf", TFMessage)
    CameraDriver(ros).send_good(1.0)
    ros.until(lambda: humans and transforms, "a result")
    assert [human.id for human in humans[0].humans] == ["a1", "b2"]
    assert [t.child_frame_id for t in transforms[0].transforms] == ["body_b2"]
    assert transforms[0].transforms[0].header.frame_id == FRAME


def test_images_without_a_stamp_give_people_but_no_transforms(ros):
    ros.perception(FakePipeline([make_person("a1")]))
    humans, transforms = ros.hear("/perception/humans", HumanMeshArray), ros.hear("/tf", TFMessage)
    camera = CameraDriver(ros)
    for count, seconds in enumerate((0.0, 0.0, 1.0), start=1):
        camera.send_good(seconds)
        ros.until(lambda count=count: len(humans) == count, "a result")
    ros.until(lambda: transforms, "a transform")
    assert [seconds_of(transform) for message in transforms for transform in message.transforms] == [1.0]


def test_an_image_that_comes_while_the_node_is_deactivated_by_another_thread_is_no_error():
    offered = []

    class Deactivating:
        """What `_on_image` uses of a node; its worker is gone at the second look."""

        _enabled, _processor, _statistics = True, None, SimpleNamespace(image_received=lambda: None)

        def __init__(self):
            self.workers = [SimpleNamespace(offer=offered.append), None]

        @property
        def _worker(self):
            return self.workers.pop(0)

    PerceptionNode._on_image(Deactivating(), "image")
    assert [frame.message for frame in offered] == ["image"]


def test_one_depth_file_is_not_the_depth_of_every_image_of_the_node():
    with pytest.raises(DepthError, match=r"'file:x\.npy': one file is not the depth of every frame; choose from: auto"):
        load_pipeline(Settings(depth_source="file:x.npy"))
