"""Register depth of an offset camera to the image's camera: back-project, transform, project with a z-buffer."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from metrichmsr_ros.depth.sources.base import DepthMap
from metrichmsr_ros.geometry.camera import Camera


def register(depth_map: DepthMap, camera: Camera, target_from_source: ArrayLike) -> DepthMap:
    """Depth from the viewpoint of `camera`.

    Args:
        depth_map: depth of an offset camera, e.g. the infrared camera of an RGB-D sensor.
        camera: undistorted camera of the result.
        target_from_source: (4, 4) rigid transform from the depth's camera frame to `camera`'s frame, metres.

    Every source pixel fills its footprint in the target, so that depth of a lower resolution leaves no regular holes;
    nearer points occlude farther ones; target pixels without a point are NaN.
    """
    pose = np.asarray(target_from_source, np.float64)
    v, u = np.nonzero(np.isfinite(depth_map.depth))
    points = depth_map.camera.back_project(np.stack([u, v], axis=-1), depth_map.depth[v, u])
    points = points @ pose[:3, :3].T + pose[:3, 3]
    points = points[points[:, 2] > 0]  # also drops NaN from image corners that the lens model cannot invert
    column, row = np.rint(camera.project(points)).T
    nearest = np.full((camera.height, camera.width), np.inf, np.float32)
    for dy, dx in _footprint(depth_map.camera, camera):
        x, y = column + dx, row + dy
        inside = (x >= 0) & (x < camera.width) & (y >= 0) & (y < camera.height)
        np.minimum.at(nearest, (y[inside].astype(int), x[inside].astype(int)), points[inside, 2].astype(np.float32))
    nearest[np.isinf(nearest)] = np.nan
    return DepthMap(nearest, camera, depth_map.source, depth_map.is_sensor)


def _footprint(source: Camera, target: Camera) -> list[tuple[int, int]]:
    """Offsets (dy, dx) of the target pixels that one source pixel covers."""
    ratio = target.intrinsics[[0, 1], [0, 1]] / source.intrinsics[[0, 1], [0, 1]]
    across, down = (max(1, int(np.ceil(side - 1e-6))) for side in ratio)
    return [(dy - (down - 1) // 2, dx - (across - 1) // 2) for dy in range(down) for dx in range(across)]
