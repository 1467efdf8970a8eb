"""Depth of the ground plane, fitted to the feet of the people; needs no network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from metrichmsr_ros.depth.sources.base import DepthContext, DepthError, DepthMap
from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.types import Float64Array

FOOT_STD = 0.08  # metres: standard deviation of a body's lowest point about the floor
CAMERA_TILT_STD = np.deg2rad(20)  # tilt of a camera without known gravity
TAKEN_AS_LEVEL = (
    "the direction of gravity is not known: the camera is taken as upright, and as level within about 20 degrees; the "
    "node's ground_frame, or SceneContext.floor, would tell"
)
GRAVITY_TILT_STD = np.deg2rad(2)  # slope of a floor with known gravity


@dataclass(frozen=True)
class Plane:
    """Floor points p satisfy up . p = height; `up` (3,) is a unit vector in the camera frame, metres."""

    up: Float64Array
    height: float


def fit_ground(feet: ArrayLike, up: ArrayLike | None = None) -> Plane:
    """Floor under `feet` (N, 3), N >= 1, camera frame, metres.

    One person determines the height, people far apart also the slope: a least-squares fit with a Gaussian prior on the
    slope around `up` (against gravity), or around the camera's up (-y) if gravity is unknown.

    Raises:
        DepthError: no feet.
    """
    points = np.asarray(feet, np.float64).reshape(-1, 3)
    if not len(points):
        raise DepthError("the ground plane needs at least one person in view; nobody is in view")
    prior = np.array([0.0, -1.0, 0.0]) if up is None else np.asarray(up, np.float64) / np.linalg.norm(up)
    side = np.cross(prior, [0.0, 0.0, 1.0] if abs(prior[2]) < 0.9 else [1.0, 0.0, 0.0])
    side /= np.linalg.norm(side)
    axes = np.stack([side, np.cross(prior, side)])
    tilt_std = CAMERA_TILT_STD if up is None else GRAVITY_TILT_STD
    # Height above the prior plane = height - slope . position, with a Gaussian prior on the two slopes.
    position = points @ axes.T
    middle = position.mean(axis=0)
    design = np.column_stack([np.ones(len(points)), position - middle]) / FOOT_STD
    precision = design.T @ design + np.diag([0.0, *([tilt_std**-2] * 2)])
    level, *slope = np.linalg.solve(precision, design.T @ (points @ prior / FOOT_STD))
    normal = prior - np.asarray(slope) @ axes
    length = float(np.linalg.norm(normal))
    return Plane(normal / length, (level - float(np.dot(slope, middle))) / length)


def lowest_points(vertices_cam: Sequence[ArrayLike], up: ArrayLike | None = None) -> Float64Array:
    """(P, 3): for each person the mean of the lowest 1 % of the vertices along `up` (default: the camera's -y)."""
    direction = np.array([0.0, -1.0, 0.0]) if up is None else np.asarray(up, np.float64)
    lowest = []
    for vertices in (np.asarray(v, np.float64) for v in vertices_cam):
        height = vertices @ direction
        sole = vertices[height <= np.quantile(height, 0.01)]
        lowest.append(sole.mean(axis=0))
    return np.array(lowest).reshape(-1, 3)


def plane_depth(plane: Plane, camera: Camera, max_depth: float) -> NDArray[np.float32]:
    """Depth (H, W) float32 of the plane, metres; NaN above its horizon and beyond `max_depth`."""
    towards = plane.up @ np.linalg.inv(camera.intrinsics)  # up . ray is linear in u and v
    slant = towards[0] * np.arange(camera.width) + (towards[1] * np.arange(camera.height))[:, None] + towards[2]
    with np.errstate(all="ignore"):
        depth = plane.height / slant
    return np.where((depth > 0) & (depth <= max_depth), depth, np.nan).astype(np.float32)


class GroundPlane:
    """The floor under the feet of all people, up to `max_depth` metres. Metric already, because the bodies are."""

    name = "ground"

    def __init__(self, max_depth: float = 50.0) -> None:
        self.max_depth = max_depth

    def predict(self, image: NDArray[np.uint8], camera: Camera, context: DepthContext) -> DepthMap:
        """Depth of the floor; needs at least one person in `context`."""
        feet = lowest_points(context.vertices_cam, context.up)
        plane = fit_ground(feet, context.up)
        return DepthMap(plane_depth(plane, camera, self.max_depth), camera, self.name)
