"""Pictures of synthetic places: boxes with textures and light, dressed people, as a real depth network sees them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from metrichmsr_ros.body.open_body import OpenBody
from metrichmsr_ros.data.rendering.background import Backgrounds, photograph_crop
from metrichmsr_ros.data.rendering.bodies import BodyMesh, Figure, PlacedCamera, render
from metrichmsr_ros.data.rendering.boxes import OrientedBox, cast
from metrichmsr_ros.data.rendering.clothing import random_outfit
from metrichmsr_ros.data.rendering.depth_rooms import Place, PlaceGeometry
from metrichmsr_ros.data.rendering.lighting import Light, random_light
from metrichmsr_ros.data.rendering.sensor import photograph
from metrichmsr_ros.data.rendering.textured_room import random_texture
from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.types import AnyArray, Float32Array, Float64Array, ImageArray

CORNER_REACH = 0.4  # metres over which light falls off towards the corners of a room
CORNER_SHADE = 0.35  # share of the light that is missing in a corner
_Y_UP = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])  # places have z up, rendered people y up


def painted(
    rng: np.random.Generator, place: Place, body: OpenBody, backgrounds: Backgrounds
) -> tuple[ImageArray, Place]:
    """A photograph of `place`, and the place with the depth of the dressed people that it shows.

    Args:
        rng: draws textures, clothes, light and camera errors.
        place: from `depth_rooms.make_place`.
        body: the body that the place was made with.
        backgrounds: photographs for walls and faces of furniture; may be empty.

    Raises:
        ValueError: the place was measured and has no geometry to paint.
    """
    geometry = place.geometry
    if geometry is None:
        raise ValueError("this place has no geometry to paint; give one from make_place")
    light = random_light(rng)
    scene, part = cast(list(geometry.boxes), place.camera, geometry.camera_from_world, geometry.eye)
    background = _boxes_picture(rng, place.camera, geometry, (scene, part), light, backgrounds)
    view = PlacedCamera(place.camera, geometry.camera_from_world @ _Y_UP.T, _Y_UP @ geometry.eye)
    mesh = BodyMesh(body.template.numpy(), body.faces.numpy())
    figures = [
        Figure((vertices @ geometry.camera_from_world + geometry.eye) @ _Y_UP.T, mesh, random_outfit(rng))
        for vertices in geometry.bodies_cam
    ]
    picture, raster = render(figures, [], background, view, light)
    behind = raster.covered & (scene < raster.depth)
    picture[behind] = background[behind]
    seen = raster.covered & ~behind
    depth = np.where(seen, raster.depth, scene).astype(np.float32)
    part = np.where(seen, -2 - raster.mesh_id, part).astype(np.int32)
    return photograph(np.clip(picture, 0, 1), rng), replace(place, depth=depth, part=part)


def _boxes_picture(
    rng: np.random.Generator,
    camera: Camera,
    geometry: PlaceGeometry,
    cast_boxes: tuple[Float64Array, AnyArray],
    light: Light,
    backgrounds: Backgrounds,
) -> Float32Array:
    """Image (H, W, 3) float32 of the boxes, from their depth and the index of the visible one; -1 is sky."""
    depth, part = cast_boxes
    grid = np.stack(np.meshgrid(np.arange(camera.width), np.arange(camera.height)), axis=-1)
    points = camera.back_project(grid, np.nan_to_num(depth, nan=1.0)) @ geometry.camera_from_world + geometry.eye
    picture = np.empty((*depth.shape, 3), np.float32)
    picture[part < 0] = rng.uniform([0.5, 0.6, 0.7], [0.9, 0.95, 1.0])
    for number, box in enumerate(geometry.boxes):
        where = part == number
        if where.any():
            picture[where] = _box_colours(rng, box, points[where], geometry.eye, light, backgrounds)
    return picture


def _box_colours(
    rng: np.random.Generator,
    box: OrientedBox,
    points: Float64Array,
    eye: Float64Array,
    light: Light,
    backgrounds: Backgrounds,
) -> Float32Array:
    """Lit colours (N, 3) of surface points (N, 3) of one box, each face with a texture of its own."""
    local = (points - box.centre) @ box.rotation.T
    is_room = bool((np.abs(box.rotation @ (eye - box.centre)) < box.half).all())
    axis = np.abs(np.abs(local) - box.half).argmin(axis=1)
    high = np.take_along_axis(local, axis[:, None], axis=1)[:, 0] > 0
    colours = np.empty((len(points), 3), np.float32)
    for face in np.unique(2 * axis + high):
        here = 2 * axis + high == face
        across, along = ((1, 2), (0, 2), (0, 1))[face // 2]
        flat = face // 2 == 2
        uv = local[here][:, (across, along)]
        normal = (_Y_UP @ box.rotation.T[:, face // 2]) * (1 if face % 2 else -1) * (-1 if is_room else 1)
        surface = _surface(rng, uv, float(box.half[2]), plain=flat and not is_room, flat=flat, sources=backgrounds)
        colours[here] = surface * _radiance(normal, light).astype(np.float32)
    return colours * _corner_light(local, box.half) if is_room else colours


def _surface(
    rng: np.random.Generator, uv: Float64Array, half_height: float, plain: bool, flat: bool, sources: Backgrounds
) -> Float32Array:
    """Texture (N, 3) at positions (N, 2) in metres: a photograph as high as the face, or a repeating pattern."""
    if sources.photographs and not flat and rng.random() < 0.6:
        picture = photograph_crop(sources.photographs[rng.integers(len(sources.photographs))], (512, 384), rng)
        per_metre = 384 / (2 * half_height * rng.uniform(0.8, 1.2))
    else:
        picture, per_metre = random_texture(rng, plain=plain), rng.uniform(60, 250)
    height, width = picture.shape[:2]
    column = np.floor(uv[:, 0] * per_metre + rng.integers(width)).astype(np.int64) % width
    row = np.floor(-(uv[:, 1] + (0 if flat else half_height)) * per_metre).astype(np.int64) % height
    return np.asarray(picture[row, column], np.float32)


def _radiance(normal: Float64Array, light: Light) -> Float64Array:
    """Light (3,) on a face with `normal` (3,), y up: sky, ground and lamp."""
    up = 0.5 + 0.5 * normal[1]
    lamp: Float64Array = up * light.sky + (1 - up) * light.ground + max(float(normal @ light.towards), 0.0) * light.sun
    return lamp


def _corner_light(local: Float64Array, half: Float64Array) -> Float32Array:
    """Share (N, 1) of the light that reaches points of a room's walls: less near its edges and corners."""
    to_walls = np.sort(np.abs(np.abs(local) - half), axis=1)[:, 1:]  # the first is the point's own wall
    shade: Float64Array = 1 - CORNER_SHADE * np.exp(-to_walls / CORNER_REACH)
    return shade.prod(axis=1, keepdims=True).astype(np.float32)
