"""Coats and skirts: they enclose the legs, move with the body and belong to their wearer's mask."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.spatial import ConvexHull
from scipy.spatial.transform import Rotation

from metrichmsr_ros.assets import asset_path
from metrichmsr_ros.body.load import load_body
from metrichmsr_ros.data.rendering.bodies import BodyMesh, ColouredBox, Figure, PlacedCamera, render
from metrichmsr_ros.data.rendering.clothing import random_outfit
from metrichmsr_ros.data.rendering.lighting import Light
from metrichmsr_ros.data.rendering.skirts import TOP_Y, hanging_garment
from metrichmsr_ros.geometry.camera import Camera

DAY = Light(np.array([0.0, 1.0, 0.0]), np.ones(3) * 0.8, np.ones(3) * 0.5, np.ones(3) * 0.3, 0.0)
LEVEL = np.diag([1.0, -1.0, -1.0])
BODIES = ("open", "open_light")


def posed(name: str, pose: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Template and posed vertices, float64."""
    body = load_body(name)
    rows = torch.zeros(1, 10), torch.from_numpy(pose.astype(np.float32))[None], torch.zeros(1, 3)
    with torch.no_grad():
        vertices = body(*rows).vertices[0].numpy()
    return body.template.numpy().astype(np.float64), vertices.astype(np.float64)


@pytest.fixture
def stride() -> np.ndarray:
    """The pose (72,) of the walk in which the legs are farthest apart, upright, facing z."""
    poses = np.load(asset_path("walk_cycle.npz"))["pose"]
    pose = poses[np.abs(poses[:, 3] - poses[:, 6]).argmax()].copy()
    pose[:3] = 0
    return pose


@pytest.mark.parametrize("name", BODIES)
def test_a_coat_goes_around_both_legs_of_somebody_who_walks(name, stride):
    template, vertices = posed(name, stride)
    coat = hanging_garment(template, vertices, -0.4, 0.02, 0.1)
    rings = coat.vertices.reshape(-1, 40, 3)
    heights = np.linspace(TOP_Y, -0.4, len(rings))
    for ring, height in zip(rings, heights, strict=True):
        legs = vertices[(np.abs(template[:, 1] - height) < 0.03) & (np.abs(template[:, 0]) < 0.3)]
        hull, own = ConvexHull(legs[:, (0, 2)]), ConvexHull(ring[:, (0, 2)])
        # The legs are inside: the hull of both is only a little larger.
        assert ConvexHull(np.concatenate([ring, legs])[:, (0, 2)]).volume < 1.02 * own.volume
        # And it is no wider than the hull with `off` around it (Steiner's formula; `area` is the perimeter in 2D).
        off = 0.02 + 0.1 * (TOP_Y - height)
        assert own.volume < 1.02 * (hull.volume + off * hull.area + np.pi * off**2)


@pytest.mark.parametrize("name", BODIES)
def test_a_coat_moves_with_the_body(name, stride):
    template, vertices = posed(name, stride)
    turn, shift = Rotation.from_euler("yxz", [1.0, 0.7, -0.4]).as_matrix(), np.array([1.0, -2.0, 5.0])
    here, there = (hanging_garment(template, v, -0.35, 0.02, 0.05) for v in (vertices, vertices @ turn.T + shift))
    gaps = np.linalg.norm(here.vertices @ turn.T + shift - there.vertices, axis=1)
    assert np.median(gaps) < 1e-6  # where two points of the body reach equally far, either may be taken
    assert (gaps < 1e-6).mean() > 0.95


def test_faces_look_outwards():
    template, vertices = posed("open_light", np.zeros(72))
    coat = hanging_garment(template, vertices, -0.5, 0.02, 0.1)
    for points in (coat.template, coat.vertices):
        a, b, c = (points[coat.faces[:, k]] for k in range(3))
        outwards = (np.cross(b - a, c - a) * (((a + b + c) / 3 - points.mean(0)) * [1, 0, 1])).sum(1)
        assert (outwards > 0).all()


@pytest.mark.parametrize("hips", [-1.5, -1.2])
def test_nothing_hangs_from_raised_thighs_or_above_the_hips(hips):
    sitting = np.zeros(72)
    sitting[[3, 6]] = hips  # both hips, about x
    assert hanging_garment(*posed("open_light", sitting), -0.4, 0.02, 0.0) is None
    assert hanging_garment(*posed("open_light", np.zeros(72)), 0.05, 0.02, 0.0) is None


def test_a_picture_shows_the_coat_between_the_legs_and_counts_it_as_its_wearer():
    legs_apart = np.zeros(72)
    legs_apart[[5, 8]] = 0.25, -0.25  # hips, about z
    _, vertices = posed("open", legs_apart)
    body = load_body("open")
    mesh = BodyMesh(body.template.numpy(), body.faces.numpy())
    view = PlacedCamera(Camera.from_fov(160, 200, 0.8), LEVEL, np.array([0.0, -0.1, 3.0]))
    plain = replace(random_outfit(np.random.default_rng(0)), hangs_to=None, shirt_hem=-0.45)
    thing = ColouredBox.upright(np.array([0.8, 0.0, 0.0]), np.array([0.1, 0.1, 0.1]), 0.0, np.ones(3))
    background = np.full((200, 160, 3), 0.5, np.float32)
    u, v = np.rint(view.camera.project(view.to_camera(np.array([0.0, -0.33, 0.0])))).astype(int)
    for outfit, expected in ((plain, -1), (replace(plain, hangs_to=-0.45), 0)):
        figure = Figure(vertices, mesh, outfit)
        picture, raster = render([figure], [thing], background, view, DAY, floor=False)
        assert raster.mesh_id[v, u] == expected
        assert set(np.unique(raster.mesh_id)) == {-1, 0, 1}
        assert (np.abs(picture[v, u] - 0.5).max() > 0.02) == (expected == 0)
