"""Normals of meshes against closed forms and a plain loop over faces."""

from __future__ import annotations

import numpy as np

from metrichmsr_ros.geometry.mesh import face_normals, summed_normals, vertex_normals

CUBE = np.array([[x, y, z] for x in (0.0, 1) for y in (0.0, 1) for z in (0.0, 1)])
CUBE_FACES = np.array(
    [[0, 1, 2], [1, 3, 2], [4, 6, 5], [5, 6, 7], [0, 4, 1], [1, 4, 5], [2, 3, 6], [3, 7, 6], [0, 2, 4], [2, 6, 4],
     [1, 5, 3], [3, 5, 7]]
)  # fmt: skip


def test_face_normals_of_a_cube_point_outwards_along_the_axes():
    normals = face_normals(CUBE, CUBE_FACES)
    middles = CUBE[CUBE_FACES].mean(axis=1) - 0.5
    np.testing.assert_allclose(np.abs(normals).max(axis=1), 1.0)
    assert (np.einsum("fi,fi->f", normals, middles) > 0.1).all()


def test_normals_of_a_sphere_are_its_points():
    theta, phi = np.meshgrid(np.linspace(0.15, np.pi - 0.15, 60), np.linspace(0, 2 * np.pi, 120), indexing="ij")
    points = np.stack([np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)], -1).reshape(-1, 3)
    corner = np.arange(60 * 120).reshape(60, 120)
    a, b, c, d = corner[:-1, :-1], corner[1:, :-1], corner[1:, 1:], corner[:-1, 1:]
    faces = np.concatenate([np.stack(face, -1).reshape(-1, 3) for face in ((a, b, c), (a, c, d))])
    inside = (np.abs(points[:, 2]) < 0.9) & (np.arange(len(points)) % 120 > 0) & (np.arange(len(points)) % 120 < 119)
    np.testing.assert_allclose(vertex_normals(points, faces)[inside], points[inside], atol=0.03)


def test_vertex_normals_are_area_weighted_sums_of_face_normals():
    rng = np.random.default_rng(0)
    vertices, faces = rng.normal(0, 1, (12, 3)).astype(np.float32), rng.integers(0, 12, (30, 3))
    expected = np.zeros((12, 3))
    for i, j, k in faces:
        area = np.cross(vertices[j].astype(float) - vertices[i], vertices[k].astype(float) - vertices[i])
        for corner in (i, j, k):
            expected[corner] += area
    np.testing.assert_allclose(summed_normals(vertices, faces), expected, atol=1e-12)
    lengths = np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(vertex_normals(vertices, faces), expected / lengths, atol=1e-9)


def test_faces_without_area_have_no_normal():
    with np.errstate(all="raise"):
        assert not face_normals(np.zeros((3, 3)), np.array([[0, 1, 2]])).any()
        assert not vertex_normals(np.ones((5, 3)), np.array([[0, 1, 2]])).any()
