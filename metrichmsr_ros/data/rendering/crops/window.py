"""The part of an image that is drawn: around a region, inside the image, at no more resolution than is read."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.people.blazepose.landmarks import Roi
from metrichmsr_ros.types import Float64Array

_PICTURE_SIDE = 300  # px of the picture across the region at most: more than the landmark network reads
_RASTER_SIDE = 360  # px of the z-buffer across the region at most
_LARGEST = 630  # px of the picture
_MARGIN = 1.25  # of the picture around the region, for a second look through a corrected region


@dataclass(frozen=True)
class Window:
    """A rectangle of an image.

    Attributes:
        image: the whole image's camera.
        left, top: edges in px of the image, whose own edges are at -0.5.
        width, height: in px of the image.
        scale: px of the picture for one of the image, at most 1.
        over: px of the z-buffer for one of the picture, at least 1.
    """

    image: Camera
    left: float
    top: float
    width: float
    height: float
    scale: float
    over: float

    @classmethod
    def around(cls, region: Roi, image: Camera) -> Window | None:
        """The window of a region with a margin, inside the image; None where they hardly overlap."""
        corners = (region.corners() - region.centre) * _MARGIN + region.centre
        low = np.clip(np.floor(corners.min(0)), 0, np.array([image.width, image.height]))
        high = np.clip(np.ceil(corners.max(0)), 0, np.array([image.width, image.height]))
        if (high - low).min() < 8:
            return None
        scale = min(1.0, _PICTURE_SIDE / region.size, _LARGEST / float((high - low).max()))
        over = float(np.clip(_RASTER_SIDE / (region.size * scale), 1.0, 2.0))
        return cls(image, low[0] - 0.5, low[1] - 0.5, high[0] - low[0], high[1] - low[1], scale, over)

    @cached_property
    def size(self) -> tuple[int, int]:
        """(w, h) px of the picture."""
        return max(4, round(self.width * self.scale)), max(4, round(self.height * self.scale))

    @cached_property
    def matrix(self) -> Float64Array:
        """(3, 3) image px to picture px."""
        across, down = self.size[0] / self.width, self.size[1] / self.height
        return np.array([[across, 0, -across * self.left - 0.5], [0, down, -down * self.top - 0.5], [0, 0, 1.0]])

    @cached_property
    def picture(self) -> Camera:
        """The camera of the picture."""
        return _cut(self.image, self.matrix, self.size)

    @cached_property
    def raster(self) -> Camera:
        """The camera of the z-buffer, which is finer than the picture."""
        fine = (round(self.size[0] * self.over), round(self.size[1] * self.over))
        across, down = fine[0] / self.size[0], fine[1] / self.size[1]
        finer = np.array([[across, 0, (across - 1) / 2], [0, down, (down - 1) / 2], [0, 0, 1.0]])
        return _cut(self.image, finer @ self.matrix, fine)

    def shows(self, pixels: Float64Array) -> bool:
        """Whether the box around pixels (N, 2) of the image overlaps the window."""
        edge = np.array([self.left, self.top])
        far = edge + np.array([self.width, self.height])
        return bool((pixels.max(0) > edge).all() and (pixels.min(0) < far).all())


def _cut(camera: Camera, matrix: Float64Array, size: tuple[int, int]) -> Camera:
    return Camera(size[0], size[1], matrix @ camera.intrinsics, "none", np.zeros(0), "given")
