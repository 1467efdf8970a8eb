"""HumanMesh messages to sightings and back: every part is in the fixed frame, and of the same body."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("rclpy")
pytest.importorskip("metrichmsr_ros.msg")

from helpers.fused_messages import POSES, people_message, person_at
from helpers.ros_messages import make_header
from scipy.spatial.transform import Rotation

from metrichmsr_ros.body.load import load_body_engine
from metrichmsr_ros.fusion.people_fusion import PeopleFusion
from metrichmsr_ros.geometry.rotations import rotation_matrices
from metrichmsr_ros.ros.frames import joint_covariance_matrices
from metrichmsr_ros.ros.fusion.people import fused_human, sightings_of
from metrichmsr_ros.ros.fusion.waiting import PlacedFrame

PLACE = np.array([0.4, 0.7, 0.9])


def placed(camera="south", **changes):
    person = person_at(POSES[camera], PLACE, **changes)
    return PlacedFrame(camera, people_message([person], make_header(7.5, f"{camera}_optical")), POSES[camera])


def fused(camera="south"):
    """The message of one camera's person, fused alone."""
    people = PeopleFusion().step(sightings_of(placed(camera), pytest.fail), 7.5)
    return fused_human(people[0], make_header(7.5, "odom"), "x_p1")


@pytest.mark.parametrize("camera", list(POSES))
def test_a_sighting_is_where_the_person_is_with_the_long_axis_along_the_ray(camera):
    (sighting,) = sightings_of(placed(camera), pytest.fail)
    np.testing.assert_allclose(sighting.position, PLACE, atol=1e-6)
    ray = sighting.ray / np.linalg.norm(sighting.ray)
    spread = np.linalg.eigh(sighting.covariance)
    assert abs(spread.eigenvectors[:, 2] @ ray) == pytest.approx(1.0, abs=1e-6)
    assert spread.eigenvalues[2] == pytest.approx((0.06 * np.linalg.norm(sighting.ray)) ** 2, rel=1e-4)


@pytest.mark.parametrize("camera", list(POSES))
def test_every_part_of_the_body_is_carried_into_the_fixed_frame(camera):
    message, pose = placed(camera).message.humans[0], POSES[camera]
    human = fused(camera)
    assert (human.header.frame_id, human.id, human.roi.height) == ("odom", "x_p1", 0)
    expected = np.asarray(message.joints).reshape(-1, 3) @ pose[:3, :3].T + pose[:3, 3]
    np.testing.assert_allclose(np.asarray(human.joints).reshape(-1, 3), expected, atol=1e-5)
    vertices = np.asarray(message.vertices).reshape(-1, 3) @ pose[:3, :3].T + pose[:3, 3]
    np.testing.assert_allclose(np.asarray(human.vertices).reshape(-1, 3), vertices, atol=1e-5)
    np.testing.assert_array_equal(human.joint_confidence, message.joint_confidence)
    turned = pose[:3, :3] @ joint_covariance_matrices(message.joint_covariances) @ pose[:3, :3].T
    np.testing.assert_allclose(joint_covariance_matrices(human.joint_covariances), turned, atol=1e-6)
    angular = pose[:3, :3] @ np.reshape(message.body.covariance, (6, 6))[3:, 3:] @ pose[:3, :3].T
    np.testing.assert_allclose(np.reshape(human.body.covariance, (6, 6))[3:, 3:], angular, atol=1e-6)
    point = human.body.pose.position
    np.testing.assert_allclose([point.x, point.y, point.z], PLACE, atol=1e-5)
    np.testing.assert_allclose(human.pose[3:], message.pose[3:])
    np.testing.assert_allclose(human.betas, message.betas)


@pytest.mark.parametrize("camera", list(POSES))
def test_people_point_in_the_fixed_frame(camera):
    ahead = np.array([0.6, 0.8, 0.0])
    pointing = (POSES[camera][:3, :3].T @ ahead).astype(np.float32)
    people = PeopleFusion()
    frame = placed(camera, gestures=("pointing_left",), pointing_cam=pointing)
    (person,) = people.step(sightings_of(frame, pytest.fail), 7.5)
    human = fused_human(person, make_header(7.5, "odom"), "x_p1")
    assert list(human.gestures) == ["pointing_left"]
    np.testing.assert_allclose([human.pointing.x, human.pointing.y, human.pointing.z], ahead, atol=1e-6)
    (hidden,) = people.step([], 8.5)
    human = fused_human(hidden, make_header(8.5, "odom"), "x_p1")
    assert (list(human.gestures), human.pointing.x, human.pointing.y) == ([], 0.0, 0.0)


@pytest.mark.parametrize("camera", list(POSES))
def test_the_body_faces_along_x_of_the_fixed_frame_whatever_the_camera(camera):
    human = fused(camera)
    turn = human.body.pose.orientation
    np.testing.assert_allclose(Rotation.from_quat([turn.x, turn.y, turn.z, turn.w]).as_matrix(), np.eye(3), atol=1e-6)


def test_translation_and_pose_give_the_joints_of_the_body_model_in_the_fixed_frame():
    """SMPL turns about its root joint, not about its origin: the translation is not just moved as a point."""
    body = load_body_engine("open_light")
    person = person_at(POSES["east"], PLACE)
    rotations = rotation_matrices(person.pose[None])
    joints = body.joints(person.betas[None], rotations, person.transl_cam[None])
    person = replace(person, joints_cam=np.asarray(joints[0], np.float32))
    frame = PlacedFrame("east", people_message([person], make_header(7.5, "east_optical")), POSES["east"])
    people = PeopleFusion().step(sightings_of(frame, pytest.fail), 7.5)
    human = fused_human(people[0], make_header(7.5, "odom"), "p1")
    move = human.translation
    transl = np.array([[move.x, move.y, move.z]], np.float32)
    again = body.joints(person.betas[None], rotation_matrices(np.asarray(human.pose)[None]), transl)[0]
    np.testing.assert_allclose(np.asarray(again), np.asarray(human.joints).reshape(-1, 3), atol=1e-4)


def test_the_message_of_the_camera_is_left_as_it_was():
    frame = placed()
    before = str(frame.message)
    people = PeopleFusion().step(sightings_of(frame, pytest.fail), 7.5)
    fused_human(people[0], make_header(7.5, "odom"), "p1")
    assert str(frame.message) == before


def test_people_with_numbers_that_cannot_be_fused_are_told_and_left_out():
    told = []
    frame = placed()
    frame.message.humans[0].body.pose.position.x = float("nan")
    assert sightings_of(frame, told.append) == []
    assert "person 'p1' of camera 'south' has the position [nan" in told[0]
