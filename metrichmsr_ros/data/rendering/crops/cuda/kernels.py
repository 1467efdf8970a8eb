"""Kernels that draw a batch: the functions of the compiled renderer, with a thread for each vertex, face or pixel.

A row of blocks belongs to one sketch. The z-buffer keeps the least of a number for each pixel that is made of depth and
face, so that the order of threads does not matter. numba compiles the called functions for the GPU from the source that
it compiles for the CPU. Importing this module needs numba's CUDA, so only `painter` does, when it is used.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from metrichmsr_ros.data.rendering.compiled.compilation import cuda_of_numba
from metrichmsr_ros.data.rendering.compiled.floors import trace_pixels
from metrichmsr_ros.data.rendering.compiled.records import Record, Records
from metrichmsr_ros.data.rendering.compiled.shading import lamp_sees, shade_pixels
from metrichmsr_ros.data.rendering.compiled.zbuffer import (
    Float32,
    Int32,
    UInt8,
    depth_at,
    floored,
    front_triangle,
    pixels_between,
)

Int64 = NDArray[np.int64]
cuda = cuda_of_numba()

_EMPTY = (1 << 63) - 1
_FACE_BITS = 28
_FACES = (1 << _FACE_BITS) - 1
_STEPS = 1 << 24  # of depth in a metre
_FARTHEST = 2000.0  # m; nothing beyond it is drawn, so that depth and face fit in 63 bits


@cuda.jit
def clear(nearest: Int64) -> None:
    """Empty the z-buffers."""
    pixel = cuda.grid(1)
    if pixel < nearest.shape[0]:
        nearest[pixel] = _EMPTY


@cuda.jit
def look_from_lamps(frames: Records, maps: Int64, vertices: Float32, seen: Float32) -> None:
    """Write vertices (V, 3) as (V, 3) px of the shadow maps that `maps` (N, 3) places, and depths."""
    frame, side, v = frames[cuda.blockIdx.y], maps[cuda.blockIdx.y, 1], cuda.grid(1)
    if v < frame.vertices:
        v += frame.first_vertex
        x, y, z = vertices[v, 0], vertices[v, 1], vertices[v, 2]
        seen[v, 0], seen[v, 1], seen[v, 2] = lamp_sees(x, y, z, frame.axes, frame.centre, frame.texel, side)


@cuda.jit
def fill(frames: Records, targets: Int64, points: Float32, faces: Int32, nearest: Int64) -> None:
    """Draw all faces into the z-buffers that `targets` (N, 3) places; the threads of a row share the pixels of one."""
    n, f = cuda.blockIdx.y, cuda.blockIdx.x * cuda.blockDim.y + cuda.threadIdx.y
    frame = frames[n]
    if f >= frame.faces:
        return
    first, width, height = targets[n, 0], targets[n, 1], targets[n, 2]
    vertex, row = frame.first_vertex, frame.first_face + f
    triangle = front_triangle(points, vertex + faces[row, 0], vertex + faces[row, 1], vertex + faces[row, 2])
    left, right = pixels_between(triangle[0], triangle[2], triangle[4], width)
    top, bottom = pixels_between(triangle[1], triangle[3], triangle[5], height)
    if triangle[6] <= 0 or left > right or top > bottom:
        return
    across = right - left + 1
    for pixel in range(cuda.threadIdx.x, across * (bottom - top + 1), cuda.blockDim.x):
        x, y = left + pixel % across, top + pixel // across
        z = depth_at(x, y, triangle)
        if z < _FARTHEST:
            cuda.atomic.min(nearest, first + y * width + x, (int(z * _STEPS) << _FACE_BITS) | f)


@cuda.jit
def read_depths(nearest: Int64, depth: Float32) -> None:
    """Write the depths (N * S * S,) of shadow maps, infinite where nothing is."""
    pixel = cuda.grid(1)
    if pixel < nearest.shape[0]:
        number = nearest[pixel]
        depth[pixel] = math.inf if number == _EMPTY else (number >> _FACE_BITS) / _STEPS


@cuda.jit
def shade(
    frames: Records,
    nearest: Int64,
    depths: Float32,
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
    pictures: UInt8,
    face: Int32,
    layer: Float32,
) -> None:
    """Write the nearest face, -1 for none, and its colour where there is one; `depths` (N, S, S) are shadow maps."""
    frame, pixel = frames[cuda.blockIdx.y], cuda.grid(1)
    if pixel >= frame.width * frame.height:
        return
    first, vertex, part = frame.first_pixel, frame.first_vertex, frame.first_part
    number = nearest[first + pixel]
    face[first + pixel] = -1 if number == _EMPTY else number & _FACES
    x, y = pixel % frame.width, pixel // frame.width
    shade_pixels(
        x,
        y,
        x + 1,
        y + 1,
        frame.width,
        face[first:],
        points[vertex:],
        faces[frame.first_face :],
        vertices[vertex:],
        normals[vertex:],
        places[vertex:],
        parts[frame.first_face :],
        part_outfit[part:],
        part_cloth[part:],
        outfits[frame.first_outfit :],
        cloths[frame.first_cloth :],
        frame.eye,
        frame.light,
        depths[cuda.blockIdx.y],
        frame.axes,
        frame.centre,
        frame.texel,
        pictures,
        layer[first:],
    )


@cuda.jit
def trace(frames: Records, texels: Float32, depths: Float32, ground: Float32) -> None:
    """Write colour, cover and shadow (G, 5) of the floors."""
    frame, pixel = frames[cuda.blockIdx.y], cuda.grid(1)
    if pixel >= frame.ground_width * frame.ground_height:
        return
    x, y, first = pixel % frame.ground_width, pixel // frame.ground_width, frame.first_ground
    for channel in range(5):
        ground[first + pixel, channel] = 0.0
    trace_pixels(
        x,
        y,
        x + 1,
        y + 1,
        frame.ground_width,
        frame.rays,
        frame.eye,
        texels[frame.first_texel :],
        frame.starts,
        frame.sides[: frame.levels],
        frame.tile,
        frame.wall,
        frame.turn,
        depths[cuda.blockIdx.y],
        frame.axes,
        frame.centre,
        frame.texel,
        frame.feet,
        ground[first:],
    )


@cuda.jit
def compose(frames: Records, face: Int32, layer: Float32, ground: Float32, paper: Float32) -> None:
    """Change the backdrops `paper` (P, 3): the floor over them, scaled up, and the layer over both, scaled down."""
    frame, pixel = frames[cuda.blockIdx.y], cuda.grid(1)
    if pixel >= frame.paper_width * frame.paper_height:
        return
    x, y = pixel % frame.paper_width, pixel // frame.paper_width
    at = frame.first_paper + pixel
    r, g, b, covered, dark = _between(x, y, frame, ground)
    lit, clear = 1 - frame.lamp * dark, 1 - covered
    red, green, blue, cover = _mean_under(x, y, frame, face, layer)
    paper[at, 0] = (paper[at, 0] * clear + r) * lit * (1 - cover) + red
    paper[at, 1] = (paper[at, 1] * clear + g) * lit * (1 - cover) + green
    paper[at, 2] = (paper[at, 2] * clear + b) * lit * (1 - cover) + blue


@cuda.jit(device=True)
def _between(x: int, y: int, frame: Record, ground: Float32) -> tuple[float, float, float, float, float]:
    """The floor at a pixel of the picture, as `cv2.resize` with INTER_LINEAR."""
    width, height, first = frame.ground_width, frame.ground_height, frame.first_ground
    u = min(max((x + 0.5) * width / frame.paper_width - 0.5, 0.0), width - 1.0)
    v = min(max((y + 0.5) * height / frame.paper_height - 0.5, 0.0), height - 1.0)
    left, top = int(u), int(v)
    right, bottom, u, v = min(left + 1, width - 1), min(top + 1, height - 1), u - left, v - top
    a, b = first + top * width + left, first + top * width + right
    c, d = first + bottom * width + left, first + bottom * width + right
    wa, wb, wc, wd = (1 - u) * (1 - v), u * (1 - v), (1 - u) * v, u * v
    return (
        wa * ground[a, 0] + wb * ground[b, 0] + wc * ground[c, 0] + wd * ground[d, 0],
        wa * ground[a, 1] + wb * ground[b, 1] + wc * ground[c, 1] + wd * ground[d, 1],
        wa * ground[a, 2] + wb * ground[b, 2] + wc * ground[c, 2] + wd * ground[d, 2],
        wa * ground[a, 3] + wb * ground[b, 3] + wc * ground[c, 3] + wd * ground[d, 3],
        wa * ground[a, 4] + wb * ground[b, 4] + wc * ground[c, 4] + wd * ground[d, 4],
    )


@cuda.jit(device=True)
def _mean_under(x: int, y: int, frame: Record, face: Int32, layer: Float32) -> tuple[float, float, float, float]:
    """Mean colour and cover of the z-buffer under a pixel of the picture, as `cv2.resize` with INTER_AREA."""
    across, down = frame.width / frame.paper_width, frame.height / frame.paper_height
    r, g, b, cover = 0.0, 0.0, 0.0, 0.0
    for row in range(int(y * down), min(-floored(-(y + 1) * down), frame.height)):
        tall = min(row + 1.0, (y + 1) * down) - max(float(row), y * down)
        for column in range(int(x * across), min(-floored(-(x + 1) * across), frame.width)):
            at = frame.first_pixel + row * frame.width + column
            if face[at] >= 0:
                share = tall * (min(column + 1.0, (x + 1) * across) - max(float(column), x * across)) / (across * down)
                cover += share
                r, g, b = r + share * layer[at, 0], g + share * layer[at, 1], b + share * layer[at, 2]
    return r, g, b, cover
