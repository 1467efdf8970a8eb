"""Quarter turns of images of cameras that are mounted upside down or on their side.

The networks know upright people alone. They see the image turned by the quarter turns that bring the vertical nearest
to the image's top, as if another camera at the same place had taken it; what they find is turned back to the frame and
the pixels of the camera as it is mounted.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import ArrayLike

from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.geometry.distortion import rotated_coefficients
from metrichmsr_ros.types import Float32Array, Float64Array, ImageArray

_LEAST_LEVEL = 0.5
"""Least length, of 1, of the vertical in the image plane: a camera that looks up or down has no upright images."""
_CODES = {1: cv2.ROTATE_90_COUNTERCLOCKWISE, 2: cv2.ROTATE_180, 3: cv2.ROTATE_90_CLOCKWISE}


def roll_of(up_cam: ArrayLike) -> float:
    """Angle in radians from the image's top to the vertical, clockwise; 0 where the camera looks up or down.

    Args:
        up_cam: (3,) unit vector against gravity in the camera's optical frame.
    """
    right, down, _ = np.asarray(up_cam, np.float64)
    return math.atan2(right, -down) if math.hypot(right, down) > _LEAST_LEVEL else 0.0


def turns_of(up_cam: ArrayLike | None) -> int:
    """Quarter turns, 0 to 3, counter-clockwise, that bring the vertical nearest to the image's top; 0 where unknown."""
    return 0 if up_cam is None else round(roll_of(up_cam) / (math.pi / 2)) % 4


@dataclass(frozen=True)
class TurnedCamera:
    """A camera, and the upright one at the same place: that of its images turned by quarter turns.

    Without a turn both are the same, to the last bit.

    Attributes:
        camera: as it is mounted.
        turns: quarter turns of its images, 0 to 3, counter-clockwise, in which people are upright.
    """

    camera: Camera
    turns: int = 0

    @property
    def pixels(self) -> Float64Array:
        """(3, 3) from px of the images as they come to px of the upright ones."""
        last_column, last_row = self.camera.width - 1.0, self.camera.height - 1.0
        return np.array(
            [
                [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
                [[0.0, 1.0, 0.0], [-1.0, 0.0, last_column], [0.0, 0.0, 1.0]],
                [[-1.0, 0.0, last_column], [0.0, -1.0, last_row], [0.0, 0.0, 1.0]],
                [[0.0, -1.0, last_row], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]],
            ][self.turns]
        )

    @property
    def rotation(self) -> Float32Array:
        """(3, 3) from the frame of the camera as it is mounted to that of the upright one."""
        rotation = self.pixels.astype(np.float32)
        rotation[:2, 2] = 0
        return rotation

    @property
    def top(self) -> Float32Array:
        """(3,) unit vector to the top of people in the images, in the frame of the camera as it is mounted."""
        return -self.rotation[1]

    @property
    def upright(self) -> Camera:
        """The upright camera."""
        if self.turns == 0:
            return self.camera
        camera, rotation = self.camera, self.rotation.astype(np.float64)
        size = camera.size if self.turns == 2 else camera.size[::-1]
        rectified = camera.rectified_intrinsics
        return replace(
            camera,
            width=size[0],
            height=size[1],
            intrinsics=self.pixels @ camera.intrinsics @ rotation.T,
            distortion=rotated_coefficients(camera.distortion_model, camera.distortion, rotation[:2, :2]),
            rectified_intrinsics=None if rectified is None else self.pixels @ rectified @ rotation.T,
            rectification=rotation @ camera.rectification @ rotation.T,
        )

    def image(self, image: ImageArray) -> ImageArray:
        """An image (H, W, 3) as the upright camera would have taken it."""
        return np.asarray(cv2.rotate(image, _CODES[self.turns]), np.uint8) if self.turns else image

    def depth(self, metres: Float32Array) -> Float32Array:
        """Depth (H, W) in the pixels of the images as they come, in those of the upright ones."""
        return np.ascontiguousarray(np.rot90(metres, self.turns)) if self.turns else metres

    def depth_back(self, metres: Float32Array) -> Float32Array:
        """Depth in the pixels of the upright images, in those of the images as they come."""
        return np.ascontiguousarray(np.rot90(metres, -self.turns)) if self.turns else metres

    def boxes(self, boxes: Iterable[ArrayLike]) -> list[Float64Array]:
        """Boxes (4,) x0, y0, x1, y1 px of an image in px of the upright one."""
        matrix = self.pixels
        ends = [np.asarray(box, np.float64).reshape(2, 2) @ matrix[:2, :2].T + matrix[:2, 2] for box in boxes]
        return [np.concatenate([corners.min(axis=0), corners.max(axis=0)]) for corners in ends]
