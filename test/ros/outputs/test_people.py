"""Body frames, covariances and messages against definitions written out by hand."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("rclpy")
pytest.importorskip("metrichmsr_ros.msg")

from geometry_msgs.msg import Point
from helpers.fake_pipeline import FakeBody, FakePipeline, make_person
from helpers.ros_messages import FRAME, make_header

from metrichmsr_ros.body.load import load_body_engine
from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.geometry.camera_info import camera_from_info
from metrichmsr_ros.ros.frames import (
    body_frames,
    joint_covariance_matrices,
    pixel_box,
    pose_covariance,
    rotation_matrix,
    twist_covariance,
)
from metrichmsr_ros.ros.messages import PlainMessage, message_class, optional_messages, to_rclpy
from metrichmsr_ros.ros.outputs.clouds import body_points_message, scene_points_message
from metrichmsr_ros.ros.outputs.images import camera_info_message, image_message
from metrichmsr_ros.ros.outputs.markers import markers_message
from metrichmsr_ros.ros.outputs.people import PeopleOptions, bodies_of, body_transforms, humans, topology
from metrichmsr_ros.ros.outputs.standard import costmap_people, detections

CAMERA = Camera.from_fov(64, 48, 1.0)
HEADER = make_header(12.5)


def rodrigues(vector):
    """Rotation matrix of an axis-angle vector, from the formula."""
    angle = np.linalg.norm(vector)
    if angle < 1e-12:
        return np.eye(3)
    x, y, z = vector / angle
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def rotate(quaternion, vector):
    """q v q* with Hamilton's product written out."""
    x, y, z, w = quaternion
    t = 2 * np.cross([x, y, z], vector)
    return vector + w * t + np.cross([x, y, z], t)


@given(st.lists(st.floats(-3, 3), min_size=3, max_size=3))
def test_body_frames_look_out_of_the_chest_and_up_to_the_head(root):
    person = make_person(seed=4)
    pose = person.pose.copy()
    pose[:3] = root
    (origin,), (orientation,) = body_frames([pose], [person.joints_cam])
    rotation = rodrigues(pose[:3].astype(np.float64))
    chest, left, head = rotation @ [0, 0, 1], rotation @ [1, 0, 0], rotation @ [0, 1, 0]
    for axis, direction in (([1, 0, 0], chest), ([0, 1, 0], left), ([0, 0, 1], head)):
        np.testing.assert_allclose(rotate(orientation, np.array(axis, float)), direction, atol=1e-9)
    np.testing.assert_allclose(rotation_matrix(orientation), np.stack([chest, left, head], axis=1), atol=1e-9)
    np.testing.assert_allclose(origin, person.joints_cam[1] / 2 + person.joints_cam[2] / 2, atol=1e-6)


def test_a_person_facing_the_camera():
    """SMPL rotated by pi about x stands upright in an optical frame (y down), its chest towards the camera (-z)."""
    pose = np.zeros(72)
    pose[0] = np.pi
    _, (orientation,) = body_frames([pose], [np.zeros((24, 3))])
    np.testing.assert_allclose(rotate(orientation, np.array([1.0, 0, 0])), [0, 0, -1], atol=1e-9)
    np.testing.assert_allclose(rotate(orientation, np.array([0, 0, 1.0])), [0, -1, 0], atol=1e-9)


def test_nobody_has_no_frames():
    origins, orientations = body_frames([], [])
    assert (origins.shape, orientations.shape) == ((0, 3), (0, 4))


def test_covariances_are_row_major_position_first():
    position = np.array([[1.0, 2, 3], [2, 4, 5], [3, 5, 6]])
    pose, twist = pose_covariance(position, position / 4), twist_covariance(position)
    assert [pose[0], pose[1], pose[2], pose[7], pose[8], pose[14]] == [1, 2, 3, 4, 5, 6]
    assert [pose[21], pose[22], pose[23], pose[28], pose[29], pose[35]] == [0.25, 0.5, 0.75, 1, 1.25, 1.5]
    assert not pose.reshape(6, 6)[:3, 3:].any()
    assert [twist[14], twist[21], twist[28], twist[35]] == [6, -1, -1, -1]


@pytest.mark.parametrize(
    ("bbox", "expected"),
    [
        ((10.2, 5.0, 20.7, 40.0), (10, 5, 12, 36)),  # pixels 10..21 and 5..40
        ((-30, -4, 1000, 1000), (0, 0, 64, 48)),
        ((100, 100, 200, 200), (64, 48, 0, 0)),
        ((-20, -20, -10, -10), (0, 0, 0, 0)),
    ],
)
def test_boxes_stay_inside_the_image(bbox, expected):
    assert pixel_box(np.array(bbox), 64, 48) == expected


def scene_of(*people):
    return FakePipeline(people).track(np.zeros((48, 64, 3), np.uint8), CAMERA, 12.5)


def test_human_mesh_carries_every_number():
    person = make_person(seed=2)
    scene = scene_of(person)
    bodies = bodies_of(scene, "left_")
    (human,) = to_rclpy(humans(bodies, scene, HEADER, "open_body", PeopleOptions("", 0.0, True))).humans
    assert (human.header, human.id, human.body_model) == (HEADER, "left_a1", "open_body")
    assert (human.confidence, human.is_occluded, human.age) == (0.75, False, 3)
    assert human.height == pytest.approx(1.7)
    assert (human.roi.x_offset, human.roi.y_offset, human.roi.width, human.roi.height) == (10, 5, 12, 36)
    np.testing.assert_array_equal(human.betas, person.betas)
    assert [human.translation.x, human.translation.z] == pytest.approx([0.1, 3.0])
    np.testing.assert_allclose(human.body.covariance.reshape(6, 6)[:3, :3], person.transl_cov)
    np.testing.assert_allclose(human.body.covariance.reshape(6, 6)[3:, 3:], person.orientation_cov)
    np.testing.assert_array_equal(human.joint_confidence, person.joint_confidence)
    assert len(human.joint_covariances) == 24 * 6
    np.testing.assert_array_equal(human.joint_covariances[6 * 4 : 6 * 5], person.joint_cov[4][np.triu_indices(3)])
    np.testing.assert_array_equal(joint_covariance_matrices(human.joint_covariances), person.joint_cov)
    np.testing.assert_allclose(human.velocity.covariance.reshape(6, 6)[:3, :3], person.position_cov6[3:, 3:])
    assert [human.velocity.twist.linear.x, human.velocity.twist.linear.z] == [0.5, -1.0]
    assert human.body.pose.position.x == pytest.approx(bodies[0].origin[0])


def test_people_of_low_confidence_are_left_out():
    scene = scene_of(make_person("a1", confidence=0.3), make_person("b2", confidence=0.6))
    assert [body.id for body in bodies_of(scene, min_confidence=0.5)] == ["b2"]


def test_transforms_have_the_person_s_id_and_the_camera_s_frame():
    transform = to_rclpy(body_transforms(bodies_of(scene_of(make_person())), HEADER)[0])
    assert (transform.header.frame_id, transform.child_frame_id) == (FRAME, "body_a1")
    q = transform.transform.rotation
    assert q.x**2 + q.y**2 + q.z**2 + q.w**2 == pytest.approx(1.0)


def test_topology():
    message = to_rclpy(topology(FakeBody()))
    assert (list(message.faces), message.parents[:3].tolist()) == ([0, 1, 2, 0, 2, 3], [-1, 0, 1])


def test_images_and_their_calibration():
    depth = np.array([[1.5, np.nan]], np.float32)
    message = image_message(depth, HEADER)
    assert (message.encoding, message.step, message.width, message.height) == ("32FC1", 8, 2, 1)
    np.testing.assert_array_equal(np.frombuffer(message.data, np.float32), depth[0])
    other, later = np.array([[np.nan, 2.5]], np.float32), make_header(13.0)
    assert image_message(other, later, into=message) is message
    assert message.header == later
    np.testing.assert_array_equal(np.frombuffer(message.data, np.float32), other[0])
    assert image_message(np.zeros((2, 2), np.float32), HEADER, into=message) is not message
    assert image_message(np.zeros((1, 2, 3), np.uint8), HEADER, into=message).encoding == "rgb8"
    info = camera_info_message(CAMERA, HEADER)
    again = camera_from_info(info, image_size=(64, 48))
    np.testing.assert_allclose(again.intrinsics, CAMERA.intrinsics)
    assert not again.is_distorted


def test_clouds_hold_every_vertex_and_may_be_empty():
    people = [make_person("a1"), make_person("b2", seed=1)]
    cloud = body_points_message(bodies_of(scene_of(*people)), HEADER)
    points = np.frombuffer(cloud.data, np.float32).reshape(-1, 3)
    np.testing.assert_array_equal(points, np.concatenate([person.vertices_cam for person in people]))
    assert (cloud.width, cloud.point_step, cloud.row_step) == (8, 12, 96)
    assert body_points_message([], HEADER).width == 0


@pytest.mark.parametrize("stride", [1, 3])
@pytest.mark.parametrize("coloured", [False, True])
def test_scene_cloud_is_what_the_camera_would_back_project(stride, coloured):
    rng = np.random.default_rng(0)
    camera = Camera.from_fov(32, 24, 1.2)
    depth = rng.uniform(1, 5, (24, 32)).astype(np.float32)
    depth[6, 9] = np.nan
    image = rng.integers(0, 256, (24, 32, 3), np.uint8) if coloured else None
    cloud = scene_points_message(depth, camera, HEADER, image, stride)
    assert (cloud.height, cloud.width) == (24 // stride, -(-32 // stride))
    assert cloud.row_step == cloud.width * cloud.point_step
    assert len(cloud.data) == cloud.row_step * cloud.height
    assert [field.name for field in cloud.fields] == ["x", "y", "z", "rgb"][: 4 if coloured else 3]
    numbers = np.frombuffer(cloud.data, np.float32).reshape(cloud.height, cloud.width, -1)
    v, u = 6 // stride, 9 // stride
    assert np.isnan(numbers[v, u, :3]).all()
    assert np.isfinite(numbers[..., :3]).sum() == 3 * (cloud.height * cloud.width - 1)
    expected = camera.back_project([[12.0, 15.0]], depth[[15], [12]])[0]
    np.testing.assert_allclose(numbers[15 // stride, 12 // stride, :3], expected, rtol=1e-6)
    if image is not None:
        packed = np.frombuffer(cloud.data, np.uint32).reshape(cloud.height, cloud.width, 4)[
            15 // stride, 12 // stride, 3
        ]
        assert [packed >> 16 & 255, packed >> 8 & 255, packed & 255] == image[15, 12].tolist()


def test_markers_begin_by_clearing_and_join_every_joint_to_its_parent():
    person = make_person()
    clear, bones, label = markers_message(bodies_of(scene_of(person)), HEADER, FakeBody.parents).markers
    assert clear.action == clear.DELETEALL
    assert len(bones.points) == 2 * 23
    assert bones.points[1].x == pytest.approx(float(person.joints_cam[1, 0]))
    assert label.text == "a1"


def standing_before_a_camera_that_is_rolled(degrees):
    """Joints (24, 3) m of the open body 3 m before a camera that is turned about its optical axis; and up (3,)."""
    body = load_body_engine("open_light")
    joints = body.rest_joints(np.zeros((1, 10), np.float32))[0] * [1, -1, -1] + [0, 0, 3]
    roll = rodrigues(np.array([0, 0, np.radians(degrees)]))
    return (joints @ roll.T).astype(np.float32), roll @ [0.0, -1.0, 0.0]


@pytest.mark.parametrize("is_known", [True, False])
@pytest.mark.parametrize("degrees", [0, 90, 180, 270, 30])
def test_the_label_is_over_the_head_however_the_camera_is_mounted(degrees, is_known):
    joints, up = standing_before_a_camera_that_is_rolled(degrees)
    (body,) = bodies_of(scene_of(make_person(joints_cam=joints)))
    label = markers_message([body], HEADER, FakeBody.parents, up if is_known else None).markers[2]
    place = label.pose.position
    over_hips = np.array([place.x, place.y, place.z]) - body.origin
    assert over_hips @ up == pytest.approx(((joints - body.origin) @ up).max() + 0.25, abs=0.01)
    assert np.linalg.norm(over_hips - over_hips @ up * up) < (1e-6 if is_known else 0.1)


def test_the_label_of_somebody_who_lies_is_over_them_where_up_is_known():
    joints, _ = standing_before_a_camera_that_is_rolled(90)
    (body,) = bodies_of(scene_of(make_person(joints_cam=joints)))
    label = markers_message([body], HEADER, FakeBody.parents, np.array([0.0, -1.0, 0.0])).markers[2]
    assert label.pose.position.y == pytest.approx(joints[:, 1].min() - 0.25)
    assert (label.pose.position.x, label.pose.position.z) == pytest.approx((body.origin[0], body.origin[2]))


def test_markers_name_gestures_and_point():
    pointing = np.array([0.6, 0.0, -0.8], np.float32)
    person = make_person(gestures=("hand_raised_left", "pointing_right"), pointing_cam=pointing)
    *_, label, arrow = markers_message(bodies_of(scene_of(person)), HEADER, FakeBody.parents).markers
    assert label.text == "hand raised left\npointing right\na1"
    start, end = ([point.x, point.y, point.z] for point in arrow.points)
    assert arrow.type == arrow.ARROW
    np.testing.assert_allclose(start, person.joints_cam[21], atol=1e-6)
    np.testing.assert_allclose(np.subtract(end, start), pointing, atol=1e-6)


def test_gestures_are_sent():
    pointing = np.array([0.6, 0.0, -0.8], np.float32)
    person = make_person(gestures=("hand_raised_left", "pointing_right"), pointing_cam=pointing)
    scene = scene_of(person, make_person("b2"))
    first, second = to_rclpy(humans(bodies_of(scene), scene, HEADER, "open", PeopleOptions("", 0.0, True))).humans
    assert (list(first.gestures), list(second.gestures)) == (["hand_raised_left", "pointing_right"], [])
    assert (first.pointing.x, first.pointing.y, first.pointing.z) == pytest.approx((0.6, 0.0, -0.8))
    assert (second.pointing.x, second.pointing.y, second.pointing.z) == (0, 0, 0)


def made(message):
    """A message of a package that may not be installed: of its own class where it is, else plain attributes."""
    if optional_messages(message.type.split("/")[0]):
        return to_rclpy(message)
    return attributes(message)


def attributes(value):
    if isinstance(value, PlainMessage):
        return SimpleNamespace(**{name: attributes(field) for name, field in value.fields.items()})
    return [attributes(item) for item in value] if isinstance(value, list) else value


def test_detections_enclose_the_body_in_its_own_axes():
    person = make_person(vertices_cam=np.random.default_rng(1).normal(0, 0.4, (200, 3)).astype(np.float32))
    bodies = bodies_of(scene_of(person))
    message = made(detections(bodies, HEADER))
    (detection,) = message.detections
    centre, size = detection.bbox.center.position, detection.bbox.size
    rotation = rotation_matrix(bodies[0].orientation)
    local = (person.vertices_cam - [centre.x, centre.y, centre.z]) @ rotation
    half = np.array([size.x, size.y, size.z]) / 2
    np.testing.assert_allclose(np.abs(local).max(axis=0), half, atol=1e-6)
    assert detection.id == "a1"
    assert detection.results[0].hypothesis.class_id == "person"


def test_people_for_costmaps():
    message = made(costmap_people(bodies_of(scene_of(make_person())), HEADER))
    assert (message.people[0].name, message.people[0].velocity.x) == ("a1", 0.5)


def test_optional_messages_are_optional():
    assert optional_messages("no_such_package") is None
    assert message_class("geometry_msgs/msg/Point") is Point
    assert "rclpy" in sys.modules
