"""What one image yields: people in metres, and the camera they are expressed in."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.people.blazepose.networks import LandmarkSet
from metrichmsr_ros.pipeline.scale.evidence import ScaleFix
from metrichmsr_ros.types import Float32Array


@dataclass(frozen=True)
class Wanted:
    """Which costly parts of a `Scene` the caller will use."""

    vertices: bool = True
    depth: bool = True


@dataclass(frozen=True)
class PersonEstimate:
    """One person in the camera's optical frame (x right, y down, z forward), SI units and radians, float32."""

    id: str
    age: int  # frames since the id was given; 0 in single images
    confidence: float  # 0..1
    is_occluded: bool
    bbox: Float32Array  # (4,) x0, y0, x1, y1 in pixels of `Scene.image`
    pose: Float32Array  # (72,) axis-angle, SMPL order, [0:3] takes body axes to the camera frame
    betas: Float32Array  # (10,)
    transl_cam: Float32Array  # (3,) SMPL translation
    transl_cov: Float32Array  # (3, 3) of transl_cam, m^2
    joints_cam: Float32Array  # (24, 3)
    vertices_cam: Float32Array  # (V, 3); V = 0 when vertices were not asked for
    height: float  # standing height
    velocity_cam: Float32Array  # (3,) m/s of the root, relative to the camera; NaN in single images
    position_cov6: Float32Array  # (6, 6) covariance of filtered root position and velocity; NaN in single images
    landmarks: LandmarkSet
    scale_fix: ScaleFix | None = None  # what the surroundings said; None when nothing is known of them


@dataclass(frozen=True)
class Scene:
    """All that was found in one image.

    `camera` has no distortion: a distorted image is rectified first, and every pixel and depth here belongs to the
    rectified `image` (H, W, 3) uint8 RGB. `depth` (H, W) float32 metres along z, NaN where unknown; `depth_made` says
    what made it, "" when depth was not asked for, and `depth_problem` why the chosen source made none.
    """

    stamp_s: float | None
    camera: Camera
    image: NDArray[np.uint8]
    people: list[PersonEstimate]
    depth: Float32Array
    timings: dict[str, float] = field(default_factory=dict)  # stage -> seconds
    depth_made: str = ""
    depth_problem: str = ""
