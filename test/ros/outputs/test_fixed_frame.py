"""People in a frame that does not move with the robot, over the middleware, with delayed and missing transforms."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

pytest.importorskip("rclpy")
pytest.importorskip("metrichmsr_ros.msg")

from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PoseArray, Quaternion, Transform, TransformStamped, Vector3
from helpers.fake_pipeline import FakePipeline, make_person
from helpers.ros_messages import FRAME, make_header, report_text
from helpers.ros_testing import CameraDriver
from rclpy.parameter import Parameter
from sensor_msgs.msg import PointCloud2
from tf2_msgs.msg import TFMessage
from visualization_msgs.msg import Marker, MarkerArray

from metrichmsr_ros.msg import HumanMeshArray
from metrichmsr_ros.people.tracking.fixed_frame import PeopleInFrame, PeopleMotion
from metrichmsr_ros.ros.outputs import fixed_frame
from metrichmsr_ros.ros.outputs.fixed_messages import PREDICTED, id_number
from metrichmsr_ros.ros.outputs.fixed_people import fixed_people

OPTICAL = np.array([[0.0, 0, 1], [-1, 0, 0], [0, -1, 0]])
PARAMETERS = {"fixed_frame": "odom", "publish_tf": False}


def camera_pose(seconds):
    """The robot drives at 0.5 m/s along x and turns to the left at 0.2 rad/s; its camera is 1.2 m high."""
    pose = np.eye(4)
    pose[:3, :3] = Rotation.from_euler("z", 0.2 * seconds).as_matrix() @ OPTICAL
    pose[:3, 3] = 0.5 * seconds, 0.0, 1.2
    return pose


def person_at(place, seconds, person_id="a1", **changes):
    """Somebody whose hips are at a place in odom, as the camera sees it."""
    pose, person = camera_pose(seconds), make_person(person_id, **changes)
    centre = (np.array(place, float) - pose[:3, 3]) @ pose[:3, :3]
    joints = person.joints_cam - person.joints_cam[1:3].mean(axis=0) + centre
    return replace(person, joints_cam=joints.astype(np.float32))


class Robot:
    """A robot with a camera, a pipeline that sees `people` given in odom, and the node."""

    def __init__(self, ros, parameters=PARAMETERS):
        self.ros, self.pipeline = ros, FakePipeline()
        self.node = ros.perception(self.pipeline, parameters=parameters)
        self.humans = ros.hear("/perception/humans", HumanMeshArray)
        self.camera = CameraDriver(ros)
        self.tf = ros.node.create_publisher(TFMessage, "/tf", 100)
        if parameters.get("fixed_frame"):
            ros.until(lambda: self.tf.get_subscription_count() > 0, "a tf listener")

    def drive(self, *moments):
        """Send the camera's transforms and wait until the node has them."""
        self.tf.publish(TFMessage(transforms=[self._transform(seconds) for seconds in moments]))

    def _transform(self, seconds):
        pose = camera_pose(seconds)
        x, y, z, w = Rotation.from_matrix(pose[:3, :3]).as_quat().tolist()
        message = TransformStamped(header=make_header(seconds, "odom"), child_frame_id=FRAME)
        place = Vector3(**dict(zip("xyz", pose[:3, 3].tolist(), strict=True)))
        message.transform = Transform(translation=place, rotation=Quaternion(x=x, y=y, z=z, w=w))
        return message

    def see(self, seconds, *people):
        """Send an image in which these people are, and wait for its result in the camera's frame."""
        self.pipeline.people = list(people)
        self.camera.send_good(seconds)
        self.ros.until(lambda: self.humans and self.humans[-1].header == make_header(seconds), "the image's result")


def places(message):
    return [[pose.position.x, pose.position.y, pose.position.z] for pose in message.poses]


def arrows(message):
    """Velocities that the arrows show."""
    ends = [marker.points for marker in message.markers if marker.ns == "velocity"]
    return [[b.x - a.x, b.y - a.y, b.z - a.z] for a, b in ends]


def test_a_driving_robot_sees_people_who_stand_and_walk(ros):
    robot = Robot(ros)
    poses = ros.hear("/perception/people_fixed_poses", PoseArray)
    markers = ros.hear("/perception/people_fixed_markers", MarkerArray)
    robot.drive(*np.arange(0.0, 6.0, 0.05).tolist())
    for seconds in np.arange(1.0, 5.0, 0.1).round(3).tolist():
        robot.see(
            seconds,
            person_at([4.0, 1.0, 0.9], seconds),
            person_at([5.0, 1.0 - 0.8 * seconds, 1.0], seconds, "a2", transl_cov=np.eye(3, dtype=np.float32) * 1e-3),
        )
    ros.until(lambda: len(markers) == len(poses) == 40, "all results")
    assert poses[-1].header == make_header(4.9, "odom")
    np.testing.assert_allclose(places(poses[-1]), [[4.0, 1.0, 0.9], [5.0, 1.0 - 0.8 * 4.9, 1.0]], atol=0.05)
    np.testing.assert_allclose(arrows(markers[-1]), [[0, 0, 0], [0, -0.8, 0]], atol=0.06)


def test_a_delayed_transform_is_waited_for_beside_the_images(ros, monkeypatch):
    monkeypatch.setattr(fixed_frame, "WAIT_S", 1000.0)
    robot = Robot(ros)
    poses = ros.hear("/perception/people_fixed_poses", PoseArray)
    robot.drive(1.0)
    robot.see(1.2, person_at([4.0, 1.0, 0.9], 1.2))  # results in the camera's frame are not held up
    robot.see(1.3, person_at([4.0, 1.0, 0.9], 1.3))
    reports = ros.hear("/diagnostics", DiagnosticArray)
    ros.until(lambda: any("waiting for /tf" in report_text(report) for report in reports), "a diagnostic")
    assert not poses  # the newest transform is of another time, and is not used
    robot.drive(1.1, 1.25)
    ros.until(lambda: poses, "the first image")
    assert [message.header for message in poses] == [make_header(1.2, "odom")]
    robot.drive(1.3, 1.4)
    ros.until(lambda: len(poses) == 2, "the second image")
    assert [message.header for message in poses] == [make_header(1.2, "odom"), make_header(1.3, "odom")]
    np.testing.assert_allclose(places(poses[0]), [[4.0, 1.0, 0.9]], atol=2e-3)  # between two transforms


def test_without_a_transform_nothing_is_published_and_the_user_is_told(ros, monkeypatch):
    monkeypatch.setattr(fixed_frame, "WAIT_S", 0.0)
    robot = Robot(ros)
    warned = []
    monkeypatch.setattr(robot.node.statistics, "_warn", warned.append)
    poses, reports = ros.hear("/perception/people_fixed_poses", PoseArray), ros.hear("/diagnostics", DiagnosticArray)
    for seconds in (1.0, 1.1, 1.2):
        robot.see(seconds, person_at([4.0, 1.0, 0.9], seconds))
    assert len([text for text in warned if text.startswith("no fixed frame: odom to cam_optical")]) == 1  # throttled
    ros.until(lambda: any("odom to cam_optical" in report_text(report) for report in reports), "a diagnostic")
    assert not poses
    robot.drive(2.0, 2.1)
    ros.until(lambda: robot.node._transforms is not None and _knows(robot.node, 2.0), "the transform")
    robot.see(2.0, person_at([4.0, 1.0, 0.9], 2.0))
    ros.until(lambda: poses, "the image with a transform")
    assert [message.header for message in poses] == [make_header(2.0, "odom")]


def _knows(node, seconds):
    try:
        node._transforms.matrix("odom", FRAME, round(seconds * 1e9))
    except LookupError:
        return False
    return True


def test_an_image_without_a_transform_does_not_hold_up_those_after_it(ros, monkeypatch):
    monkeypatch.setattr(fixed_frame, "WAIT_S", 1000.0)
    robot = Robot(ros)
    poses = ros.hear("/perception/people_fixed_poses", PoseArray)
    robot.see(1.0, person_at([4.0, 1.0, 0.9], 1.0))  # older than all of /tf
    robot.see(2.0)
    robot.drive(1.9, 2.0)
    ros.until(lambda: poses, "the image with a transform")
    assert [message.header for message in poses] == [make_header(2.0, "odom")]
    assert poses[0].poses == []  # nobody is an answer


def test_hidden_people_go_on_in_the_fixed_frame_and_are_forgotten_when_stamps_jump(ros):
    robot = Robot(ros)
    markers = ros.hear("/perception/people_fixed_markers", MarkerArray)
    robot.drive(*np.arange(0.0, 3.0, 0.25).tolist())
    for seconds in (1.0, 1.1, 1.2, 1.3):
        robot.see(seconds, person_at([4.0, 1.0, 0.9], seconds))
    robot.see(1.6, person_at([9.0, 9.0, 9.0], 1.6, is_occluded=True))
    ros.until(lambda: len(markers) == 5, "the hidden person")
    (ball,) = [marker for marker in markers[-1].markers if marker.ns == "position"]
    at = ball.pose.position
    np.testing.assert_allclose([at.x, at.y, at.z], [4.0, 1.0, 0.9], atol=0.1)
    assert ball.color.a < 0.5
    robot.drive(19.5, 20.5)
    robot.see(20.0, person_at([4.0, 1.0, 0.9], 20.0, is_occluded=True))  # after a jump nobody has been seen yet
    ros.until(lambda: len(markers) == 6, "the image after the jump")
    assert [marker.action for marker in markers[-1].markers] == [Marker.DELETEALL]


def records_of(cloud):
    fields = [(field.name, {7: np.float32, 6: np.uint32}[field.datatype]) for field in cloud.fields]
    assert np.dtype(fields) == PREDICTED
    assert (cloud.point_step, cloud.height, cloud.width) == (24, 1, len(cloud.data) // 24)
    return np.frombuffer(bytes(cloud.data), PREDICTED)


def test_predictions_move_with_people_and_spread(ros):
    robot = Robot(ros, {**PARAMETERS, "predicted_min_probability": 0.0})
    clouds = ros.hear("/perception/predicted", PointCloud2)
    markers = ros.hear("/perception/predicted_markers", MarkerArray)
    robot.drive(*np.arange(0.0, 6.0, 0.05).tolist())
    for seconds in np.arange(1.0, 4.0, 0.1).round(3).tolist():
        robot.see(seconds, person_at([5.0, 1.0 + 0.8 * seconds, 1.0], seconds, "k3fa_p12"))
    ros.until(lambda: len(clouds) == len(markers) == 30, "all results")
    assert clouds[-1].header == make_header(3.9, "odom")
    points = records_of(clouds[-1])
    assert set(points["id"]) == {12}
    assert sorted(set(points["time"].tolist())) == [0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5]
    now, later = (points[points["time"] == offset] for offset in (0.0, 1.5))
    assert later["y"].mean() - now["y"].mean() == pytest.approx(1.5 * 0.8, abs=0.15)
    assert later["x"].std() > now["x"].std()
    assert now["probability"].max() > later["probability"].max() > 0.0
    assert points["probability"].max() <= 0.75  # of a person whose confidence that is
    np.testing.assert_allclose(points["z"], 1.0, atol=0.05)
    discs = [marker for marker in markers[-1].markers if marker.ns == "predicted"]
    sizes = [disc.scale.x * disc.scale.y for disc in discs]
    assert len(discs) == 7
    assert sizes == sorted(sizes)
    robot.node.set_parameters([Parameter("predicted_min_probability", value=0.3)])
    robot.see(4.0, person_at([5.0, 1.0 + 0.8 * 4.0, 1.0], 4.0, "k3fa_p12"))
    ros.until(lambda: len(clouds) == 31, "one more")
    assert 0 < len(records_of(clouds[-1])) < len(points)
    assert records_of(clouds[-1])["probability"].min() >= np.float32(0.3)


def test_people_and_their_covariances_are_told_in_fields_and_tags():
    covariance = np.arange(72.0).reshape(2, 6, 6)
    found = PeopleInFrame(
        ("p1", "p2"),
        np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]),
        covariance[:, :3, :3],
        np.tile([0.0, 0.0, 0.0, 1.0], (2, 1)),
        np.arange(18.0).reshape(2, 3, 3),
        np.array([0.9, 0.4]),
        np.array([False, True]),
    )
    message = fixed_people(PeopleMotion(found, np.array([[0.1, 0.2, 0.3], [0, 0, 0]]), covariance), "header")
    first, second = (person.fields for person in message.fields["people"])
    assert first["velocity"].fields == {"x": 0.1, "y": 0.2, "z": 0.3}
    assert second["position"].fields == {"x": 4.0, "y": 5.0, "z": 6.0}
    assert (second["name"], second["reliability"]) == ("p2", 0.4)
    tags = dict(zip(second["tagnames"], second["tags"], strict=True))
    assert tags["is_occluded"] == "true"
    assert [float(word) for word in tags["orientation_covariance"].split()] == list(range(9, 18))
    np.testing.assert_array_equal(np.array(tags["covariance"].split(), float), np.arange(36.0, 72.0))


@pytest.mark.parametrize(("name", "number"), [("p3", 3), ("left_k3fa_p12", 12)])
def test_the_number_of_an_id_is_that_at_its_end(name, number):
    assert id_number(name) == number
    with pytest.raises(ValueError, match=f"{name}x"):
        id_number(name + "x")


def test_people_messages_have_velocity_and_covariance(ros):
    people = pytest.importorskip("people_msgs.msg")
    robot = Robot(ros)
    heard = ros.hear("/perception/people_fixed", people.People)
    robot.drive(1.0, 1.1)
    robot.see(1.0, person_at([4.0, 1.0, 0.9], 1.0))
    ros.until(lambda: heard, "people")
    (item,) = heard[0].people
    assert heard[0].header == make_header(1.0, "odom")
    assert (item.name, item.reliability) == ("a1", 0.75)
    np.testing.assert_allclose([item.position.x, item.position.y, item.position.z], [4.0, 1.0, 0.9], atol=1e-3)
    tags = dict(zip(item.tagnames, item.tags, strict=True))
    covariance = np.array(tags["covariance"].split(), float).reshape(6, 6)
    np.testing.assert_allclose(covariance, covariance.T)
    assert (np.diag(covariance) > 0).all()


def test_without_the_parameter_there_is_nothing_of_it(ros):
    robot = Robot(ros, {})
    robot.see(1.0, person_at([4.0, 1.0, 0.9], 1.0))
    topics = {name for name, _ in ros.node.get_topic_names_and_types()}
    assert "/perception/people" in topics or "/perception/poses" in topics
    assert not [name for name in topics if "fixed" in name or "predicted" in name]
    assert robot.node._transforms is None


def test_the_topics_keep_a_lazy_node_awake_and_outlive_a_restart(ros):
    node = ros.perception(FakePipeline([make_person()]), parameters=PARAMETERS)
    camera, poses = CameraDriver(ros), ros.hear("/perception/people_fixed_poses", PoseArray)
    for number in (1, 2):
        tf = ros.node.create_publisher(TFMessage, "/tf", 100)
        ros.until(lambda tf=tf: tf.get_subscription_count() > 0, "a tf listener")
        tf.publish(TFMessage(transforms=[Robot._transform(None, float(number))]))
        ros.until(lambda number=number: _knows(node, float(number)), "the transform")
        camera.send_good(float(number))
        ros.until(lambda number=number: len(poses) == number, "a result")
        node.trigger_deactivate()
        node.trigger_activate()
        ros.until(camera._is_matched, "the node's subscriptions")
