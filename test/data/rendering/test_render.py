"""Rendered bodies, boxes and clothes: faces, normals, shadows and pixels against closed forms."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from metrichmsr_ros.body.load import load_body
from metrichmsr_ros.data.rendering.bodies import BOX_FACES, BodyMesh, ColouredBox, Figure, PlacedCamera, render
from metrichmsr_ros.data.rendering.clothing import random_outfit
from metrichmsr_ros.data.rendering.lighting import Light, ShadowMap
from metrichmsr_ros.data.rendering.painting import cloth_offsets, paint
from metrichmsr_ros.data.rendering.sensor import photograph
from metrichmsr_ros.geometry.camera import Camera

LEVEL = np.diag([1.0, -1.0, -1.0])
DAY = Light(np.array([0.0, 1.0, 0.0]), np.ones(3) * 0.8, np.ones(3) * 0.5, np.ones(3) * 0.3, 0.0)


def test_box_faces_look_outwards():
    thing = ColouredBox.upright(np.array([1.0, 2.0, 3.0]), np.array([0.5, 1.0, 2.0]), 0.7, np.ones(3))
    a, b, c = (thing.corners[BOX_FACES[:, k]] for k in range(3))
    outwards = (np.cross(b - a, c - a) * ((a + b + c) / 3 - [1.0, 2.0, 3.0])).sum(1)
    assert (outwards > 0).all()
    assert np.abs(np.linalg.norm(np.cross(b - a, c - a), axis=1)).sum() / 2 == pytest.approx(2 * (0.5 + 2 + 1))


def test_shadow_lies_under_a_box_and_nowhere_else():
    thing = ColouredBox.upright(np.array([0.0, 1.0, 0.0]), np.array([1.0, 0.2, 1.0]), 0.0, np.ones(3))
    shadows = ShadowMap([(thing.corners, BOX_FACES)], DAY)
    lit = shadows.lit(np.array([[0.0, 0, 0], [0.4, 0, -0.4], [0.7, 0, 0], [0, 1.2, 0], [5.0, 0, 0]]))
    assert lit.tolist() == [0, 0, 1, 1, 1]


def test_render_draws_the_figure_where_the_camera_projects_it():
    body = load_body("open")
    mesh = BodyMesh(body.template.numpy(), body.faces.numpy())
    view = PlacedCamera(Camera.from_fov(160, 120, 1.0), LEVEL, np.array([0.0, 0.2, 3.0]))
    figure = Figure(body.template.numpy().astype(float), mesh, random_outfit(np.random.default_rng(0)))
    background = np.full((120, 160, 3), 0.5, np.float32)
    picture, raster = render([figure], [], background, view, DAY, floor=False)
    pixels = view.camera.project(view.to_camera(figure.vertices))
    low, high = pixels.min(0), pixels.max(0)
    rows, columns = np.nonzero(raster.covered)
    # clothes and hair are up to 6 cm from the body, 3 px here
    np.testing.assert_allclose([columns.min(), rows.min()], low, atol=4)
    np.testing.assert_allclose([columns.max(), rows.max()], high, atol=4)
    empty = ~cv2.dilate(raster.covered.astype(np.uint8), np.ones((5, 5))).astype(bool)
    np.testing.assert_allclose(picture[empty], 0.5, atol=1e-6)


def test_normals_of_a_body_look_outwards():
    body = load_body("open_light")
    mesh = BodyMesh(body.template.numpy(), body.faces.numpy())
    normals = mesh.normals(mesh.template)
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1, atol=1e-6)
    front = (mesh.template[:, 2] > 0.1) & (np.abs(mesh.template[:, 1] - 0.3) < 0.2)
    assert normals[front, 2].mean() > 0.5


def test_outfits_colour_the_whole_body_and_lie_at_most_9_cm_outside_it():
    template = load_body("open_light").template.numpy()
    for seed in range(20):
        outfit = random_outfit(np.random.default_rng(seed))
        colour, folds = paint(template, outfit)
        assert colour.shape == template.shape
        assert np.isfinite(colour).all()
        assert ((colour >= 0) & (colour <= 1.3)).all()
        assert (folds >= 0).all()
        off = cloth_offsets(template, outfit)
        assert ((off >= 0) & (off < 0.09)).all()


def test_lens_keeps_size_and_type():
    for seed in range(8):
        image = photograph(np.full((48, 64, 3), 0.5, np.float32), np.random.default_rng(seed))
        assert image.shape == (48, 64, 3)
        assert image.dtype == np.uint8
