"""Backgrounds: photographs, panoramas and rooms fill the image and follow the camera's rays."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from metrichmsr_ros.data.rendering.background import (
    Backgrounds,
    BackgroundsError,
    load_backgrounds,
    panorama_view,
    random_background,
    random_textured_room,
    world_rays,
)
from metrichmsr_ros.geometry.camera import Camera

LEVEL = np.diag([1.0, -1.0, -1.0])


def test_backgrounds_split_and_missing_folder(tmp_path):
    for index in range(30):
        cv2.imwrite(str(tmp_path / f"picture{index}.png"), np.full((40, 60, 3), index * 8, np.uint8))
    kept, held = (load_backgrounds(tmp_path, side) for side in (False, True))
    assert len(kept.photographs) + len(held.photographs) == 30
    assert 0 < len(held.photographs) < 15
    with pytest.raises(FileNotFoundError, match="is not a folder"):
        load_backgrounds(tmp_path / "nowhere", False)
    (tmp_path / "picture0.png").write_bytes(b"not a picture")
    with pytest.raises(BackgroundsError, match=r"picture0\.png: not an image"):
        [load_backgrounds(tmp_path, side) for side in (False, True)]


def test_a_folder_without_images_for_a_split_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("photographs follow")
    for side in (False, True):
        with pytest.raises(BackgroundsError, match=r"has no images \(\.jpg, .*or omit it"):
            load_backgrounds(tmp_path, side)
    cv2.imwrite(str(tmp_path / "single.png"), np.full((40, 60, 3), 8, np.uint8))
    refused = []
    for side in (False, True):
        try:
            assert len(load_backgrounds(tmp_path, side).photographs) == 1
        except BackgroundsError as error:
            refused.append(str(error))
    (text,) = refused
    assert "none of the 1 images" in text
    assert "Give more images, or set" in text


def test_every_kind_of_background_fills_the_picture():
    rng = np.random.default_rng(0)
    sources = Backgrounds((rng.integers(0, 255, (60, 90, 3), dtype=np.uint8),), (np.full((32, 64, 3), 128, np.uint8),))
    camera = Camera.from_fov(96, 64, 1.2)
    for _ in range(12):
        image = random_background(sources, camera, LEVEL, np.array([0.0, 1.0, 0.0]), rng)
        assert image.shape == (64, 96, 3)
        assert np.isfinite(image).all()
        assert image.min() >= 0
        assert image.max() <= 1


def test_room_depth_meets_the_floor_where_the_ray_does():
    rng = np.random.default_rng(4)
    eye = np.array([0.0, 1.3, 0.0])
    rays = world_rays(Camera.from_fov(64, 48, 1.2), LEVEL)
    depth = np.empty((48, 64))
    random_textured_room(Backgrounds(), eye, rng).render(rays, eye, depth)
    heights = eye[1] + depth * rays[..., 1]
    assert heights.min() > -1e-3
    floor = np.isclose(heights, 0, atol=1e-3)
    np.testing.assert_allclose(depth[floor], -eye[1] / rays[..., 1][floor], rtol=1e-4)


def test_panorama_is_looked_up_by_direction():
    panorama = np.zeros((64, 128, 3), np.uint8)
    panorama[:32] = 255  # sky
    rays = np.array([[[0.0, 0.5, -1.0], [0.0, -0.5, -1.0]]], np.float32)
    np.testing.assert_allclose(panorama_view(panorama, rays, 0.3)[0, :, 0], [1, 0], atol=0.02)
