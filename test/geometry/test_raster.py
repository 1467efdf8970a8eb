"""The z-buffer against rays: Moller-Trumbore for every pixel and face in float64, and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metrichmsr_ros.geometry.camera import Camera, CameraError
from metrichmsr_ros.geometry.raster import interpolate, rasterize, rasterize_many

SMALL = Camera(48, 36, np.array([[50.0, 2, 24.3], [1, 45, 17.1], [0, 0, 1]]))
NEAR = 0.01


def grid_rays(camera: Camera) -> np.ndarray:
    u, v = np.meshgrid(np.arange(camera.width), np.arange(camera.height))
    return np.stack([u, v, np.ones_like(u)], axis=-1) @ np.linalg.inv(camera.intrinsics).T


def ray_cast(vertices: np.ndarray, faces: np.ndarray, camera: Camera) -> tuple[np.ndarray, np.ndarray]:
    """Nearest depth (H, W), inf where empty, and the least absolute barycentric coordinate: 0 = on an edge."""
    rays = grid_rays(camera).reshape(-1, 3)
    depth, doubt = np.full(len(rays), np.inf), np.full(len(rays), np.inf)
    for a, b, c in vertices[faces]:
        edge1, edge2 = b - a, c - a
        h = np.cross(rays, edge2)
        with np.errstate(all="ignore"):
            inverse = 1 / (h @ edge1)
            first = inverse * (h @ -a)
            q = np.cross(-a, edge1)
            second = inverse * (rays @ q)
            z = inverse * (edge2 @ q)  # rays have z = 1, so the parameter is the depth
        margins = np.stack([first, second, 1 - first - second, (z - NEAR) / np.maximum(np.abs(z), NEAR)])
        hit = (margins >= 0).all(axis=0)
        near_edge = np.abs(margins).min(axis=0)
        doubt = np.where((margins >= -1e-6).all(axis=0), np.minimum(doubt, near_edge), doubt)
        depth = np.where(hit, np.minimum(depth, z), depth)
    return depth.reshape(camera.height, camera.width), doubt.reshape(camera.height, camera.width)


def sphere(rings: int = 40, radius: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Closed unit sphere, outward faces counter-clockwise from outside."""
    polar, turn = np.linspace(0, np.pi, rings + 1)[:, None], np.linspace(0, 2 * np.pi, 2 * rings, endpoint=False)
    vertices = np.stack(
        [np.sin(polar) * np.cos(turn), np.sin(polar) * np.sin(turn), np.cos(polar) * np.ones_like(turn)], axis=-1
    ).reshape(-1, 3)
    i, j = (x.ravel() for x in np.meshgrid(np.arange(rings), np.arange(2 * rings), indexing="ij"))
    a, b = i * 2 * rings + j, i * 2 * rings + (j + 1) % (2 * rings)
    c, d = a + 2 * rings, b + 2 * rings
    return vertices * radius, np.concatenate([np.stack([a, c, b], 1), np.stack([b, c, d], 1)])


@given(seed=st.integers(0, 10**6), faces=st.integers(1, 40), spread=st.floats(0.05, 3), distance=st.floats(-0.5, 4))
@settings(max_examples=120, deadline=None)
def test_random_triangles_equal_ray_casting(seed, faces, spread, distance):
    """Any triangles: crossing, touching, behind the camera, through the near plane, outside the image."""
    rng = np.random.default_rng(seed)
    vertices = rng.normal(size=(3 * faces, 3)) * spread + [0, 0, distance]
    triangles = rng.integers(0, 3 * faces, (faces, 3))
    raster = rasterize(vertices, triangles, SMALL)
    expected, doubt = ray_cast(vertices, triangles, SMALL)
    sure = doubt > 1e-9  # rounding may assign a centre exactly on an edge to either face
    np.testing.assert_array_equal(raster.covered[sure], np.isfinite(expected)[sure])
    both = raster.covered & np.isfinite(expected) & sure
    np.testing.assert_allclose(raster.depth[both], expected[both], rtol=1e-6)


@given(seed=st.integers(0, 10**6))
@settings(max_examples=40, deadline=None)
def test_face_ids_name_the_face_that_the_ray_meets(seed):
    rng = np.random.default_rng(seed)
    vertices = rng.normal(size=(30, 3)) * 0.7 + [0, 0, 2.5]
    faces = rng.permutation(30).reshape(10, 3)
    raster = rasterize(vertices, faces, SMALL)
    points = grid_rays(SMALL)[raster.covered] * raster.depth[raster.covered][:, None]
    a, b, c = np.moveaxis(vertices[faces[raster.face_id[raster.covered]]], 1, 0)
    normal = np.cross(b - a, c - a)
    size = np.linalg.norm(normal, axis=1)
    off_plane = np.abs(((points - a) * normal).sum(1)) / np.maximum(size, 1e-12)
    assert (off_plane[size > 1e-3] < 1e-5).all()


@given(seed=st.integers(0, 10**6), on_centres=st.booleans())
@settings(max_examples=60, deadline=None)
def test_every_centre_belongs_to_exactly_one_of_the_triangles_that_tile_a_rectangle(seed, on_centres):
    """Tie rule: vertices and edges right on pixel centres neither leave holes nor are covered twice."""
    rng = np.random.default_rng(seed)
    camera = Camera(32, 24, np.array([[1.0, 0, 0], [0, 1, 0], [0, 0, 1]]))
    n = 6
    x, y = np.meshgrid(np.linspace(2, 26, n), np.linspace(2, 20, n))
    inner = np.zeros((n, n), bool)
    inner[1:-1, 1:-1] = True
    jitter = rng.integers(-1, 2, (2, n, n)) if on_centres else rng.uniform(-1.5, 1.5, (2, n, n))
    x, y = np.where(inner, x + jitter[0], x), np.where(inner, y + jitter[1], y)
    if on_centres:
        x, y = np.round(x), np.round(y)
    corner = np.arange(n * n).reshape(n, n)
    a, b, c, d = corner[:-1, :-1].ravel(), corner[:-1, 1:].ravel(), corner[1:, :-1].ravel(), corner[1:, 1:].ravel()
    faces = np.concatenate([np.stack([a, b, c], 1), np.stack([b, d, c], 1)])
    vertices = np.stack([x.ravel(), y.ravel(), np.ones(n * n)], axis=1)
    (ax, ay, _), (bx, by, _), (cx, cy, _) = vertices[faces].transpose(1, 2, 0)
    turns = np.sign((bx - ax) * (cy - ay) - (by - ay) * (cx - ax)).astype(int)  # a folded quad counts +1 and -1
    count = sum(turn * rasterize(vertices, face[None], camera).covered for turn, face in zip(turns, faces, strict=True))
    expected = np.zeros((24, 32), int)
    expected[2:20, 2:26] = 1  # rows and columns in [first, last): top and left edges belong, bottom and right do not
    np.testing.assert_array_equal(count, expected)
    np.testing.assert_array_equal(rasterize(vertices, faces, camera).covered, expected > 0)


def test_plane_depth_is_perspective_correct():
    """Two huge triangles of a slanted plane n.p = d: depth is d / n.ray at every pixel."""
    camera = Camera.from_fov(160, 120, 1.2)
    normal, offset = np.array([0.3, -0.5, 1.0]), 3.0
    xy = np.array([[-20.0, -20], [20, -20], [20, 20], [-20, 20]])
    z = (offset - xy @ normal[:2]) / normal[2]
    raster = rasterize(np.column_stack([xy, z]), [[0, 1, 2], [0, 2, 3]], camera)  # reaches behind the camera
    expected = offset / (grid_rays(camera) @ normal)
    seen = raster.covered
    assert seen.mean() > 0.9
    np.testing.assert_allclose(raster.depth[seen], expected[seen], rtol=1e-5)


def test_sphere_depth():
    camera = Camera.from_fov(320, 240, 0.9)
    vertices, faces = sphere(120, 0.8)
    centre = np.array([0.2, -0.1, 3.0])
    raster = rasterize(vertices + centre, faces, camera)
    rays = grid_rays(camera)
    a, b, c = (rays**2).sum(-1), rays @ centre, centre @ centre - 0.8**2
    discriminant = b**2 - a * c
    expected = (b - np.sqrt(np.maximum(discriminant, 0))) / a
    assert (raster.covered != (discriminant > 0)).mean() < 0.003  # facets lie just inside the sphere
    inner = raster.covered & (discriminant > 0.05)
    np.testing.assert_allclose(raster.depth[inner], expected[inner], atol=2e-3)


def test_culling_back_faces_changes_nothing_on_a_closed_mesh():
    vertices, faces = sphere(20)
    vertices = vertices + np.array([0.1, 0.2, 3])
    full, culled = rasterize(vertices, faces, SMALL), rasterize(vertices, faces, SMALL, cull_back=True)
    np.testing.assert_array_equal(full.face_id, culled.face_id)
    inside_out = rasterize(vertices, faces[:, ::-1], SMALL, cull_back=True)
    assert np.nanmin(inside_out.depth) > np.nanmax(culled.depth) - 1.0


def test_meshes_occlude_each_other():
    vertices, faces = sphere(16, 0.5)
    meshes = [
        (vertices + np.array([0, 0, 4.0]), faces),
        (vertices + np.array([0.3, 0, 2.0]), faces),
        (vertices + np.array([50, 0, 2]), faces),
    ]
    both = rasterize_many(meshes, SMALL)
    alone = [rasterize(v, f, SMALL) for v, f in meshes]
    np.testing.assert_array_equal(both.depth, np.fmin(alone[0].depth, alone[1].depth))
    assert set(np.unique(both.mesh_id)) == {-1, 0, 1}
    for mesh in (0, 1):
        own = both.mesh_id == mesh
        np.testing.assert_array_equal(both.face_id[own], alone[mesh].face_id[own])
    assert (both.mesh_id[alone[1].covered] == 1).all()


def test_interpolated_positions_are_the_points_on_the_rays():
    vertices, faces = sphere(16, 0.6)
    meshes = [(vertices + np.array([0, 0, 2.0]), faces), (vertices + np.array([0.4, 0.1, 1.6]), faces)]
    raster = rasterize_many(meshes, SMALL)
    for mesh, (mesh_vertices, _) in enumerate(meshes):
        points = interpolate(raster, faces, mesh_vertices, mesh_vertices, mesh)
        own = raster.mesh_id == mesh
        expected = grid_rays(SMALL)[own] * raster.depth[own][:, None]
        np.testing.assert_allclose(points, expected, atol=1e-5)
        colours = interpolate(raster, faces, mesh_vertices, np.float32(mesh_vertices), mesh)
        assert colours.dtype == np.float32


def test_a_mesh_around_the_camera_is_rendered():
    vertices, faces = sphere(20, 2.0)
    raster = rasterize(vertices, faces, SMALL)
    assert raster.covered.all()
    np.testing.assert_allclose(np.linalg.norm(grid_rays(SMALL) * raster.depth[..., None], axis=-1), 2.0, atol=0.05)


def test_no_meshes_give_an_empty_raster():
    vertices, faces = sphere(8)
    for raster in (
        rasterize(vertices - [0, 0, 5], faces, SMALL),
        rasterize(np.zeros((0, 3)), np.zeros((0, 3), int), SMALL),
        rasterize_many([], SMALL),
    ):
        assert np.isnan(raster.depth).all()
        assert (raster.face_id == -1).all()
        assert (raster.mesh_id == -1).all()
        assert raster.depth.shape == (36, 48)


def test_result_dtypes():
    raster = rasterize(*sphere(8), SMALL)
    assert (raster.depth.dtype, raster.face_id.dtype, raster.mesh_id.dtype) == (np.float32, np.int32, np.int32)


def test_bad_input_is_named():
    vertices, faces = sphere(8)
    with pytest.raises(ValueError, match="mesh 1 has vertices that are not finite"):
        rasterize_many([(vertices, faces), (vertices * np.nan, faces)], SMALL)
    lens = Camera(48, 36, SMALL.intrinsics, "plumb_bob", np.array([0.1, 0, 0, 0]))
    with pytest.raises(CameraError, match="rectify"):
        rasterize(vertices, faces, lens)
