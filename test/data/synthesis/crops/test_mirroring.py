"""The mirror image of a crop: geometry, truth and picture go together."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from metrichmsr_ros.body.joints import MIRROR_JOINTS
from metrichmsr_ros.body.load import load_body
from metrichmsr_ros.data.rendering.background import Backgrounds
from metrichmsr_ros.data.rendering.crops.generator import CropMaker
from metrichmsr_ros.data.rendering.crops.picture import CropSources
from metrichmsr_ros.data.synthesis.crops.mirroring import mirrored_crop


@pytest.fixture(scope="module")
def crops():
    return list(CropMaker(CropSources(Backgrounds(), np.zeros((0, 256, 256, 3), np.uint8))).make(0, 0))


def test_mirroring_twice_changes_nothing(crops):
    for crop in crops:
        again = mirrored_crop(mirrored_crop(crop))
        assert np.array_equal(again.picture, crop.picture)
        for name in ("to_picture", "rotations", "joints", "up", "seen"):
            np.testing.assert_allclose(getattr(again, name), getattr(crop, name), atol=1e-9)
        np.testing.assert_allclose(again.region.matrix(), crop.region.matrix(), atol=1e-9)


def test_joints_project_to_the_mirrored_pixels(crops):
    order = list(MIRROR_JOINTS)
    for crop in crops:
        other = mirrored_crop(crop)
        pixels, mirrored = crop.camera.project(crop.joints), other.camera.project(other.joints)
        np.testing.assert_allclose(mirrored[order, 0], crop.camera.width - 1 - pixels[:, 0], atol=1e-6)
        np.testing.assert_allclose(mirrored[order, 1], pixels[:, 1], atol=1e-6)
        in_picture = pixels @ crop.to_picture[:2, :2].T + crop.to_picture[:2, 2]
        turned = mirrored[order] @ other.to_picture[:2, :2].T + other.to_picture[:2, 2]
        np.testing.assert_allclose(turned[:, 0], crop.picture.shape[1] - 1 - in_picture[:, 0], atol=1e-6)


def test_rotations_pose_the_mirrored_body(crops):
    body = load_body("open")
    others = [mirrored_crop(crop) for crop in crops]
    rotations = torch.from_numpy(np.stack([crop.rotations for crop in others])).float()
    betas = torch.from_numpy(np.stack([crop.betas for crop in others])).float()
    transl = torch.from_numpy(np.stack([crop.joints[0] for crop in others])).float()
    joints = body(betas, rotations, transl).joints.numpy()
    np.testing.assert_allclose(joints, np.stack([crop.joints for crop in others]), atol=5e-3)  # bodies are symmetric


def test_the_region_shows_the_mirrored_pixels(crops):
    for crop in crops:
        other = mirrored_crop(crop)
        corners, turned = crop.region.corners(), other.region.corners()
        np.testing.assert_allclose(turned[[1, 0, 3, 2], 0], crop.camera.width - 1 - corners[:, 0], atol=1e-6)
        np.testing.assert_allclose(turned[[1, 0, 3, 2], 1], corners[:, 1], atol=1e-6)
