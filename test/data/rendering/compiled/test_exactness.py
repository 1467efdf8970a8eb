"""The compiled z-buffer, painter and shading against the package's exact ones, on the same bodies."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from helpers.crop_people import dressed, view_of

from metrichmsr_ros.data.rendering.bodies import render
from metrichmsr_ros.data.rendering.clothing import random_outfit
from metrichmsr_ros.data.rendering.compiled.records import light_record
from metrichmsr_ros.data.rendering.compiled.shading import cast_shadows, shade
from metrichmsr_ros.data.rendering.compiled.surface import colour_at, offset_at
from metrichmsr_ros.data.rendering.compiled.zbuffer import fill, project, vertex_normals
from metrichmsr_ros.data.rendering.crops.wardrobe import as_clothes
from metrichmsr_ros.data.rendering.lighting import random_light
from metrichmsr_ros.data.rendering.painting import cloth_offsets, paint, regions
from metrichmsr_ros.geometry.raster import rasterize

_NO_PICTURES = np.zeros((1, 256, 256, 3), np.uint8)


def _filled(mesh, view):
    camera = view.camera
    face = np.full((camera.height, camera.width), -1, np.int32)
    depth = np.full(face.shape, np.inf, np.float32)
    points = project(mesh.vertices, view.rotation, view.eye, camera.intrinsics)
    fill(points, mesh.faces, face, depth)
    return face, depth, points


def _near(mask):
    return cv2.dilate(mask.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0


@pytest.mark.parametrize("seed", range(6))
def test_silhouettes_equal_those_of_the_exact_rasteriser_within_a_pixel(seed):
    rng = np.random.default_rng(seed)
    _, mesh = dressed(rng)
    view = view_of(rng)
    face, depth, _ = _filled(mesh, view)
    exact = rasterize(view.to_camera(mesh.vertices.astype(np.float64)), mesh.faces, view.camera, cull_back=True)
    covered = face >= 0
    assert covered.sum() > 500
    assert not (covered & ~_near(exact.covered)).any()
    assert not (exact.covered & ~_near(covered)).any()
    assert (covered != exact.covered).mean() < 1e-3
    both = covered & exact.covered
    assert np.quantile(np.abs(depth - exact.depth)[both], 0.999) < 1e-3


@pytest.mark.parametrize("seed", range(8))
def test_colours_folds_and_offsets_of_points_equal_the_painter(seed):
    rng = np.random.default_rng(seed)
    outfit = random_outfit(rng)
    clothes = as_clothes(outfit)
    points = rng.uniform((-0.8, -0.88, -0.12), (0.8, 0.78, 0.19), (4000, 3)).astype(np.float32)
    expected, folds = paint(points, outfit)
    found = np.array([colour_at(*map(float, p), clothes.worn[0], clothes.cloths, _NO_PICTURES) for p in points])
    hair = regions(points, outfit)["hair"] & ~regions(points, outfit)["cap"]
    same = np.abs(found[:, :3] - expected).max(1) < 2e-3
    assert same[~hair].mean() > 0.998  # the rest: the very edges of patterns
    if hair.any():  # its strands are finer
        np.testing.assert_allclose(found[hair, :3].mean(0), expected[hair].mean(0), atol=0.03)
        assert (np.abs(found[hair, :3] / outfit.hair - 1).max(1) < 0.13).mean() > 0.99
    below_hair = points[:, 1] < 0.36  # the painter creases long hair over a shirt as it creases the shirt
    assert (np.abs(found[:, 3] - folds)[below_hair] < 1e-5).mean() > 0.998
    bare_headed = points[:, 1] < 0.5  # the generator's caps stand off the head, the painter's do not
    off = np.array([offset_at(*map(float, p), clothes.worn[0], clothes.cloths) for p in points])
    assert (np.abs(off - cloth_offsets(points, outfit))[bare_headed] < 1e-5).mean() > 0.995


def test_normals_are_those_of_the_package():
    figure, _ = dressed(np.random.default_rng(3))
    expected = figure.mesh.normals(figure.vertices)
    found = vertex_normals(figure.vertices.astype(np.float32), figure.mesh.faces.astype(np.int32))
    assert ((expected * found).sum(1) > 0.999).mean() > 0.999


@pytest.mark.parametrize("seed", range(4))
def test_pictures_equal_those_of_the_exact_renderer_within_noise(seed):
    rng = np.random.default_rng(100 + seed)
    figure, mesh = dressed(rng)
    view, light = view_of(rng), random_light(rng)
    black = np.zeros((view.camera.height, view.camera.width, 3), np.float32)
    expected, exact = render([figure], [], black, view, light, floor=False)
    face, _, points = _filled(mesh, view)
    middle = figure.vertices.mean(0)
    shadows = cast_shadows(mesh, light.towards, middle, 1.4)
    found = shade(face, points, mesh, view.eye, light_record(light), shadows, _NO_PICTURES)
    found = cv2.GaussianBlur(found, (3, 3), 0.55)  # as the exact renderer softens edges
    inside = cv2.erode((exact.covered & (face >= 0)).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    assert inside.sum() > 300
    difference = np.abs(found - expected).max(2)[inside]
    assert np.median(difference) < 0.01
    assert (difference < 0.05).mean() > 0.88  # the rest: edges of shadows, whose maps differ, and strands of hair
