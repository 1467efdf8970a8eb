"""Augmentation keeps samples consistent: exact inverses, and truth that still projects onto its landmarks."""

from __future__ import annotations

import dataclasses

import pytest
import roma
import torch
from helpers.simulated_people import simulate

from metrichmsr_ros.hmr.network.crop_camera import CropCamera
from metrichmsr_ros.hmr.network.losses import project
from metrichmsr_ros.training.human.config import AugmentConfig
from metrichmsr_ros.training.human.landmark_augment import add_noise, augment, change_crop, mirror, move_person

HIPS_AND_SHOULDERS = ([23, 24, 11, 12], [1, 2, 16, 17])  # landmarks, joints: equal in simulated people


@pytest.fixture(scope="module")
def people(body):
    table = simulate(body, 8)
    return table.inputs, table.truth


def check_landmarks_meet_truth(batch, truth):
    """The crop's landmarks of four joints are the joints' projections with K', and joints_2d those with K."""
    landmarks, joints = HIPS_AND_SHOULDERS
    crop_pixels = project(truth.joints_cam[:, joints], batch.crop_intrinsics)
    assert torch.allclose(crop_pixels, batch.landmarks[:, landmarks, :2], atol=0.05)
    assert torch.allclose(project(truth.joints_cam, batch.intrinsics), truth.joints_2d[..., :2], atol=0.05)


def test_simulated_people_are_consistent(people):
    check_landmarks_meet_truth(*people)


def test_mirrored_people_are_true(people, body):
    batch, truth = mirror(*people)
    check_landmarks_meet_truth(batch, truth)
    assert torch.allclose(body.joints(truth.betas, truth.pose, truth.transl), truth.joints_cam, atol=2e-3)
    assert (batch.bbox[:, 0] < batch.bbox[:, 2]).all()


def test_mirror_twice_is_identity(people):
    batch, truth = people
    image = torch.rand(len(batch), 3, 8, 8)
    again, labels = mirror(*mirror(dataclasses.replace(batch, image=image), truth))
    for name, value in dataclasses.replace(batch, image=image).tensors().items():
        assert torch.allclose(getattr(again, name), value, atol=1e-3), name
    for name, value in truth.tensors().items():
        assert torch.allclose(getattr(labels, name).float(), value.float(), atol=1e-3), name


def test_change_crop_keeps_rays(people):
    batch, truth = people
    count = len(batch)
    generator = torch.Generator().manual_seed(1)
    scale, angle = 0.7 + torch.rand(count, generator=generator), torch.randn(count, generator=generator)
    changed = change_crop(batch, scale, angle, 0.1 * torch.randn(count, 2, generator=generator))
    check_landmarks_meet_truth(changed, truth)
    before, after = (CropCamera.of(b.crop_intrinsics, b.crop_size) for b in (batch, changed))
    directions = []
    for view, crop in ((before, batch), (after, changed)):
        tangents = view.rays(crop.landmarks[..., :2]) * view.half_angle[:, None, None]
        directions.append(torch.nn.functional.pad(tangents, (0, 1), value=1.0) @ view.rotation.mT)
    unit = [torch.nn.functional.normalize(d, dim=-1) for d in directions]
    assert torch.allclose(*unit, atol=1e-4)
    world_in_camera = [(v.rotation @ b.world.mT).mT for v, b in ((before, batch), (after, changed))]
    turned_with_crop = (world_in_camera[0] - world_in_camera[1]).norm(dim=-1).max()
    assert turned_with_crop < 0.15  # equal but for the small tilt between the two virtual cameras


def with_true_landmarks(truth):
    """True landmarks: four of them at the joints, the rest at the root."""
    landmarks, joints = HIPS_AND_SHOULDERS
    true_landmarks = torch.zeros(len(truth), 33, 3) + truth.joints_cam[:, :1]
    true_landmarks[:, landmarks] = truth.joints_cam[:, joints]
    return dataclasses.replace(truth, landmarks_cam=true_landmarks)


def test_moved_people_are_true(people, body):
    batch, truth = people[0], with_true_landmarks(people[1])
    turn = roma.rotvec_to_rotmat(torch.randn(len(batch), 3, generator=torch.Generator().manual_seed(2)) * 0.3)
    factor = torch.linspace(0.7, 1.6, len(batch))
    moved, labels = move_person(batch, truth, turn, factor)
    check_landmarks_meet_truth(moved, labels)
    assert torch.allclose(body.joints(labels.betas, labels.pose, labels.transl), labels.joints_cam, atol=2e-3)
    assert torch.allclose(labels.transl, truth.transl * factor[:, None], atol=1e-4)
    before, after = (b.landmarks[:, 11:29, 1].amax(1) - b.landmarks[:, 11:29, 1].amin(1) for b in (batch, moved))
    assert (after / before - 1).abs().max() < 0.5  # people keep about their size in the crop
    still, _ = move_person(batch, truth, torch.eye(3).expand_as(turn), torch.ones_like(factor))
    assert torch.allclose(still.landmarks, batch.landmarks, atol=1e-2)


def test_change_crop_raises_an_error_for_pixels(people):
    batch = dataclasses.replace(people[0], image=torch.zeros(len(people[0]), 3, 4, 4))
    one = torch.ones(len(batch))
    with pytest.raises(ValueError, match="not pixels"):
        change_crop(batch, one, one, torch.zeros(len(batch), 2))


def test_augment_is_reproducible_and_can_be_switched_off(people):
    off = AugmentConfig(*[0.0] * 10)
    same, _ = augment(*people, off, torch.Generator().manual_seed(0))
    for name, value in people[0].tensors().items():
        assert torch.allclose(getattr(same, name), value, atol=1e-3), name
    runs = [augment(*people, AugmentConfig(), torch.Generator().manual_seed(5))[0] for _ in range(2)]
    assert torch.equal(runs[0].landmarks, runs[1].landmarks)


def test_noise_has_the_configured_standard_deviation(people):
    config = AugmentConfig(landmark_noise=0.01, world_noise=0.02, dropout=0.0)
    batch = people[0].select(torch.zeros(200, dtype=torch.long))
    noisy = add_noise(batch, config, torch.Generator().manual_seed(0))
    assert (noisy.landmarks - batch.landmarks).std().item() == pytest.approx(2.56, rel=0.03)
    assert (noisy.world - batch.world).std().item() == pytest.approx(0.02, rel=0.03)
    assert torch.equal(noisy.visibility, batch.visibility)


def test_far_people_are_up_to_ten_times_as_far_and_consistent(people):
    batch, truth = people[0], with_true_landmarks(people[1])
    still = AugmentConfig(*[0.0] * 10)
    moved, labels = augment(batch, truth, dataclasses.replace(still, far=1.0), torch.Generator().manual_seed(4))
    ratio = labels.joints_cam[:, 0].norm(dim=-1) / truth.joints_cam[:, 0].norm(dim=-1)
    assert (ratio >= 1).all()
    assert (ratio <= 10.01).all()
    assert 1.5 < ratio.log().mean().exp() < 7
    check_landmarks_meet_truth(moved, labels)
    same = augment(batch, truth, still, torch.Generator().manual_seed(4))[1]
    assert torch.allclose(same.transl, truth.transl, atol=1e-5)
