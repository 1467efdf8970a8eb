"""Regions of interest, detections and landmark sets: inputs and outputs of the networks.

Pixels have integer centres (pixel (0, 0) has its centre at u = 0, v = 0); angles are radians, positive clockwise in
the image, which is the mathematically positive sense when v points down.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from metrichmsr_ros.geometry.crop import crop_matrix
from metrichmsr_ros.types import Float32Array, FloatingArray

CROP_SIZE = 256
"""Side of the landmark network's square input, px."""

NUM_LANDMARKS = 39
"""33 body landmarks, then the hip centre (33), the full-body circle point (34) and four more auxiliary points."""

HIP_CENTRE, CIRCLE_POINT = 33, 34
ROI_SCALE = 1.25
"""The ROI is this much wider than the circle around the body (pose_detection_to_roi in BlazePose's graphs)."""


@dataclass(frozen=True, eq=False)
class Roi:
    """A rotated square in the image that holds one whole person.

    Attributes:
        centre: (2,) px.
        size: side of the square, px.
        rotation: radians; 0 means the crop's up is the image's up, positive turns the square clockwise.
    """

    centre: FloatingArray
    size: float
    rotation: float = 0.0

    @classmethod
    def from_points(cls, hip: FloatingArray, circle: FloatingArray, scale: float = ROI_SCALE) -> Roi:
        """Square around the hip centre whose up axis points at `circle`, a point on the circle around the body."""
        up = np.asarray(circle, np.float64) - np.asarray(hip, np.float64)
        rotation = math.atan2(up[0], -up[1])
        return cls(np.asarray(hip, np.float64), 2.0 * scale * float(np.hypot(up[0], up[1])), rotation)

    @classmethod
    def from_matrix(cls, matrix: FloatingArray, out_size: int = CROP_SIZE) -> Roi:
        """The square with this `matrix` (3, 3): the inverse of the method `matrix`."""
        back = np.linalg.inv(matrix)
        middle = back @ ((out_size - 1) / 2, (out_size - 1) / 2, 1.0)
        return cls(middle[:2], out_size * float(np.hypot(*back[:2, 0])), math.atan2(back[1, 0], back[0, 0]))

    @classmethod
    def from_box(cls, box: ArrayLike) -> Roi:
        """Upright square around a box (4,) x0, y0, x1, y1 px of a whole person; the next landmarks correct it."""
        x0, y0, x1, y1 = np.asarray(box, np.float64)
        return cls(np.array([(x0 + x1) / 2, (y0 + y1) / 2]), ROI_SCALE * float(max(x1 - x0, y1 - y0)))

    def matrix(self, out_size: int = CROP_SIZE) -> FloatingArray:
        """(3, 3) float64 map from image px to the px of a crop of `out_size` pixels a side."""
        return crop_matrix(self.centre, self.size, out_size, self.rotation)

    def widened(self, factor: float) -> Roi:
        """The same square, `factor` times as wide."""
        return replace(self, size=self.size * factor)

    def mapped(self, matrix: FloatingArray) -> Roi:
        """The same square in px of another image of the same camera.

        Args:
            matrix: (3, 3) affine map from px of this image to px of the other one, which keeps angles, or nearly so.
        """
        linear, turn = matrix[:2, :2], math.atan2(matrix[1, 0], matrix[0, 0])
        size = self.size * math.sqrt(float(np.linalg.det(linear)))
        return Roi(linear @ self.centre + matrix[:2, 2], size, math.remainder(self.rotation + turn, 2 * math.pi))

    def corners(self) -> FloatingArray:
        """(4, 2) px: top left, top right, bottom right, bottom left of the rotated square."""
        half = self.size / 2 * np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])
        cos, sin = math.cos(self.rotation), math.sin(self.rotation)
        return self.centre + half @ np.array([[cos, sin], [-sin, cos]])

    def is_usable(self, width: int, height: int) -> bool:
        """True when the square is finite, at least 8 px wide and touches an image of this size."""
        if not (np.isfinite(self.centre).all() and math.isfinite(self.size) and math.isfinite(self.rotation)):
            return False
        if self.size < 8 or self.size > 16 * max(width, height):
            return False
        low, high = self.corners().min(0), self.corners().max(0)
        return bool(high[0] > 0 and high[1] > 0 and low[0] < width - 1 and low[1] < height - 1)


@dataclass(frozen=True, eq=False)
class Detection:
    """One person found by the detector.

    Attributes:
        score: 0..1.
        bbox: (4,) x0, y0, x1, y1 px; box of the network, which frames the face, not the body.
        keypoints: (4, 2) px: hip centre, full-body circle point, shoulder centre, upper-body circle point.
    """

    score: float
    bbox: FloatingArray
    keypoints: FloatingArray

    def roi(self) -> Roi:
        """Landmark ROI from the hip centre and the full-body circle."""
        return Roi.from_points(self.keypoints[0], self.keypoints[1])

    def shifted(self, dx: float, dy: float) -> Detection:
        """The same detection in px of a larger image, in which the image of this detection starts at (dx, dy)."""
        offset = np.array([dx, dy])
        return replace(self, bbox=self.bbox + np.tile(offset, 2), keypoints=self.keypoints + offset)


@dataclass(frozen=True, eq=False)
class TrunkMaps:
    """What the landmark network's trunk made of a crop: features for networks that need more than landmarks.

    Attributes:
        s16: (C, 16, 16) float32, one column for 16 x 16 px of the crop; C is 88, or 160 in the heavier network.
        t8: (288, 8, 8) float32, on which the network's landmarks stand.
    """

    s16: Float32Array
    t8: Float32Array


@dataclass(frozen=True, eq=False)
class LandmarkSet:
    """The landmark network's output for one ROI.

    Attributes:
        roi: the square that was cropped.
        score: probability 0..1 that the crop shows a person.
        crop_landmarks: (39, 3) float32 x, y in px of the 256 x 256 crop; z in crop px too, 0 at the hips, negative
            towards the camera.
        visibility: (39,) float32 0..1, seen and not occluded.
        presence: (39,) float32 0..1, inside the crop.
        world: (39, 3) float32 metres around the hip centre, in the axes of the (rotated) crop: x right, y down, z away.
        crop_matrix: (3, 3) float64 A, image px to crop px.
        pixels: (39, 2) float32 px of the full image.
        peaks: (39,) float32 0..1, peak of each landmark's heatmap near the landmark; all are low if the crop shows no
            body.
        heavy: True if the heavier of the two landmark networks was used; their errors differ.
        maps: of the crop as the network saw it, so mirrored where it was; None unless BlazePose was asked for them.
    """

    roi: Roi
    score: float
    crop_landmarks: FloatingArray
    visibility: FloatingArray
    presence: FloatingArray
    world: FloatingArray
    crop_matrix: FloatingArray
    pixels: FloatingArray
    peaks: FloatingArray = field(default_factory=lambda: np.zeros(NUM_LANDMARKS, np.float32))
    heavy: bool = False
    maps: TrunkMaps | None = None

    def moved_to(self, roi: Roi) -> LandmarkSet:
        """The same body moved into `roi`: crop coordinates stay, pixels follow."""
        matrix = roi.matrix()
        inverse = np.linalg.inv(matrix)
        pixels = self.crop_landmarks[:, :2] @ inverse[:2, :2].T + inverse[:2, 2]
        return replace(self, roi=roi, crop_matrix=matrix, pixels=pixels.astype(np.float32))

    def mapped(self, matrix: FloatingArray) -> LandmarkSet:
        """The same body in px of another image of the same camera; `matrix` as for `Roi.mapped`."""
        return self.moved_to(self.roi.mapped(matrix))

    @cached_property
    def extent(self) -> FloatingArray:
        """(4,) x0, y0, x1, y1 px around all body landmarks, wherever they lie."""
        body = self.pixels[:33]
        return np.concatenate([body.min(0), body.max(0)])

    def next_roi(self) -> Roi:
        """ROI from the auxiliary landmarks: more exact than `roi` in this image, and a first ROI for the next image."""
        return self._next_roi

    @cached_property
    def _next_roi(self) -> Roi:
        return Roi.from_points(self.pixels[HIP_CENTRE], self.pixels[CIRCLE_POINT])

    def bbox(self, min_presence: float = 0.5) -> FloatingArray:
        """(4,) float32 x0, y0, x1, y1 px around the body landmarks that lie in the crop (all when none does)."""
        inside = self.presence[:33] >= min_presence
        points = self.pixels[:33][inside] if inside.any() else self.pixels[:33]
        return np.concatenate([points.min(0), points.max(0)])
