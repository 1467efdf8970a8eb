"""Augmentation of landmark samples: mirror, another crop of the same person, noise. The truth is changed exactly alike.

Every change of the crop is one 3x3 matrix that is applied to the landmarks and to K' alike, so that rays stay correct.
"""

from __future__ import annotations

import dataclasses

import roma
import torch

from metrichmsr_ros.body.joints import MIRROR_JOINTS, MIRROR_LANDMARKS, mirror_pose
from metrichmsr_ros.hmr.network.batch import CropBatch, choose
from metrichmsr_ros.hmr.network.crop_camera import CropCamera
from metrichmsr_ros.hmr.network.losses import Truth, project
from metrichmsr_ros.hmr.network.mirroring import MIRROR_X, mirrored
from metrichmsr_ros.training.human.config import AugmentConfig

FARTHER = 10.0
"""Largest factor on the distance of `AugmentConfig.far`, which is log-uniform between 1 and this."""


def augment(
    batch: CropBatch, truth: Truth, config: AugmentConfig, generator: torch.Generator
) -> tuple[CropBatch, Truth]:
    """An augmented copy of (batch, truth); the same generator state gives the same copy."""
    count = len(batch)
    mirrored = torch.rand(count, generator=generator) < config.mirror
    batch, truth = _where(mirrored, mirror(batch, truth), (batch, truth))
    factor = torch.exp(torch.randn(count, generator=generator) * config.distance)
    is_far = torch.rand(count, generator=generator) < config.far
    factor = torch.where(is_far, FARTHER ** torch.rand(count, generator=generator), factor)
    axis = torch.randn(count, 3, generator=generator) * config.turn * torch.tensor([0.4, 1.0, 0.4])
    if truth.landmarks_cam is not None:
        batch, truth = move_person(batch, truth, roma.rotvec_to_rotmat(axis), factor)
    scale = torch.exp((2 * torch.rand(count, generator=generator) - 1) * config.crop_scale)
    angle = torch.randn(count, generator=generator) * config.crop_rotation
    shift = torch.randn(count, 2, generator=generator) * config.crop_shift
    batch = change_crop(batch, scale, angle, shift)
    return add_noise(batch, config, generator), truth


def mirror(batch: CropBatch, truth: Truth) -> tuple[CropBatch, Truth]:
    """The same people in the mirrored image, pixels included; mirroring twice gives the input."""
    flip = torch.diag(batch.landmarks.new_tensor(MIRROR_X))
    image_width = batch.image_size[:, 0]
    joints = list(MIRROR_JOINTS)
    u2, v2, confidence = truth.joints_2d[:, joints].unbind(-1)
    labels = dataclasses.replace(
        truth,
        pose=mirror_pose(truth.pose),
        transl=truth.transl @ flip,
        joints_cam=truth.joints_cam[:, joints] @ flip,
        joints_2d=torch.stack([image_width[:, None] - 1 - u2, v2, confidence], dim=-1),
        landmarks_cam=None if truth.landmarks_cam is None else truth.landmarks_cam[:, list(MIRROR_LANDMARKS)] @ flip,
    )
    return mirrored(batch), labels


def move_person(
    batch: CropBatch, truth: Truth, rotation: torch.Tensor, factor: torch.Tensor
) -> tuple[CropBatch, Truth]:
    """The people rotated about their roots by (B,3,3), in the axes of their crops, and `factor` (B,) times as far away.

    BlazePose's errors stay: its landmarks move by as much as the true ones (`truth.landmarks_cam`). The crop is scaled
    so that people keep their size in it. People who would come within 0.3 m of the camera are left unchanged.
    """
    assert truth.landmarks_cam is not None
    view = CropCamera.of(batch.crop_intrinsics, batch.crop_size)
    turn = view.rotation @ rotation @ view.rotation.mT
    root = truth.joints_cam[:, :1]
    new_root = root * factor[:, None, None]
    crop = _scale_about(project(root, batch.crop_intrinsics)[:, 0], factor) @ batch.crop_intrinsics
    joints = (truth.joints_cam - root) @ turn.mT + new_root
    landmarks = (truth.landmarks_cam - root) @ turn.mT + new_root
    shift = project(landmarks, crop) - project(truth.landmarks_cam, batch.crop_intrinsics)
    relative = truth.landmarks_cam - truth.landmarks_cam[:, [23, 24]].mean(1, keepdim=True)
    turned = (relative @ turn.mT - relative) @ view.rotation  # in the crop's axes
    pixels_per_metre = batch.crop_size[0] / 2 / view.half_angle / root[:, 0].norm(dim=-1)
    moved = torch.cat([shift, turned[..., 2:] * pixels_per_metre[:, None, None]], dim=-1)
    root_turn = turn @ roma.rotvec_to_rotmat(truth.pose[:, :3])
    joints_2d = torch.cat([project(joints, batch.intrinsics), truth.joints_2d[..., 2:]], dim=-1)
    inputs = dataclasses.replace(
        batch,
        landmarks=batch.landmarks + moved[:, _NEAREST_LANDMARK],
        world=batch.world + turned[:, _NEAREST_LANDMARK],
        crop_intrinsics=crop,
        bbox=torch.cat([joints_2d[..., :2].amin(1), joints_2d[..., :2].amax(1)], dim=-1),
    )
    labels = dataclasses.replace(
        truth,
        pose=torch.cat([roma.rotmat_to_rotvec(root_turn), truth.pose[:, 3:]], dim=-1),
        transl=truth.transl + (new_root - root)[:, 0],
        joints_cam=joints,
        joints_2d=joints_2d,
        landmarks_cam=landmarks,
    )
    nearest = torch.minimum(landmarks[..., 2].amin(1), truth.landmarks_cam[..., 2].amin(1))
    return _where(nearest > 0.3, (inputs, labels), (batch, truth))


# For each of the 39 landmarks, the body landmark (of 33) whose motion it follows.
_NEAREST_LANDMARK = [*range(33), 23, 0, 19, 15, 20, 16]


def _scale_about(pixel: torch.Tensor, factor: torch.Tensor) -> torch.Tensor:
    middle = torch.cat([(1 - factor)[:, None] * pixel, torch.ones_like(factor)[:, None]], dim=-1)
    matrix = torch.diag_embed(torch.stack([factor, factor, torch.zeros_like(factor)], dim=-1))
    return torch.cat([matrix[..., :2], middle[..., None]], dim=-1)


def change_crop(batch: CropBatch, scale: torch.Tensor, angle: torch.Tensor, shift: torch.Tensor) -> CropBatch:
    """The same people in another crop: content scaled (B,), rotated by angle (B,) and shifted (B,2) in crop sides.

    World landmarks are in the crop's axes, so they rotate too. Raises ValueError for samples with pixels: their crop
    is augmented where it is cut out of the image.
    """
    if batch.image is not None:
        raise ValueError("change_crop moves landmarks, not pixels; change the crop where the image is cut")
    width, height = batch.crop_size
    cos, sin, zero = angle.cos(), angle.sin(), torch.zeros_like(angle)
    turn = torch.stack([torch.stack([cos, -sin], -1), torch.stack([sin, cos], -1)], dim=-2)
    middle = batch.landmarks.new_tensor([(width - 1) / 2, (height - 1) / 2])
    moved = middle + shift * batch.landmarks.new_tensor([width, height])
    linear = scale[:, None, None] * turn
    offset = moved - (linear @ middle[:, None])[..., 0]
    last = torch.stack([zero, zero, torch.ones_like(zero)], dim=-1)[:, None]
    matrix = torch.cat([torch.cat([linear, offset[..., None]], dim=-1), last], dim=1)
    points = batch.landmarks[..., :2] @ linear.transpose(-1, -2) + offset[:, None]
    depth = batch.landmarks[..., 2:] * scale[:, None, None]
    world = torch.cat([batch.world[..., :2] @ turn.transpose(-1, -2), batch.world[..., 2:]], dim=-1)
    return dataclasses.replace(
        batch,
        landmarks=torch.cat([points, depth], dim=-1),
        world=world,
        crop_intrinsics=matrix @ batch.crop_intrinsics,
    )


def add_noise(batch: CropBatch, config: AugmentConfig, generator: torch.Generator) -> CropBatch:
    """Gaussian noise on all landmarks, and large errors with low visibility on a few, as of occluded landmarks."""
    side = max(batch.crop_size)
    noise = torch.randn(batch.landmarks.shape, generator=generator)
    thrown = torch.rand(batch.visibility.shape, generator=generator) < config.dropout
    spread = torch.where(thrown, 0.05, config.landmark_noise)[..., None] * side
    world_spread = torch.where(thrown, 0.1, config.world_noise)[..., None]
    return dataclasses.replace(
        batch,
        landmarks=batch.landmarks + spread * noise,
        world=batch.world + world_spread * torch.randn(batch.world.shape, generator=generator),
        visibility=torch.where(thrown, batch.visibility * 0.3, batch.visibility),
    )


def _where(mask: torch.Tensor, yes: tuple[CropBatch, Truth], no: tuple[CropBatch, Truth]) -> tuple[CropBatch, Truth]:
    labels = no[1].tensors()
    return yes[0].where(mask, no[0]), Truth(**{k: choose(mask, v, labels[k]) for k, v in yes[1].tensors().items()})
