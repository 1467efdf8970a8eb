"""Augmentation of images: labelled joints still project onto their pixels; flipping twice changes nothing."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.layouts.bodies import BODIES
from helpers.layouts.scenes import write_rich
from helpers.layouts.smpl_npz import write_4dhumans, write_bedlam
from helpers.layouts.world import DOT, World
from hypothesis import given, settings
from hypothesis import strategies as st

from metrichmsr_ros.body.joints import mirror_points
from metrichmsr_ros.data.crop_dataset import PeopleCrops, collate, crop_inputs, truth_of, without_distortion
from metrichmsr_ros.data.formats.labels import LabelError, LabelTable, PersonLabel, joints_of
from metrichmsr_ros.data.formats.scenes import read_rich
from metrichmsr_ros.data.formats.smpl_npz import read_4dhumans, read_bedlam
from metrichmsr_ros.data.image_augment import (
    NO_AUGMENT,
    CropDraw,
    ImageAugment,
    ViewChange,
    change_colours,
    draw_crop,
    draw_view_change,
    occlude_patch,
)
from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.geometry.crop import warp_crop
from metrichmsr_ros.hmr.network.losses import project
from metrichmsr_ros.hmr.network.ray_map import ray_map

BODY = BODIES["neutral"]
SEEDS = st.integers(0, 2**31 - 1)
SIZE = (1280, 720)


@pytest.fixture(scope="module")
def bedlam(tmp_path_factory: pytest.TempPathFactory) -> tuple[LabelTable, World]:
    labels, images, world = write_bedlam(tmp_path_factory.mktemp("bedlam"), closeup=False)
    return read_bedlam(labels, images, joints_of(BODIES)), world


def joints_of_label(label: PersonLabel, view: ViewChange) -> torch.Tensor:
    return truth_of(label, view, BODY).joints_cam


@settings(deadline=None, max_examples=20)
@given(seed=SEEDS)
def test_joints_follow_their_pixels(bedlam: tuple[LabelTable, World], seed: int) -> None:
    """J2D of the truth is zero in the changed image and in the crop, for every view and crop."""
    rng = np.random.default_rng(seed)
    label, config = bedlam[0][int(rng.integers(3))], ImageAugment(roll=0.4, crop_rotation=0.5)
    view, draw = draw_view_change(config, SIZE[0], label.intrinsics, rng), draw_crop(config, rng)
    inputs, matrix = crop_inputs(label, view, draw, SIZE, (192, 256))
    truth = truth_of(label, view, BODY)
    if view.is_mirror:  # the mirror swaps sides: exact only for the joints of a symmetric body
        root = project(truth.joints_cam[:, :1], inputs.intrinsics)
        torch.testing.assert_close(root[0, 0], truth.joints_2d[0, 0, :2], atol=0.02, rtol=0)
        return
    pixels = project(truth.joints_cam, inputs.intrinsics)
    torch.testing.assert_close(pixels, truth.joints_2d[..., :2], atol=0.05, rtol=0)
    in_crop = project(truth.joints_cam, inputs.crop_intrinsics)[0].double().numpy()
    stored = np.concatenate([label.joints_2d[:, :2], np.ones((24, 1))], 1)
    np.testing.assert_allclose(in_crop, (stored @ matrix.T)[:, :2], atol=0.05)


@settings(deadline=None, max_examples=10)
@given(seed=SEEDS)
def test_a_mirror_takes_every_joint_to_its_mirror_image(bedlam: tuple[LabelTable, World], seed: int) -> None:
    label = bedlam[0][seed % 3]
    symmetric = dataclasses.replace(label, betas=np.zeros(10, np.float32))
    pelvis = BODY.rest_joints(torch.zeros(1, 10))[0, 0].numpy()
    symmetric = dataclasses.replace(symmetric, pelvis=pelvis)
    straight = joints_of_label(symmetric, ViewChange.identity())
    mirrored = truth_of(symmetric, ViewChange.mirrored(SIZE[0]), BODY)
    torch.testing.assert_close(mirrored.joints_cam, mirror_points(straight), atol=1e-5, rtol=0)


def test_flipping_twice_changes_nothing(bedlam: tuple[LabelTable, World]) -> None:
    """Flipping twice leaves image, ray map and labels unchanged."""
    label = bedlam[0][0]
    once = ViewChange.mirrored(SIZE[0])
    twice = once.then(once)
    np.testing.assert_array_equal(twice.pixels, np.eye(3))
    np.testing.assert_array_equal(twice.frame, np.eye(3))
    intrinsics = np.asarray(label.intrinsics)
    flipped = once.intrinsics(intrinsics)
    back = once.intrinsics(flipped)
    np.testing.assert_allclose(back, intrinsics, atol=1e-9)
    np.testing.assert_allclose(ray_map(back, 64, 48), ray_map(intrinsics, 64, 48), rtol=0, atol=1e-6)
    pose, transl = once.body(label.pose, label.transl, label.pelvis)
    back_pose, back_transl = once.body(pose, transl, label.pelvis)
    np.testing.assert_allclose(back_pose, label.pose, atol=1e-6)
    np.testing.assert_allclose(back_transl, label.transl, atol=1e-6)
    np.testing.assert_allclose(once.joints_2d(once.joints_2d(label.joints_2d)), label.joints_2d, atol=1e-3)
    image = np.random.default_rng(0).integers(0, 255, (720, 1280, 3), np.uint8)
    flip = warp_crop(image, once.pixels, SIZE)
    np.testing.assert_array_equal(flip, image[:, ::-1])
    np.testing.assert_array_equal(warp_crop(flip, once.pixels, SIZE), image)


def test_the_ray_map_of_a_flipped_image_is_the_flipped_ray_map(bedlam: tuple[LabelTable, World]) -> None:
    small = np.array([[60.0, 0, 33.0], [0, 61.0, 20.0], [0, 0, 1.0]])
    rays = ray_map(small, 48, 64)
    flipped = ray_map(ViewChange.mirrored(64).intrinsics(small), 48, 64)
    expected = rays[:, :, ::-1] * np.array([-1.0, 1.0, 1.0])[:, None, None]
    np.testing.assert_allclose(flipped, expected, atol=1e-6)


def test_a_roll_keeps_the_camera_and_turns_the_rays(bedlam: tuple[LabelTable, World]) -> None:
    intrinsics = np.asarray(bedlam[0][0].intrinsics)
    view = ViewChange.rolled(0.3, intrinsics)
    np.testing.assert_allclose(view.intrinsics(intrinsics), intrinsics, atol=1e-9)
    ray = np.linalg.inv(intrinsics) @ [100.0, 200.0, 1.0]
    pixel = view.pixels @ [100.0, 200.0, 1.0]
    np.testing.assert_allclose(np.linalg.inv(intrinsics) @ pixel, view.points(ray), atol=1e-9)


def test_no_augmentation_changes_nothing() -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (64, 48, 3), np.uint8)
    np.testing.assert_array_equal(change_colours(image, NO_AUGMENT, rng), image)
    assert occlude_patch(image, NO_AUGMENT, rng) is image
    assert draw_crop(NO_AUGMENT, rng) == CropDraw()
    np.testing.assert_array_equal(draw_view_change(NO_AUGMENT, 48, np.eye(3), rng).frame, np.eye(3))


def test_colours_and_patches_change_pixels_within_bounds() -> None:
    image = np.full((64, 48, 3), 128, np.uint8)
    config = ImageAugment(occlusion=1.0)
    hidden = occlude_patch(image, config, np.random.default_rng(1))
    share = (hidden != image).any(2).mean()
    assert 0.005 < share < 0.25
    changed = change_colours(image, config, np.random.default_rng(1))
    assert changed.dtype == np.uint8
    assert np.abs(changed.astype(int) - 128).max() < 128 * 0.6


def test_the_crop_shows_the_person(bedlam: tuple[LabelTable, World]) -> None:
    """K' projects the root joint to its dot, in plain and augmented crops."""
    table = bedlam[0]
    for augment in (NO_AUGMENT, ImageAugment(colour=0.0, blur=0.0, noise=0.0, occlusion=0.0, tight_crop=0.0)):
        crops = PeopleCrops(table, BODY, (192, 256), augment=augment, seed=3)
        for index in range(len(table)):
            inputs, truth = crops[index]
            assert inputs.image is not None
            u, v = project(truth.joints_cam[:, :1], inputs.crop_intrinsics)[0, 0].round().int().tolist()
            seen = 255 * inputs.image[0, :, v, u]
            assert (seen - torch.tensor(DOT)).abs().max() < 40


def test_the_crop_encloses_the_box_and_keeps_its_aspect(bedlam: tuple[LabelTable, World]) -> None:
    label = bedlam[0][0]
    inputs, matrix = crop_inputs(label, ViewChange.identity(), CropDraw(), SIZE, (192, 256))
    corners = np.array([[label.bbox[0], label.bbox[1], 1.0], [label.bbox[2], label.bbox[3], 1.0]]) @ matrix.T
    assert (corners[:, :2] >= -0.51).all()
    assert (corners[:, :2] <= np.array([191.51, 255.51])).all()
    assert matrix[0, 0] == pytest.approx(matrix[1, 1])
    torch.testing.assert_close(inputs.crop_intrinsics, torch.from_numpy(matrix).float() @ inputs.intrinsics)


def test_samples_repeat_with_their_seed_and_collate(bedlam: tuple[LabelTable, World]) -> None:
    crops = PeopleCrops(bedlam[0], BODY, (64, 64), augment=ImageAugment(), seed=1)
    torch.testing.assert_close(crops[1][0].image, crops[1][0].image)
    other = dataclasses.replace(crops, epoch=1)
    assert not torch.equal(crops[1][0].crop_intrinsics, other[1][0].crop_intrinsics)
    loader = torch.utils.data.DataLoader(crops, batch_size=3, collate_fn=collate)
    inputs, truth = next(iter(loader))
    assert inputs.image is not None
    assert inputs.image.shape == (3, 3, 64, 64)
    assert (len(inputs), len(truth), inputs.crop_size) == (3, 3, (64, 64))
    assert truth.has_transl.all()


def test_an_unknown_camera_is_an_error_unless_one_is_assumed(tmp_path: Path) -> None:
    labels, images, _ = write_4dhumans(tmp_path)
    table = read_4dhumans(labels, images)
    with pytest.raises(LabelError, match="has no intrinsics"):
        PeopleCrops(table, BODY, (64, 64))[0]
    inputs, truth = PeopleCrops(table, BODY, (64, 64), assumed_camera=Camera.long_side)[0]
    assert inputs.intrinsics[0, 0, 0] == 640
    assert not truth.has_transl.any()


def test_an_empty_box_is_refused_with_its_person(bedlam: tuple[LabelTable, World]) -> None:
    label = dataclasses.replace(bedlam[0][0], bbox=np.array([5, 5, 5, 9], np.float32))
    with pytest.raises(LabelError, match=r"bedlam/.*bounding box"):
        crop_inputs(label, ViewChange.identity(), CropDraw(), SIZE, (64, 64))


def test_distorted_images_are_straightened_with_their_labels(tmp_path: Path) -> None:
    world, _ = write_rich(tmp_path)
    table = read_rich(tmp_path, "test", "Pavallion_003_sidebalancerun", 2, joints_of(BODIES), {"003": "male"})
    image = np.zeros((600, 800, 3), np.uint8)
    u, v = np.rint(table.joints_2d[0, 0, :2]).astype(int)
    image[v - 4 : v + 5, u - 4 : u + 5] = 255
    straight, label = without_distortion(image, table[0])
    np.testing.assert_allclose(label.joints_2d[:, :2], world.pixels[0], atol=0.05)
    u, v = np.rint(world.pixels[0, 0]).astype(int)
    assert straight[v, u].min() > 200
    assert not label.distortion.any()
