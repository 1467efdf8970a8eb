"""Ray maps of crops: the crop's camera gives every pixel the ray of the full image's camera."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from helpers.random_crops import CAMERA, crops
from hypothesis import given, settings

from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.geometry.crop import apply_matrix, crop_intrinsics, crop_matrix
from metrichmsr_ros.hmr.network.ray_map import crop_rotation, ray_map, rays_at


def test_integer_shift_cuts_the_full_image_ray_map():
    matrix = crop_matrix((100 + 31.5, 50 + 23.5), (64, 48), (64, 48))
    np.testing.assert_allclose(matrix, [[1, 0, -100], [0, 1, -50], [0, 0, 1]], atol=1e-12)
    full = ray_map(CAMERA.intrinsics, 480, 640)
    part = ray_map(crop_intrinsics(matrix, CAMERA.intrinsics), 48, 64)
    np.testing.assert_allclose(part, full[:, 50:98, 100:164], rtol=0, atol=1e-6)


@given(matrix=crops)
@settings(max_examples=80, deadline=None)
def test_crop_ray_map_equals_cropping_the_full_ray_map(matrix):
    """Scaled, padded or rotated: the ray at a crop pixel is the full image's ray at the source pixel."""
    rays = ray_map(crop_intrinsics(matrix, CAMERA.intrinsics), 40, 40)
    grid = np.stack(np.meshgrid(np.arange(40), np.arange(40)), axis=-1)
    source = apply_matrix(np.linalg.inv(matrix), grid)
    expected = CAMERA.back_project(source, 1.0)
    np.testing.assert_allclose(np.moveaxis(rays, 0, -1), expected, rtol=1e-6, atol=1e-6)


def test_torch_and_numpy_agree_in_batches():
    matrices = np.stack([crop_matrix((300, 200), 100, 64, angle) for angle in (0.0, 0.5, -2.0)])
    k = crop_intrinsics(matrices, CAMERA.intrinsics)
    rays = ray_map(torch.from_numpy(k), 48, 64)
    assert rays.shape == (3, 3, 48, 64)
    assert rays.dtype == torch.float32
    np.testing.assert_array_equal(rays.numpy(), ray_map(k, 48, 64))
    assert torch.equal(rays[:, 2], torch.ones(3, 48, 64))
    pixels = torch.tensor([[[5.0, 7.0], [63.0, 47.0]]]).expand(3, 2, 2)
    at = rays_at(torch.from_numpy(k), pixels)
    assert torch.allclose(at[:, 0], rays[:, :, 7, 5])
    assert torch.allclose(at[:, 1], rays[:, :, 47, 63])


@given(matrix=crops)
@settings(max_examples=80, deadline=None)
def test_crop_rotation_maps_the_optical_axis_to_the_middle_ray(matrix):
    k = crop_intrinsics(matrix, CAMERA.intrinsics)
    rotation = crop_rotation(k, (256, 256))
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-9)
    assert np.linalg.det(rotation) == pytest.approx(1)
    middle = rays_at(k, np.array([[127.5, 127.5]]))[0]
    np.testing.assert_allclose(rotation[:, 2], middle / np.linalg.norm(middle), atol=1e-6)


def test_crop_rotation_of_the_whole_image_is_identity():
    camera = Camera.from_fov(640, 480, 1.0)
    np.testing.assert_allclose(crop_rotation(camera.intrinsics, camera.size), np.eye(3), atol=1e-12)


def test_crop_rotation_follows_the_crop_axes():
    """A small step along the crop's x axis in the virtual camera moves the pixel along u, and only there."""
    matrix = crop_matrix((100, 400), 120, 256, 0.7)
    k = crop_intrinsics(matrix, CAMERA.intrinsics)
    rotation = crop_rotation(k, (256, 256))
    crop_camera = CAMERA.transformed(matrix, (256, 256))
    step = crop_camera.project(5 * rotation[:, 2] + 1e-4 * rotation[:, 0]) - 127.5
    assert abs(step[1]) < 1e-6 * abs(step[0])
    assert step[0] > 0
