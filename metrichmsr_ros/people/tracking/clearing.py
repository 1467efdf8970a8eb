"""Where nobody stands: ends of rays along which a costmap forgets people.

An obstacle layer forgets what lies between a camera and a point that it observes. Points on people alone clear nothing
of what they leave behind. These rays pass through everything that the camera sees, as far as `RANGE_M`; afterwards the
layer marks those who are there. They do not stop at walls, so they are for a layer that holds only people.
"""

from __future__ import annotations

import numpy as np

from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.types import Float32Array, Float64Array, FloatingArray

RANGE_M = 30.0
"""Length of a ray, across the camera's vertical axis."""
EDGE_M = 1.0
"""Rays also pass beside the image as far as this: a person at its edge is partly marked there."""
GUARD_M = 0.6
"""Rays end this far before a hidden person: half a body, and the error of a predicted position."""

_TURN = [1, 0, 2]  # x and y exchanged
_STEP = np.radians(0.1)  # 2 cm at 10 m: no cell of 5 cm is missed, also where rays leave a window at a slant
_BESIDE = np.geomspace(_STEP, np.pi / 2, 160)  # radians beyond an edge; their ends are at most 4 cm apart


def clearing_points(camera: Camera, hidden: Float64Array, up: FloatingArray | None = None) -> Float32Array:
    """(N, 3) ends of rays in the camera frame, m.

    The rays go through the first, middle and last row of the image, because a camera that looks down sees more to the
    sides below than above; of a camera that lies on its side (portrait) through those columns. Rays that the lens does
    not see are left out.

    Args:
        camera: of the image.
        hidden: (H, 3) people who are hidden and not marked, m: what was marked of them stays.
        up: (3,) against gravity in the camera frame; None: unknown. The camera's x or y that is nearer to it is taken
            as vertical, y if it is unknown.

    Raises:
        ValueError: a place is not finite.
    """
    if not np.isfinite(hidden).all():
        raise ValueError(f"places of hidden people are {hidden.tolist()}; they must be finite numbers")
    if _is_on_its_side(up):
        return clearing_points(_turned(camera), hidden[:, _TURN])[:, _TURN]
    azimuths, slopes, ranges = (np.concatenate(part) for part in zip(*_rows(camera), strict=True))
    for place in hidden:
        ranges = np.minimum(ranges, _free_before(place, azimuths))
    ends = np.stack([np.sin(azimuths), slopes, np.cos(azimuths)], axis=1) * ranges[:, None]
    is_ray = np.isfinite(ends).all(axis=1) & (ranges > 0)
    return ends[is_ray].astype(np.float32)


def is_between_sides(camera: Camera, place: Float64Array, up: FloatingArray | None = None) -> bool:
    """Whether a place (3,) in the camera frame, m, is before the camera and between the sides of the image.

    `up` is as for `clearing_points`: what are the sides of a camera that lies on its side are the other two.
    """
    if _is_on_its_side(up):
        camera, place = _turned(camera), place[_TURN]
    column = camera.project(place)[0]
    return bool(-0.5 <= column <= camera.width - 0.5)  # NaN behind the camera


def _is_on_its_side(up: FloatingArray | None) -> bool:
    return up is not None and bool(abs(up[0]) > abs(up[1]))


def _turned(camera: Camera) -> Camera:
    """The camera with x and y exchanged, whose rows are the columns."""
    return Camera(camera.height, camera.width, camera.intrinsics[np.ix_(_TURN, _TURN)])


def _rows(camera: Camera) -> list[tuple[Float64Array, Float64Array, Float64Array]]:
    """Azimuths, slopes down (y by distance) and ranges of the rays of each row."""
    count = int(np.ceil(camera.width / (abs(camera.intrinsics[0, 0]) * _STEP))) + 1
    columns = np.linspace(-0.5, camera.width - 0.5, count)
    return [_row(camera, columns, row) for row in (0.0, (camera.height - 1) / 2, camera.height - 1.0)]


def _row(camera: Camera, columns: Float64Array, row: float) -> tuple[Float64Array, Float64Array, Float64Array]:
    directions = camera.back_project(np.stack([columns, np.full_like(columns, row)], axis=1), 1.0)
    inside = np.arctan2(directions[:, 0], directions[:, 2])
    slopes = directions[:, 1] / np.hypot(directions[:, 0], directions[:, 2])
    azimuths = np.concatenate([inside[0] - _BESIDE, inside, inside[-1] + _BESIDE])
    slopes = np.concatenate([np.full_like(_BESIDE, slopes[0]), slopes, np.full_like(_BESIDE, slopes[-1])])
    beside = np.minimum(EDGE_M / np.sin(_BESIDE), RANGE_M)
    return azimuths, slopes, np.concatenate([beside, np.full_like(inside, RANGE_M), beside])


def _free_before(place: Float64Array, azimuths: Float64Array) -> Float64Array:
    """(N,) how far rays may go: no nearer than `GUARD_M` to a person who is on or beside them."""
    distance = float(np.hypot(place[0], place[2]))
    off = np.abs((azimuths - np.arctan2(place[0], place[2]) + np.pi) % (2 * np.pi) - np.pi)
    width = np.arcsin(min(1.0, GUARD_M / max(distance, GUARD_M)))
    return np.where(off <= width, max(distance - GUARD_M, 0.0), np.inf)
