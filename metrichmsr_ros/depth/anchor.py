"""Human depth: the visible surfaces of the estimated bodies in metres, with a weight for each pixel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.geometry.raster import Raster, rasterize_many
from metrichmsr_ros.types import Float32Array

EDGE_STEP = 0.15  # metres within the erosion window, e.g. an arm before the chest: initial depth is blurred there
THIN_PERSON_WEIGHT = 0.25  # weight factor of a person too small to survive the erosion
USUAL_STD = 0.04  # relative standard deviation of a person's distance where none is given


@dataclass(frozen=True, eq=False)
class Anchor:
    """Human depth to calibrate against.

    Attributes:
        depth: (H, W) float32 metres along z of the nearest body surface, NaN outside people.
        weight: (H, W) float32 in 0..1, 0 outside people, at silhouettes and at steps within a body.
        person: (H, W) int32 index of the visible person, -1 outside people.
        distance_std: relative standard deviation of each person's distance, by index; empty: `USUAL_STD` for everybody.
    """

    depth: Float32Array
    weight: Float32Array
    person: NDArray[np.int32]
    distance_std: tuple[float, ...] = ()

    def distance_std_of(self, person: int) -> float:
        """Relative standard deviation of one person's distance."""
        return self.distance_std[person] if self.distance_std else USUAL_STD

    @property
    def mask(self) -> NDArray[np.bool_]:
        """(H, W) bool: M_a of the paper, the pixels with a weight above zero."""
        return self.weight > 0


def human_depth(vertices_cam: Sequence[ArrayLike], faces: ArrayLike, camera: Camera) -> Float32Array:
    """Depth (H, W) float32 of the body surfaces in metres, NaN outside people.

    Args:
        vertices_cam: one (V, 3) per person, metres, camera frame; nearer people occlude farther ones.
        faces: (F, 3) of the body model, the same for all people.
        camera: undistorted camera.
    """
    return rasterize_many([(vertices, faces) for vertices in vertices_cam], camera).depth


def make_anchor(
    vertices_cam: Sequence[ArrayLike],
    faces: ArrayLike,
    camera: Camera,
    person_weights: ArrayLike | None = None,
    erosion: int = 2,
    distance_std: Sequence[float] = (),
) -> Anchor:
    """Human depth with the weight of each pixel.

    Args:
        vertices_cam, faces, camera: see `human_depth`.
        person_weights: (P,) in 0..1 from `person_weight`; None: 1 for everybody.
        erosion: width in pixels of the band left out inside each silhouette, where mesh and image rarely agree.
        distance_std: (P,) from `distance_std`; empty: `USUAL_STD` for everybody.
    """
    raster = rasterize_many([(vertices, faces) for vertices in vertices_cam], camera)
    count = len(vertices_cam)
    weights = np.ones(count) if person_weights is None else np.asarray(person_weights, np.float64).reshape(count)
    inside = _inside(raster, erosion)
    factor = np.where(inside, 1.0, 0.0)
    for person in range(count):
        visible = raster.mesh_id == person
        if visible.any() and not (inside & visible).any():
            factor[visible] = THIN_PERSON_WEIGHT
    weight = factor * np.append(weights, 0.0)[raster.mesh_id]  # index -1 is the appended zero
    return Anchor(raster.depth, weight.astype(np.float32), raster.mesh_id, tuple(distance_std))


def person_weight(vertices_cam: ArrayLike, camera: Camera, confidence: float = 1.0) -> float:
    """Weight of one person in the depth calibration, 0..1.

    The product of the detection's confidence and the share of the body inside the image: the size of a truncated body
    is uncertain, hence its distance.
    """
    u, v = np.moveaxis(camera.project(np.asarray(vertices_cam, np.float64)), -1, 0)
    inside = (u > -0.5) & (u < camera.width - 0.5) & (v > -0.5) & (v < camera.height - 0.5)  # NaN is outside
    return float(np.clip(confidence, 0.0, 1.0)) * float(inside.mean())


def distance_std(transl_cam: ArrayLike, transl_cov: ArrayLike) -> float:
    """Relative standard deviation of one person's distance: that of the position (3,) m along its ray.

    `transl_cov` (3, 3) m^2 is its covariance; one that is not finite says nothing and gives `USUAL_STD`.
    """
    position = np.asarray(transl_cam, np.float64)
    variance = (
        float(position @ np.asarray(transl_cov, np.float64) @ position) / max(float(position @ position), 1e-6) ** 2
    )
    return float(np.sqrt(max(variance, 0.0))) if np.isfinite(variance) else USUAL_STD


def _inside(raster: Raster, erosion: int) -> NDArray[np.bool_]:
    """Pixels whose whole neighbourhood belongs to one person and has no step in depth."""
    covered = raster.covered
    if erosion <= 0:
        return covered
    window = np.ones((2 * erosion + 1, 2 * erosion + 1), np.uint8)
    person = raster.mesh_id.astype(np.float32)
    same = cv2.erode(person, window) == cv2.dilate(person, window)
    depth = np.where(covered, raster.depth, 0).astype(np.float32)
    step = cv2.dilate(depth, window) - cv2.erode(depth, window)
    return covered & same & (step < EDGE_STEP)
