"""The demo's rendered sequence: its truth must agree with its pixels, or every figure the demo prints is wrong."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from metrichmsr_ros.body.load import load_body
from metrichmsr_ros.data.synthesis.walking_sequence import WalkingSequence


@pytest.fixture(scope="module")
def frames():
    return WalkingSequence(61)[0::30]


def test_truth_is_the_body_model_posed(frames):
    body = load_body("open_light")
    for person in frames[1].people:
        joints = body.joints(*(torch.from_numpy(a)[None] for a in (person.betas, person.pose, person.transl_cam)))
        np.testing.assert_allclose(person.joints_cam, joints[0].numpy(), atol=5e-3)


def test_pelvis_pixel_shows_the_body_at_its_depth(frames):
    for frame in frames:
        nearest = min(frame.people, key=lambda person: person.transl_cam[2])
        u, v = np.round(frame.camera.project(nearest.joints_cam[0])).astype(int)
        # the skin in front of the pelvis joint is nearer than the joint by less than a body's thickness and an arm
        assert 0.0 < nearest.transl_cam[2] - frame.depth[v, u] < 0.5


def test_soles_stand_on_the_floor(frames):
    body = load_body("open")
    for frame in frames:
        for person in frame.people:
            arrays = (person.betas, person.pose, person.transl_cam)
            vertices = body(*(torch.from_numpy(a)[None] for a in arrays)).vertices[0].numpy()
            world = vertices @ frame.T_world_cam[:3, :3].T + frame.T_world_cam[:3, 3]
            assert abs(world[:, 2].min()) < 2e-3


def test_people_walk_upright_and_two_are_present_for_a_part(frames):
    assert [len(frame.people) for frame in frames] == [1, 2, 2]
    for frame in frames:
        for person in frame.people:
            assert person.joints_cam[15, 1] < person.joints_cam[0, 1] - 0.4  # head above pelvis; y points down


def test_camera_pose_is_a_rigid_transform(frames):
    for frame in frames:
        rotation = frame.T_world_cam[:3, :3]
        np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
        assert np.linalg.det(rotation) == pytest.approx(1.0)


def test_room_depth_back_projects_onto_its_surfaces(frames):
    frame = frames[0]
    v, u = np.mgrid[0 : frame.camera.height : 7, 0 : frame.camera.width : 7]
    points = frame.camera.back_project(np.stack([u, v], -1), frame.depth[v, u])
    world = points @ frame.T_world_cam[:3, :3].T + frame.T_world_cam[:3, 3]
    floor = world[..., 2] < 0.01
    assert floor.mean() > 0.2  # a third of the image is floor
    assert world[..., 2].min() > -0.01


def test_the_sequence_is_deterministic(frames):
    again = WalkingSequence(61)[0]
    np.testing.assert_array_equal(again.image, frames[0].image)


def test_no_frames_is_an_error():
    with pytest.raises(ValueError, match="num_frames is 0"):
        WalkingSequence(0)
