"""Compiled shading: the colour of every covered pixel, with light, folds of cloth and cast shadows."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from metrichmsr_ros.data.rendering.compiled.compilation import compiled
from metrichmsr_ros.data.rendering.compiled.meshes import Mesh, surface_of
from metrichmsr_ros.data.rendering.compiled.records import Record, Records
from metrichmsr_ros.data.rendering.compiled.surface import cloth_at, colour_at
from metrichmsr_ros.data.rendering.compiled.zbuffer import Float32, Int32, UInt8, fill, floored
from metrichmsr_ros.types import Float64Array

MAP_SIDE = 224
"""Side of the shadow maps, px."""
_BIAS = 0.02  # m
_SUN_DISTANCE = 20.0  # m; parallel light, so it only keeps depths positive


class Shadows(NamedTuple):
    """Depth seen from the lamp: which points are lit.

    Attributes:
        depth: (S, S) m along the light's direction, infinite where nothing is.
        axes: (3, 3) rows: the map's columns, its rows and the direction of the light, in the world.
        centre: (3,) world point in the middle of the map.
        texel: edge of one of the map's pixels, m.
    """

    depth: Float32
    axes: Float32
    centre: Float32
    texel: float


def cast_shadows(mesh: Mesh, towards: Float64Array, centre: Float64Array, radius: float) -> Shadows:
    """The shadow map of a mesh in parallel light from `towards` (3,), within `radius` (m) of `centre` (3,)."""
    lamp = lamp_view(towards, centre, radius)
    face = np.full(lamp.depth.shape, -1, np.int32)
    fill(seen_by_lamp(mesh.vertices, lamp, centre), mesh.faces, face, lamp.depth)
    return lamp


def lamp_view(towards: Float64Array, centre: Float64Array, radius: float) -> Shadows:
    """The map of `cast_shadows` before anything is drawn into it."""
    forward = -np.asarray(towards, np.float64)
    right = np.cross(forward, [0.0, 1.0, 0.0])
    right = right / np.linalg.norm(right) if np.linalg.norm(right) > 1e-3 else np.array([1.0, 0.0, 0.0])
    axes = np.stack([right, np.cross(forward, right), forward]).astype(np.float32)
    texel = 2 * radius / MAP_SIDE
    depth = np.full((MAP_SIDE, MAP_SIDE), np.inf, np.float32)
    return Shadows(depth, axes, centre.astype(np.float32), texel)


def seen_by_lamp(vertices: Float32, lamp: Shadows, centre: Float64Array) -> Float32:
    """Vertices (V, 3) as (V, 3) px of the map and depth, for `fill`."""
    seen = (vertices - centre) @ lamp.axes.T
    seen[:, :2] = seen[:, :2] / lamp.texel + (MAP_SIDE - 1) / 2
    seen[:, 2] += _SUN_DISTANCE
    return seen.astype(np.float32)


@compiled
def lamp_sees(
    x: float, y: float, z: float, axes: Float32, centre: Float32, texel: float, side: int
) -> tuple[float, float, float]:
    """A world point in px of a shadow map of `side` px, and its depth."""
    dx, dy, dz = x - centre[0], y - centre[1], z - centre[2]
    u = (axes[0, 0] * dx + axes[0, 1] * dy + axes[0, 2] * dz) / texel + (side - 1) / 2
    v = (axes[1, 0] * dx + axes[1, 1] * dy + axes[1, 2] * dz) / texel + (side - 1) / 2
    depth = axes[2, 0] * dx + axes[2, 1] * dy + axes[2, 2] * dz + _SUN_DISTANCE
    return u, v, depth


@compiled
def lit_at(
    x: float, y: float, z: float, depth: Float32, axes: Float32, centre: Float32, texel: float, bias: float
) -> float:
    """1 for a world point in the light of the lamp, 0 in shadow, between them on the shadow's edge."""
    side = depth.shape[0]
    u, v, far = lamp_sees(x, y, z, axes, centre, texel, side)
    column, row = floored(u), floored(v)
    if column < 0 or row < 0 or column >= side - 1 or row >= side - 1:
        return 1.0
    hidden, limit = 0.0, far - bias - texel
    fu, fv = u - column, v - row
    if depth[row, column] < limit:
        hidden += (1 - fu) * (1 - fv)
    if depth[row, column + 1] < limit:
        hidden += fu * (1 - fv)
    if depth[row + 1, column] < limit:
        hidden += (1 - fu) * fv
    if depth[row + 1, column + 1] < limit:
        hidden += fu * fv
    return 1.0 - hidden


def shade(
    face: Int32, points: Float32, mesh: Mesh, eye: Float32, light: Records, shadows: Shadows, pictures: UInt8
) -> Float32:
    """Colours (H, W, 3) float32 of the covered pixels, about 0..1; 0 elsewhere.

    Args:
        face: (H, W) from `fill`.
        points: (V, 3) from `project`.
        mesh: the scene. eye: (3,) position of the camera. light: (1,) record of the light.
        shadows: the shadow map. pictures: (N, 256, 256, 3) uint8 textures of prints.
    """
    out = np.zeros((*face.shape, 3), np.float32)
    height, width = face.shape
    surface, flat = surface_of(mesh, points), out.reshape(-1, 3)
    eye = eye.astype(np.float32)
    shade_pixels(0, 0, width, height, width, face.reshape(-1), *surface, eye, light[0], *shadows, pictures, flat)
    return out


@compiled
def _creases(x: float, y: float, z: float, cloth: Record) -> tuple[float, float, float]:
    """Tilt of the normal on creased cloth: three waves of 6 to 20 cm."""
    nx, ny, nz = 0.0, 0.0, 0.0
    for wave in range(3):
        pace = 32.0 if wave == 0 else (57.0 if wave == 1 else 98.0)
        dx, dy, dz = cloth.creases[wave, 0], cloth.creases[wave, 1], cloth.creases[wave, 2]
        warp = x * dx + y * dy + z * dz + 0.04 * math.sin(19 * y + cloth.phase[wave])
        lean = math.cos(pace * warp + cloth.phase[2]) / (1 + wave)
        nx, ny, nz = nx + lean * dx, ny + lean * dy, nz + lean * dz
    return nx, ny, nz


@compiled
def _radiance(
    colour: tuple[float, float, float],
    normal: tuple[float, float, float],
    view: tuple[float, float, float],
    lit: float,
    light: Record,
) -> tuple[float, float, float]:
    """Lit colour of a surface, as `lighting.shade`; `normal` and `view` are unit vectors."""
    nx, ny, nz = normal
    tx, ty, tz = light.towards[0], light.towards[1], light.towards[2]
    up, facing = 0.5 + 0.5 * ny, max(nx * tx + ny * ty + nz * tz, 0.0) * lit
    hx, hy, hz = view[0] + tx, view[1] + ty, view[2] + tz
    length = math.sqrt(hx * hx + hy * hy + hz * hz) + 1e-9
    highlight = light.gloss * lit * max((nx * hx + ny * hy + nz * hz) / length, 0.0) ** 24
    r = colour[0] * (up * light.sky[0] + (1 - up) * light.ground[0] + facing * light.sun[0]) + highlight * light.sun[0]
    g = colour[1] * (up * light.sky[1] + (1 - up) * light.ground[1] + facing * light.sun[1]) + highlight * light.sun[1]
    b = colour[2] * (up * light.sky[2] + (1 - up) * light.ground[2] + facing * light.sun[2]) + highlight * light.sun[2]
    return r, g, b


@compiled
def _blend(values: Float32, i: int, j: int, k: int, a: float, b: float, c: float) -> tuple[float, float, float]:
    """Weighted mean of three rows of (V, 3)."""
    return (
        a * values[i, 0] + b * values[j, 0] + c * values[k, 0],
        a * values[i, 1] + b * values[j, 1] + c * values[k, 1],
        a * values[i, 2] + b * values[j, 2] + c * values[k, 2],
    )


@compiled
def shade_pixels(
    left: int,
    top: int,
    right: int,
    bottom: int,
    width: int,
    face: Int32,
    points: Float32,
    faces: Int32,
    vertices: Float32,
    normals: Float32,
    places: Float32,
    parts: Int32,
    part_outfit: Int32,
    part_cloth: Int32,
    outfits: Records,
    cloths: Records,
    eye: Float32,
    light: Record,
    depth: Float32,
    axes: Float32,
    centre: Float32,
    texel: float,
    pictures: UInt8,
    out: Float32,
) -> None:
    """Write the colours of covered pixels in a rectangle: on the CPU the whole z-buffer, on a GPU one pixel a thread.

    Args:
        left, top, right, bottom: of the rectangle, the last two not in it. width: of the z-buffer, px.
        face: (H * W,) nearest faces. out: (H * W, 3), changed.
        points to cloths: a `Surface`. eye, light, pictures: as for `shade`.
        depth, axes, centre, texel: its `Shadows`.
    """
    for y in range(top, bottom):
        for x in range(left, right):
            f = face[y * width + x]
            if f < 0:
                continue
            i, j, k = faces[f, 0], faces[f, 1], faces[f, 2]
            ax, ay, bx, by = points[i, 0] - x, points[i, 1] - y, points[j, 0] - x, points[j, 1] - y
            cx, cy = points[k, 0] - x, points[k, 1] - y
            a, b, c = (bx * cy - by * cx) / points[i, 2], (cx * ay - cy * ax) / points[j, 2], (ax * by - ay * bx)
            c /= points[k, 2]
            total = a + b + c
            a, b, c = a / total, b / total, c / total
            p = _blend(places, i, j, k, a, b, c)
            n = _blend(normals, i, j, k, a, b, c)
            w = _blend(vertices, i, j, k, a, b, c)
            part = parts[f]
            outfit, cloth = part_outfit[part], part_cloth[part]
            if outfit >= 0:
                r, g, blue, folds = colour_at(p[0], p[1], p[2], outfits[outfit], cloths, pictures)
            else:
                r, g, blue = cloth_at(p[0], p[1], p[2], cloths[cloth], pictures)
                folds = cloths[cloth].folds
            nx, ny, nz = n
            if folds > 0:
                lx, ly, lz = _creases(p[0], p[1], p[2], cloths[cloth])
                nx, ny, nz = nx + folds * lx, ny + folds * ly, nz + folds * lz
            length = math.sqrt(nx * nx + ny * ny + nz * nz) + 1e-9
            nx, ny, nz = nx / length, ny / length, nz / length
            vx, vy, vz = eye[0] - w[0], eye[1] - w[1], eye[2] - w[2]
            length = math.sqrt(vx * vx + vy * vy + vz * vz)
            lit = lit_at(w[0] + 0.015 * nx, w[1] + 0.015 * ny, w[2] + 0.015 * nz, depth, axes, centre, texel, _BIAS)
            view = (vx / length, vy / length, vz / length)
            r, g, blue = _radiance((r, g, blue), (nx, ny, nz), view, lit, light)
            out[y * width + x, 0], out[y * width + x, 1], out[y * width + x, 2] = r, g, blue
