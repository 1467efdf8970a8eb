"""Floor from /tf and depth from its topic, on their way to the pipeline."""

from __future__ import annotations

import contextlib
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from metrichmsr_ros.ros.tf_tree import TransformError

pytest.importorskip("rclpy")
pytest.importorskip("metrichmsr_ros.msg")

from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import Quaternion, Transform, TransformStamped, Vector3
from helpers.fake_pipeline import DEADLINE_S, FakePipeline, make_person
from helpers.ros_messages import FRAME, HEIGHT, WIDTH, make_header, make_image, make_info
from helpers.ros_testing import CameraDriver
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, Image, PointCloud2
from tf2_msgs.msg import TFMessage

from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.msg import HumanMeshArray
from metrichmsr_ros.pipeline.scale.evidence import ScaleCorrection
from metrichmsr_ros.ros.inputs.camera_info import CameraInfos
from metrichmsr_ros.ros.inputs.depth import DepthImages
from metrichmsr_ros.ros.inputs.detections import DetectedBoxes
from metrichmsr_ros.ros.inputs.intake import Intake
from metrichmsr_ros.ros.inputs.scene_context import ContextProvider
from metrichmsr_ros.ros.inputs.waiting import WaitBudget
from metrichmsr_ros.ros.tf import TransformListener

SECOND = 10**9


def quaternion_of(rotvec):
    return Rotation.from_rotvec(rotvec).as_quat().tolist()


def test_the_listener_follows_a_bag_that_loops(ros):
    """A late transform of the time before the jump must not lock out those after it; static ones stay."""
    listener = TransformListener(ros.node)
    publisher = ros.node.create_publisher(TFMessage, "/tf", 100)
    latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    static = ros.node.create_publisher(TFMessage, "/tf_static", latched)
    static.publish(TFMessage(transforms=[moved("camera", FRAME, 0.0, 0.25)]))
    ros.until(lambda: publisher.get_subscription_count() > 0, "the listener")

    def known(second):
        try:
            return listener.matrix("world", FRAME, second * SECOND)[0, 3]
        except TransformError:
            return None

    for seconds in (range(3, 15), range(1, 15)):
        publisher.publish(TFMessage(transforms=[moved(FRAME, f"body_{seconds[0]}", seconds[0], 3)]))  # whoever is first
        for second in seconds:
            publisher.publish(TFMessage(transforms=[moved("world", "camera", second, second)]))
            ros.until(lambda second=second: known(second) == second + 0.25, f"the transform of second {second}")
        assert known(20) is None
    listener.close()
    assert not [name for name, _ in ros.node.get_service_names_and_types() if "tf2" in name]


def moved(parent, child, seconds, x):
    transform = Transform(translation=Vector3(x=float(x)), rotation=Quaternion(w=1.0))
    return TransformStamped(header=make_header(seconds, parent), child_frame_id=child, transform=transform)


class Robot:
    """Publishes the pose of the camera: 1.2 m above the floor, level, looking ahead, on the move."""

    def __init__(self, ros):
        self.moving = ros.node.create_publisher(TFMessage, "/tf", 10)
        self.fixed = ros.node.create_publisher(
            TFMessage, "/tf_static", QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        )
        ros.until(lambda: self.moving.get_subscription_count() and self.fixed.get_subscription_count(), "a tf listener")
        optical = Rotation.from_matrix([[0, 0, 1], [-1, 0, 0], [0, -1, 0]]).as_rotvec()
        self.fixed.publish(TFMessage(transforms=[transform("base", FRAME, 0.0, (0.1, 0, 1.2), optical)]))

    def move(self, seconds):
        message = transform("floor", "base", seconds, (seconds, 0, 0), [0, 0, 0.3])
        self.moving.publish(TFMessage(transforms=[message]))


def transform(parent, child, seconds, translation, rotvec):
    x, y, z, w = quaternion_of(rotvec)
    message = TransformStamped(header=make_header(seconds, parent), child_frame_id=child)
    message.transform = Transform(
        translation=Vector3(**dict(zip("xyz", map(float, translation), strict=True))),
        rotation=Quaternion(x=x, y=y, z=z, w=w),
    )
    return message


def rolled(degrees, down=0.0):
    """Pose of a camera 1.2 m high that is turned about its optical axis, then looks down by `down` degrees."""
    level = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])  # x right, y down, z ahead; the floor's z is up
    turns = Rotation.from_euler("x", -down, degrees=True) * Rotation.from_euler("z", degrees, degrees=True)
    pose = np.eye(4)
    pose[:3, :3], pose[2, 3] = level @ turns.as_matrix(), 1.2
    return pose


@pytest.mark.parametrize(
    ("degrees", "down", "told"),
    [
        (0, 0, None),
        (20, 10, None),
        (180, 0, "180 degrees to the"),
        (180, 30, "180 degrees to the"),
        (90, 0, "90 degrees to the left of the image's top: people are searched for in images that are turned by 270"),
        (-90, 0, "90 degrees to the right of the image's top: people are searched for in images that are turned by 90"),
        (180, 80, None),  # looks at the floor
    ],
)
def test_a_camera_that_is_rolled_is_named_and_its_floor_is_used(degrees, down, told):
    problems, pose = [], rolled(degrees, down)
    transforms = SimpleNamespace(matrix=lambda target, source, stamp: pose)
    contexts = ContextProvider(transforms, DepthImages(), DetectedBoxes(), lambda *problem: problems.append(problem))
    parameters = SimpleNamespace(use_floor=True, use_depth=True, ground_frame="floor")
    for stamp in (1.0, 1.1):  # told once
        context = contexts.of(make_header(stamp), Camera.from_fov(64, 48, 1.0), parameters)
    assert context.floor.height == pytest.approx(-1.2)
    assert [cause for cause, _ in problems] == ["rolled camera"] * (told is not None)
    assert told is None or told in problems[0][1]


def test_the_floor_follows_tf(ros):
    pipeline = FakePipeline([make_person()])
    node = ros.perception(pipeline, parameters={"ground_frame": "floor"})
    humans = ros.hear("/perception/humans", HumanMeshArray)
    camera, robot = CameraDriver(ros), Robot(ros)
    robot.move(1.0)
    ros.settle(20)
    camera.send_good(1.0)
    ros.until(lambda: humans, "a result")
    floor = pipeline.contexts[-1].floor
    np.testing.assert_allclose(floor.up, [0, -1, 0], atol=1e-6)  # the optical frame's y points down
    assert floor.height == pytest.approx(-1.2)
    camera.send_good(1.5)  # tf is late: the pose of half a second ago serves
    ros.until(lambda: len(humans) == 2, "a result")
    assert pipeline.contexts[-1].floor is not None
    reports = ros.hear("/diagnostics", DiagnosticArray)
    camera.send_good(4.0)  # that of three seconds ago does not
    ros.until(lambda: len(humans) == 3, "a result without a floor")
    assert pipeline.contexts[-1].floor is None
    ros.until(lambda: any("floor to cam_optical" in values_of(report) for report in reports), "a diagnostic")
    node.set_parameters([Parameter("use_floor", value=False)])
    robot.move(4.1)
    ros.settle(20)
    camera.send_good(4.1)
    ros.until(lambda: len(humans) == 4, "a result")
    assert pipeline.contexts[-1].floor.height == pytest.approx(-1.2)
    assert pipeline.contexts[-1].up is not None
    assert not pipeline.contexts[-1].measures_scale
    assert [context.forgets_measurements for context in pipeline.contexts] == [False, False, False, True]


def test_without_use_floor_a_rolled_camera_is_still_turned_and_named():
    problems = []
    transforms = SimpleNamespace(matrix=lambda target, source, stamp: rolled(180))
    contexts = ContextProvider(transforms, DepthImages(), DetectedBoxes(), lambda *problem: problems.append(problem))
    parameters = SimpleNamespace(use_floor=False, use_depth=True, ground_frame="floor")
    context = contexts.of(make_header(1.0), Camera.from_fov(64, 48, 1.0), parameters)
    np.testing.assert_allclose(context.up, [0, 1, 0], atol=1e-6)
    assert not context.measures_scale
    assert contexts.health["floor"] == "of the image's stamp, for the vertical alone"
    assert [cause for cause, _ in problems] == ["rolled camera"]


class Nothing:
    """Transforms that are never known."""

    def matrix(self, target, source, stamp_ns=0):
        raise TransformError(f"{target} {source}")

    newest = matrix


class Spent(WaitBudget):
    """A budget that notes what it is asked and has nothing left."""

    def __init__(self):
        self.asked = []

    def left(self, wait_s):
        self.asked.append(wait_s)
        return 0.0


ASKED = SimpleNamespace(
    ground_frame="floor", use_floor=True, use_depth=True, detections_class="", detections_min_score=0
)


def test_detections_that_cannot_be_used_are_reported_and_the_image_goes_on():
    problems, boxes = [], DetectedBoxes()
    contexts = ContextProvider(None, DepthImages(), boxes, lambda *problem: problems.append(problem))
    camera = Camera.from_fov(WIDTH, HEIGHT, 1.2)

    def of(seconds):
        return contexts.of(make_header(seconds, FRAME), camera, ASKED).boxes, contexts.health["detections"]

    assert of(1.0) == ((), "none yet")
    boxes.add(SimpleNamespace(header=make_header(1.0, "elsewhere"), detections=[]))
    assert of(1.0) == ((), "unusable")
    assert problems == [("no detections", problems[0][1])]
    assert "their frame is elsewhere" in problems[0][1]
    boxes.add(SimpleNamespace(header=make_header(1.1, FRAME), detections=[]))
    assert of(1.2) == ((), "in time, 0 of people")
    found, told = of(9.0)
    assert found == ()
    assert told.startswith("none, the newest are 7.90 s older")
    assert len(problems) == 1


def test_camera_info_transform_and_depth_are_waited_for_within_one_budget():
    """Waits that wait for ever by themselves: the budget that they share ends all of them."""
    budget, problems = Spent(), []
    infos = CameraInfos(wait_s=DEADLINE_S, budget=budget)
    infos.add(make_info(0.5))
    depths = DepthImages(wait_s=DEADLINE_S, budget=budget)
    depths.add(Image(header=make_header(0.5)))
    contexts = ContextProvider(
        Nothing(), depths, DetectedBoxes(), lambda *problem: problems.append(problem[0]), DEADLINE_S, budget
    )
    intake = Intake("/image", infos, contexts, lambda *_: None, budget)
    ready = intake.frame(make_image(9.0, value=99), 0, SimpleNamespace(rectified=None, max_pixels=10**6, **vars(ASKED)))
    assert problems == ["no floor", "no depth"]
    assert ready.camera.size == (WIDTH, HEIGHT)
    assert budget.asked == [DEADLINE_S] * 3


def test_a_budget_begins_with_its_image():
    budget = WaitBudget()
    assert budget.left(5.0) == 5.0
    budget.begin()
    assert 0 < budget.left(DEADLINE_S) < DEADLINE_S
    assert budget.left(0.0) == 0.0


@pytest.mark.parametrize(("ground_frame", "frame"), [("/floor", FRAME), ("floor", f"/{FRAME}"), (" //floor", FRAME)])
def test_slashes_before_frames_do_not_matter_to_the_floor(ros, ground_frame, frame):
    pipeline = FakePipeline([make_person()])
    ros.perception(pipeline, parameters={"ground_frame": ground_frame})
    humans, transforms = ros.hear("/perception/humans", HumanMeshArray), ros.hear("/tf", TFMessage)
    camera, robot = CameraDriver(ros), Robot(ros)
    robot.move(1.0)
    ros.settle(20)
    camera.send(make_image(1.0, frame=frame), make_info(1.0, frame=""))
    ros.until(lambda: humans, "a result")
    assert pipeline.contexts[-1].floor.height == pytest.approx(-1.2)
    assert humans[0].header.frame_id == FRAME
    ros.until(lambda: any(t.transforms[0].child_frame_id == "body_a1" for t in transforms), "the body")
    body = next(t.transforms[0] for t in transforms if t.transforms[0].child_frame_id == "body_a1")
    assert body.header.frame_id == FRAME


@pytest.mark.parametrize(("of_image", "of_info", "expected"), [("", "/cam", "cam"), ("/cam", "", "cam"), ("", "", "")])
def test_the_frame_of_the_camera_info_serves_an_image_without_one(ros, of_image, of_info, expected):
    node = ros.perception(FakePipeline([make_person()]), parameters={"ground_frame": "floor"})
    told = []
    node.statistics._warn = told.append
    humans, transforms = ros.hear("/perception/humans", HumanMeshArray), ros.hear("/tf", TFMessage)
    camera = CameraDriver(ros)
    for index in range(1, 4):
        camera.send(make_image(index, frame=of_image, value=99), make_info(index, frame=of_info))
        ros.until(lambda want=index: len(humans) == want, "a result")
    assert {message.header.frame_id for message in humans} == {expected}
    assert [text for text in told if text.startswith("no frame")] == (
        [] if expected else [next(text for text in told if "neither broadcasts nor looks up transforms" in text)]
    )
    if expected:
        ros.until(lambda: transforms, "the body")
        assert transforms[0].transforms[0].header.frame_id == expected


def test_depth_of_the_same_moment_reaches_the_pipeline(ros):
    pipeline = FakePipeline()
    node = ros.perception(pipeline)
    humans = ros.hear("/perception/humans", HumanMeshArray)
    camera = CameraDriver(ros)
    depth = ros.node.create_publisher(Image, "depth", 10)
    ros.until(lambda: depth.get_subscription_count() > 0, "a reader of depth")
    camera.send_good(0.5)
    ros.until(lambda: humans, "a result")
    assert pipeline.contexts[-1].depth is None
    pixels = np.full((HEIGHT, WIDTH), 2500, np.uint16)
    pixels[0, 0] = 0
    message = Image(header=make_header(1.0), width=WIDTH, height=HEIGHT, encoding="16UC1", step=2 * WIDTH)
    message.data.frombytes(pixels.tobytes())
    depth.publish(message)
    ros.settle(20)
    camera.send_good(1.0)
    ros.until(lambda: len(humans) == 2, "a result")
    found = pipeline.contexts[-1].depth.depth
    assert found[5, 5] == pytest.approx(2.5)
    assert np.isnan(found[0, 0])
    assert pipeline.contexts[-1].measures_scale
    node.set_parameters([Parameter("use_depth", value=False)])
    camera.send_good(1.02)
    ros.until(lambda: len(humans) == 3, "a result")
    assert not pipeline.contexts[-1].measures_scale
    camera.send_good(1.04)
    ros.until(lambda: len(humans) == 4, "a result")
    assert [context.forgets_measurements for context in pipeline.contexts] == [False, False, True, False]


@pytest.mark.parametrize(("topic", "is_distorted"), [("/cam/depth/image_raw", True), ("/cam/depth/image_rect", False)])
def test_the_name_of_the_depth_topic_tells_whether_it_has_the_image_s_distortion(ros, topic, is_distorted):
    pipeline, info = FakePipeline(), make_info(1.0)
    info.d = [-0.2, 0.05, 0.0, 0.0, 0.0]
    ros.perception(pipeline, cli_args=["--ros-args", "-r", f"depth:={topic}"])
    humans, camera = ros.hear("/perception/humans", HumanMeshArray), CameraDriver(ros)
    depth = ros.node.create_publisher(Image, topic, 10)
    ros.until(lambda: depth.get_subscription_count() > 0, "a reader of depth")
    message = Image(header=make_header(1.0), width=WIDTH, height=HEIGHT, encoding="16UC1", step=2 * WIDTH)
    message.data.frombytes(np.full((HEIGHT, WIDTH), 2500, np.uint16).tobytes())
    depth.publish(message)
    ros.settle(20)
    camera.send(make_image(1.0, value=99), info)
    ros.until(lambda: humans, "a result")
    assert pipeline.contexts[-1].depth.camera.is_distorted == is_distorted


def test_the_scale_correction_is_reported(ros):
    fix = ScaleCorrection(1.0, 0.02, 0.1, ("floor",))
    ros.perception(FakePipeline([make_person(transl_cam=np.array([0, 0, 5.0], np.float32), scale_correction=fix)]))
    humans, reports = ros.hear("/perception/humans", HumanMeshArray), ros.hear("/diagnostics", DiagnosticArray)
    CameraDriver(ros).send(make_image(1.0), make_info(1.0))
    ros.until(lambda: humans, "a result")
    reports.clear()
    ros.until(lambda: reports, "a report")
    told = {pair.key: pair.value for status in reports[-1].status for pair in status.values}
    assert (told["camera_info"], told["floor"], told["depth image"]) == (
        "of the image's stamp", "not asked for", "none yet"
    )  # fmt: skip
    assert (told["placed by floor"], told["placed by depth"]) == ("1", "0")
    assert (told["distance std m, image alone"], told["distance std m"]) == ("0.5", "0.1")


def values_of(report):
    return " ".join(pair.value for status in report.status for pair in status.values)


VOLATILE, LATCHED = DurabilityPolicy.VOLATILE, DurabilityPolicy.TRANSIENT_LOCAL
RELIABLE, BEST_EFFORT = ReliabilityPolicy.RELIABLE, ReliabilityPolicy.BEST_EFFORT


def offsets(listener, names):
    """x of each known frame in the frame `base`."""
    found = {}
    for name in names:
        with contextlib.suppress(TransformError):
            found[name] = listener.matrix("base", name, SECOND)[0, 3]
    return found


@pytest.mark.parametrize("reliability", [RELIABLE, BEST_EFFORT])
@pytest.mark.parametrize("topic", ["/tf", "/tf_static"])
def test_transforms_are_received_whatever_their_publishers_offer(ros, topic, reliability):
    """A latched publisher that sent before, and a volatile one that sends now, on one topic."""
    static = ros.node.create_publisher(TFMessage, "/tf_static", QoSProfile(depth=1, durability=LATCHED))
    static.publish(TFMessage(transforms=[moved("base", "first", 0.0, 1)]))
    listener = TransformListener(ros.node)
    live = ros.node.create_publisher(TFMessage, topic, QoSProfile(depth=1, reliability=reliability))
    ros.until(lambda: live.get_subscription_count() > 0, "a reader")
    live.publish(TFMessage(transforms=[moved("base", "second", 1.0, 2)]))
    ros.until(lambda: len(offsets(listener, ["first", "second"])) == 2, "both transforms")
    assert offsets(listener, ["first", "second"]) == {"first": 1.0, "second": 2.0}
    listener.close()
    ros.until(lambda: live.get_subscription_count() == 0, "no reader")


def test_doubts_about_the_depth_cameras_calibration_are_diagnostics(ros):
    pipeline = FakePipeline()
    node = ros.perception(pipeline)
    warned = []
    node.statistics._warn = warned.append
    humans, reports = ros.hear("/perception/humans", HumanMeshArray), ros.hear("/diagnostics", DiagnosticArray)
    camera = CameraDriver(ros)
    depth, info = (ros.node.create_publisher(*of, 10) for of in ((Image, "depth"), (CameraInfo, "depth_info")))
    ros.until(lambda: depth.get_subscription_count() and info.get_subscription_count(), "readers of both")
    doubtful = make_info(1.0)
    doubtful.k[2], doubtful.k[5] = WIDTH / 4, HEIGHT / 4  # of half the resolution
    doubtful.p = np.insert(doubtful.k.reshape(3, 3), 3, 0.0, axis=1).reshape(12)
    info.publish(doubtful)
    message = Image(header=make_header(1.0), width=WIDTH, height=HEIGHT, encoding="16UC1", step=2 * WIDTH)
    message.data.frombytes(np.full((HEIGHT, WIDTH), 2500, np.uint16).tobytes())
    depth.publish(message)
    ros.settle(20)
    camera.send(make_image(1.0, value=99), make_info(1.0))
    ros.until(lambda: humans, "a result")
    assert pipeline.contexts[-1].depth is not None
    assert [text for text in warned if text.startswith("doubtful depth_info: CameraInfo of the depth image")]
    ros.until(lambda: any("CameraInfo of the depth image" in values_of(report) for report in reports), "a diagnostic")


def test_the_transform_of_a_camera_on_its_side_turns_its_clearing_rays(ros):
    """What is level in the world is a column of the image."""
    pipeline, latched = FakePipeline(), QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    ros.perception(pipeline, parameters={"ground_frame": "floor"})
    clouds, camera = ros.hear("/perception/clearing_points", PointCloud2), CameraDriver(ros)
    mount = ros.node.create_publisher(TFMessage, "/tf_static", latched)
    to_world = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]])  # the image's x points down
    turn = Rotation.from_matrix(to_world).as_rotvec()
    mount.publish(TFMessage(transforms=[transform("floor", FRAME, 0.0, (0, 0, 1.2), turn)]))
    for seconds in range(1, 100):
        camera.send_good(seconds)
        ros.until(lambda count=seconds: len(clouds) == count, "a cloud")
        if pipeline.contexts[-1].floor is not None:
            break
    x, y, _ = to_world @ np.frombuffer(clouds[-1].data, np.float32).reshape(-1, 3).T
    azimuths = np.sort(np.arctan2(y, x)[np.hypot(x, y) > 29.9])
    edge = np.arctan(HEIGHT / 2 / 50)
    assert azimuths[0] < -edge + 1e-6 < edge - 1e-6 < azimuths[-1]
    assert np.diff(azimuths).max() < 0.002
