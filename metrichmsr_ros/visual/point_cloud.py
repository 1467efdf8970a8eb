"""Visualisation of scene depth: depth as colour, and the point cloud from the side with the bodies in it."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.geometry.mesh import face_normals
from metrichmsr_ros.geometry.raster import rasterize_many
from metrichmsr_ros.types import Float32Array, ImageArray

BACKGROUND = (24, 26, 30)
UNKNOWN = (60, 60, 60)
STEP = 0.12  # relative depth step between neighbours above which a point is between two surfaces and not drawn
AZIMUTH, ELEVATION = np.deg2rad(-24), np.deg2rad(16)  # viewing direction, relative to the camera's
BEHIND_POINTS = 0.25  # metres that a body may lie behind the cloud's points and still be drawn


def depth_colours(depth: Float32Array, far: float | None = None) -> ImageArray:
    """Depth (H, W) in metres -> (H, W, 3) uint8 RGB, near is red, far blue, unknown grey; with a scale in metres.

    Args:
        depth: NaN where unknown.
        far: depth shown in blue, metres; None: the 98th percentile.
    """
    known = np.isfinite(depth)
    if not known.any():
        return np.full((*depth.shape, 3), UNKNOWN, np.uint8)
    near, far = float(np.quantile(depth[known], 0.01)), far or float(np.quantile(depth[known], 0.98))
    share = (np.log(np.where(known, depth, near)) - np.log(near)) / max(np.log(far / near), 1e-6)
    picture = _turbo(1 - np.clip(share, 0, 1))
    picture[~known] = UNKNOWN
    return _with_bar(picture, near, far)


def cloud_view(
    image: ImageArray,
    depth: Float32Array,
    camera: Camera,
    vertices_cam: Sequence[ArrayLike],
    faces: ArrayLike,
    colours: Sequence[ArrayLike],
) -> ImageArray:
    """The coloured point cloud from the side and above, with the bodies as meshes, (H, W, 3) uint8 RGB.

    Args:
        image: (H, W, 3) uint8 RGB. depth: (H, W) metres. camera: camera of both.
        vertices_cam, faces: bodies in the camera frame. colours: (3,) 0..255 per body.
    """
    points, point_colours = _points(image, depth, camera)
    middle = _middle(points, vertices_cam)
    view = Camera(camera.width, camera.height, camera.intrinsics)
    picture, near = _splat(_rotated(points, middle), point_colours, view)
    bodies = [_rotated(np.asarray(vertices, np.float64), middle) for vertices in vertices_cam]
    if bodies:
        raster = rasterize_many([(body, faces) for body in bodies], view)
        drawn = raster.covered & (raster.depth < near + BEHIND_POINTS)
        for number, (body, colour) in enumerate(zip(bodies, colours, strict=True)):
            own = drawn & (raster.mesh_id == number)
            light = _shading(body, np.asarray(faces))[raster.face_id[own]]
            picture[own] = np.clip(light[:, None] * np.asarray(colour, np.float64), 0, 255)
    return picture


def _points(image: ImageArray, depth: Float32Array, camera: Camera) -> tuple[NDArray[np.float64], ImageArray]:
    filled = np.where(np.isfinite(depth), depth, 0).astype(np.float32)
    window = np.ones((3, 3), np.uint8)
    steps = cv2.dilate(filled, window) - cv2.erode(filled, window)
    v, u = np.nonzero((filled > 0) & (steps < STEP * filled))
    return camera.back_project(np.stack([u, v], axis=-1), filled[v, u].astype(np.float64)), image[v, u]


def _middle(points: NDArray[np.float64], vertices_cam: Sequence[ArrayLike]) -> NDArray[np.float64]:
    """Centre of rotation of the view: the mean of the people, else the median of the cloud."""
    if len(vertices_cam):
        return np.mean([np.asarray(vertices, np.float64).mean(axis=0) for vertices in vertices_cam], axis=0)
    return np.median(points, axis=0) if len(points) else np.array([0.0, 0.0, 3.0])


def _rotated(points: NDArray[np.float64], middle: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points in the frame of a camera that views `middle` from the side and above, from a larger distance."""
    sin, cos = np.sin(AZIMUTH), np.cos(AZIMUTH)
    about_y = np.array([[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]])
    sin, cos = np.sin(ELEVATION), np.cos(ELEVATION)
    about_x = np.array([[1, 0, 0], [0, cos, -sin], [0, sin, cos]])
    away = np.array([0, 0, 1.35 * float(np.linalg.norm(middle))])
    return (points - middle) @ (about_x @ about_y).T + away


def _splat(points: NDArray[np.float64], colours: ImageArray, view: Camera) -> tuple[ImageArray, Float32Array]:
    """Points as squares of 3 x 3 pixels, nearest on top, and their depth, infinite where there is no point."""
    picture = np.full((view.height, view.width, 3), BACKGROUND, np.uint8)
    near = np.full((view.height, view.width), np.inf, np.float32)
    order = np.argsort(-points[:, 2])
    points, colours = points[order], colours[order]
    ahead = points[:, 2] > 0.1
    points, colours = points[ahead], colours[ahead]
    column, row = np.rint(view.project(points)).astype(np.int64).T
    for dy in range(3):
        for dx in range(3):
            x, y = column + dx - 1, row + dy - 1
            inside = (x >= 0) & (x < view.width) & (y >= 0) & (y < view.height)
            x, y, z, c = x[inside], y[inside], points[inside, 2].astype(np.float32), colours[inside]
            shows = z <= near[y, x] * 0.995 if (dy, dx) != (1, 1) else z <= near[y, x]
            picture[y[shows], x[shows]] = c[shows]  # sorted by depth: the nearest is written last
            near[y[shows], x[shows]] = z[shows]
    return picture, near


def _shading(vertices: NDArray[np.float64], faces: NDArray[np.int64]) -> NDArray[np.float64]:
    return 0.35 + 0.65 * np.abs(face_normals(vertices, faces) @ np.array([-0.35, -0.55, -0.76]))


def _turbo(share: NDArray[np.floating]) -> ImageArray:
    levels = np.rint(255 * share).astype(np.uint8)
    return np.ascontiguousarray(cv2.applyColorMap(levels, cv2.COLORMAP_TURBO)[..., ::-1])


def _with_bar(picture: ImageArray, near: float, far: float) -> ImageArray:
    height, width = picture.shape[:2]
    thick, size = max(10, width // 40), max(0.35, height / 900)
    bar = _turbo(np.linspace(0, 1, height)[:, None].repeat(thick, axis=1))
    picture[:, -thick:] = bar
    for share in (0.03, 0.25, 0.5, 0.75, 0.99):  # of the height: far at the top, near at the bottom
        metres = far * (near / far) ** share
        place = (width - thick - int(150 * size), int(share * (height - 14 * size) + 12 * size))
        for colour, line in (((0, 0, 0), 4), ((255, 255, 255), 1)):
            cv2.putText(
                picture, f"{metres:.1f} m", place, cv2.FONT_HERSHEY_SIMPLEX, 1.4 * size, colour, line, cv2.LINE_AA
            )
    return picture
