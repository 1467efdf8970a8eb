"""Scanline core of the z-buffer, in NumPy over all triangles at once.

A triangle is cut at its middle vertex into at most two trapezoids; each pixel row of a trapezoid is a span between two
edges. A trapezoid holds the rows in [top, bottom), a span the pixel centres in [left, right). An edge's crossing with
a row is computed from the same two end points in the same order for both triangles that share it, so the two agree to
the last bit and every covered centre falls into exactly one of them. w = 1/z is linear in the image; it is
interpolated along the edges and then across the span, which stays bounded even for slivers.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from metrichmsr_ros.types import Float64Array, IndexArray

NEAR = 0.01  # metres, the near clipping plane
_CHUNK = 2048  # faces at a time: their spans stay in the cache; new memory pages would cost more than the arithmetic
_EMPTY = np.uint64(0xFFFFFFFFFFFFFFFF)  # its upper half, read as float32, is NaN; its lower half, as int32, is -1


class _Points(NamedTuple):
    """Projected vertices: pixel coordinates, 1/z, and the first pixel column and row not left of or above them."""

    x: Float64Array
    y: Float64Array
    w: Float64Array
    column: NDArray[np.int32]
    row: NDArray[np.int32]


class _Spans(NamedTuple):
    """Runs of pixels in one row: first pixel (flat index), length, w at that pixel and its slope, face."""

    pixel: IndexArray
    length: IndexArray
    w: Float64Array
    slope: Float64Array
    face: IndexArray


def nearest_faces(
    vertices: Float64Array, faces: IndexArray, intrinsics: Float64Array, size: tuple[int, int], cull_back: bool
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Depth (H, W) in metres, NaN where empty, and the index of the nearest face (H, W), -1 where empty.

    Args:
        vertices: (V, 3) finite, camera frame, metres.
        faces: (F, 3) indices; counter-clockwise from outside if `cull_back`.
        intrinsics: K (3, 3). size: (width, height).
    """
    width, height = size
    vertices, faces, parent = clip_near(vertices, faces, NEAR)
    points = _project(vertices, intrinsics, width, height)
    keys = np.full(width * height, _EMPTY)
    corners, face = _visible(points, faces, cull_back)
    for start in range(0, len(face), _CHUNK):
        part = slice(start, start + _CHUNK)
        spans = _spans(points, *_sorted_by_row(points.y, *corners[:, part]), parent[face[part]], width)
        pixel, key = _fragments(spans)
        np.minimum.at(keys, pixel, key)  # depth sits above the face id, so the least key is the nearest face
    halves = keys.view(np.uint32).reshape(height, width, 2)
    low, high = (0, 1) if np.little_endian else (1, 0)
    return halves[..., high].copy().view(np.float32), halves[..., low].astype(np.int32)


def clip_near(vertices: Float64Array, faces: IndexArray, near: float) -> tuple[Float64Array, IndexArray, IndexArray]:
    """Clip faces at z = `near` metres; return vertices, faces and the original index of each face."""
    front = vertices[:, 2] >= near
    parent = np.arange(len(faces))
    if front.all():
        return vertices, faces, parent
    kept = front[faces]  # (F, 3)
    count = kept.sum(axis=1)
    whole, one, two = (np.flatnonzero(count == n) for n in (3, 1, 2))
    # Rotate the single corner (kept or clipped) to the front; the orientation stays.
    tip, tip_b, tip_c = _rolled(faces[one], kept[one].argmax(axis=1))
    cut, cut_b, cut_c = _rolled(faces[two], kept[two].argmin(axis=1))
    start = len(vertices)
    new = [
        _crossing(vertices, inside, outside, near)
        for inside, outside in ((tip, tip_b), (tip, tip_c), (cut_b, cut), (cut_c, cut))
    ]
    m, n = len(one), len(two)
    p_b, p_c = start + np.arange(m), start + m + np.arange(m)
    q_b, q_c = start + 2 * m + np.arange(n), start + 2 * m + n + np.arange(n)
    pieces = [faces[whole], _columns(tip, p_b, p_c), _columns(q_b, cut_b, cut_c), _columns(q_b, cut_c, q_c)]
    # Clipped vertices keep their index; a valid z keeps 1/z finite.
    safe = np.where(front[:, None], vertices, (0.0, 0.0, near))
    return np.concatenate([safe, *new]), np.concatenate(pieces), np.concatenate([whole, one, two, two])


def _rolled(faces: IndexArray, first: IndexArray) -> tuple[IndexArray, IndexArray, IndexArray]:
    rows = np.arange(len(faces))
    return faces[rows, first], faces[rows, (first + 1) % 3], faces[rows, (first + 2) % 3]


def _columns(*columns: IndexArray) -> IndexArray:
    return np.stack(columns, axis=1)


def _crossing(vertices: Float64Array, inside: IndexArray, outside: IndexArray, near: float) -> Float64Array:
    """Intersections of edges with the near plane, computed from the inside so that neighbouring faces agree."""
    a, b = vertices[inside], vertices[outside]
    t = (near - a[:, 2:]) / (b[:, 2:] - a[:, 2:])
    point = a + t * (b - a)
    point[:, 2] = near
    return point


def _project(vertices: Float64Array, k: Float64Array, width: int, height: int) -> _Points:
    w = 1.0 / vertices[:, 2]
    across, down = vertices[:, 0] * w, vertices[:, 1] * w
    x = k[0, 0] * across + k[0, 1] * down + k[0, 2]
    y = k[1, 0] * across + k[1, 1] * down + k[1, 2]
    column = np.ceil(x).clip(0, width).astype(np.int32)
    row = np.ceil(y).clip(0, height).astype(np.int32)
    return _Points(x, y, w, column, row)


def _visible(points: _Points, faces: IndexArray, cull_back: bool) -> tuple[IndexArray, IndexArray]:
    """Corners (3, N) and index (N,) of the faces that have a row and a column of pixel centres inside the image."""
    corners = np.ascontiguousarray(faces.T)
    a, b, c = corners
    row, column = points.row, points.column
    row_a, column_a = row[a], column[a]
    hit = ((row_a != row[b]) | (row_a != row[c])) & ((column_a != column[b]) | (column_a != column[c]))
    if cull_back:
        x, y = points.x, points.y
        hit &= (x[b] - x[a]) * (y[c] - y[a]) < (y[b] - y[a]) * (x[c] - x[a])
    face = np.flatnonzero(hit)
    return corners[:, face], face


def _sorted_by_row(
    y: Float64Array, a: IndexArray, b: IndexArray, c: IndexArray
) -> tuple[IndexArray, IndexArray, IndexArray]:
    """Corners from top to bottom of the image."""
    y_a, y_b, y_c = y[a], y[b], y[c]
    a, b, y_a, y_b = _ordered(y_b < y_a, a, b, y_a, y_b)
    b, c, y_b, y_c = _ordered(y_c < y_b, b, c, y_b, y_c)
    a, b, y_a, y_b = _ordered(y_b < y_a, a, b, y_a, y_b)
    return a, b, c


def _ordered(
    swap: NDArray[np.bool_], a: IndexArray, b: IndexArray, y_a: Float64Array, y_b: Float64Array
) -> tuple[IndexArray, IndexArray, Float64Array, Float64Array]:
    return np.where(swap, b, a), np.where(swap, a, b), np.where(swap, y_b, y_a), np.where(swap, y_a, y_b)


def _spans(
    points: _Points, top: IndexArray, middle: IndexArray, bottom: IndexArray, face: IndexArray, width: int
) -> _Spans:
    row = points.row
    upper = np.flatnonzero(row[middle] > row[top])
    lower = np.flatnonzero(row[bottom] > row[middle])
    part = np.concatenate([upper, lower])
    short_from = np.concatenate([top[upper], middle[lower]])
    short_to = np.concatenate([middle[upper], bottom[lower]])
    edges = np.stack(_edge(points, top[part], bottom[part]) + _edge(points, short_from, short_to))

    rows = row[short_to] - row[short_from]
    part_of_span = np.repeat(np.arange(len(part)), rows)
    first_span = np.cumsum(rows) - rows
    y = np.arange(len(part_of_span)) + (row[short_from] - first_span)[part_of_span]
    y0, x0, slope0, w0, rise0, y1, x1, slope1, w1, rise1 = edges.take(part_of_span, axis=1)
    down0, down1 = y - y0, y - y1
    x0, x1 = x0 + down0 * slope0, x1 + down1 * slope1
    column0 = np.ceil(x0).clip(0, width).astype(np.int32)
    column1 = np.ceil(x1).clip(0, width).astype(np.int32)
    length = np.abs(column1 - column0)

    some = np.flatnonzero(length)
    x0, w0 = x0[some], (w0 + down0 * rise0)[some]
    slope = ((w1 + down1 * rise1)[some] - w0) / (x1[some] - x0)
    column = np.minimum(column0, column1)[some]
    return _Spans(
        y[some] * width + column, length[some], w0 + (column - x0) * slope, slope, face[part[part_of_span[some]]]
    )


def _edge(
    points: _Points, start: IndexArray, end: IndexArray
) -> tuple[Float64Array, Float64Array, Float64Array, Float64Array, Float64Array]:
    """y and x at the start, dx/dy, w at the start, dw/dy. A row lies between the ends, so dy is never zero."""
    y, x, w = points.y[start], points.x[start], points.w[start]
    per_row = 1.0 / (points.y[end] - y)
    return y, x, (points.x[end] - x) * per_row, w, (points.w[end] - w) * per_row


def _fragments(spans: _Spans) -> tuple[IndexArray, NDArray[np.uint64]]:
    """Flat pixel index and key (float32 bits of z, then face id) of every covered pixel of every span."""
    first = np.cumsum(spans.length) - spans.length
    span = np.repeat(np.arange(len(first)), spans.length)
    fragment = np.arange(len(span))
    pixel = fragment + (spans.pixel - first).take(span)
    w = spans.w.take(span) + (fragment - first.take(span)) * spans.slope.take(span)
    # Positive floats sort like their bits.
    key = (1.0 / w).astype(np.float32).view(np.uint32).astype(np.uint64)
    key <<= np.uint64(32)
    key |= spans.face.astype(np.uint64).take(span)
    return pixel, key
