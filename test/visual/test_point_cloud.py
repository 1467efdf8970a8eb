"""Figures of depth: colours by metres, grey for unknown depth, and occlusion between bodies and the cloud."""

from __future__ import annotations

import numpy as np

from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.visual.point_cloud import BACKGROUND, UNKNOWN, cloud_view, depth_colours

CAMERA = Camera.from_fov(160, 120, 1.0)
FACES = np.array([[0, 1, 2], [0, 2, 3]])
PERSON = np.array([[-0.4, -0.9, 3], [0.4, -0.9, 3], [0.4, 0.9, 3], [-0.4, 0.9, 3]])
RED = np.array([255.0, 0, 0])


def test_near_is_red_far_is_blue_unknown_is_grey():
    depth = np.full((120, 160), 2.0, np.float32)
    depth[:, 50:] = 8
    depth[:60, :20] = np.nan
    picture = depth_colours(depth).astype(int)
    near, far = picture[100, 10], picture[100, 80]
    assert near[0] > near[2]
    assert far[2] > far[0]
    assert tuple(picture[10, 10]) == UNKNOWN
    assert tuple(depth_colours(np.full((20, 30), np.nan, np.float32))[5, 5]) == UNKNOWN


def test_bodies_and_walls_occlude_each_other_by_depth():
    image = np.full((120, 160, 3), 200, np.uint8)
    shares = []
    for wall in (6.0, 2.4):
        picture = cloud_view(image, np.full((120, 160), wall, np.float32), CAMERA, [PERSON], FACES, [RED]).astype(int)
        shares.append((picture[..., 0] > 2 * picture[..., 1]).mean())
    assert shares[0] > 0.01
    assert shares[1] < 0.2 * shares[0]


def test_scenes_without_people_or_points_give_an_image():
    nothing = np.full((120, 160), np.nan, np.float32)
    image = np.zeros((120, 160, 3), np.uint8)
    assert (cloud_view(image, nothing, CAMERA, [], FACES, []) == BACKGROUND).all()
