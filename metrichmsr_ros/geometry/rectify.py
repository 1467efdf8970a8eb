"""Rectify the images of one camera; the remap tables are computed once per Rectifier."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from metrichmsr_ros.geometry.camera import Camera, CameraError


class Rectifier:
    """Maps raw images of `raw` to the pinhole image of `camera`, as image_proc does (K, D, R -> P)."""

    def __init__(self, raw: Camera) -> None:
        self.raw = raw
        self.camera = raw.rectified()
        self._maps = self._build() if raw.is_distorted else None

    def _build(self) -> tuple[Any, Any]:
        u, v = np.meshgrid(np.arange(self.camera.width), np.arange(self.camera.height))
        rays = self.camera.back_project(np.stack([u, v], axis=-1), 1.0)
        source = self.raw.project(rays @ self.raw.rectification)  # row vectors: R^T applied to each ray
        source = np.nan_to_num(source, nan=-1e4).clip(-1e4, 1e5).astype(np.float32)
        return cv2.convertMaps(source[..., 0], source[..., 1], cv2.CV_16SC2)  # fixed point: twice as fast to apply

    def rectify(self, image: NDArray[Any]) -> NDArray[Any]:
        """Rectified copy of `image` (H, W[, C]); pixels outside the raw image are 0.

        Raises:
            CameraError: the image size differs from the camera's.
        """
        if image.shape[:2] != (self.raw.height, self.raw.width):
            raise CameraError(
                f"image is {image.shape[1]}x{image.shape[0]} but its camera is {self.raw.width}x{self.raw.height}"
            )
        if self._maps is None:
            return image
        return cv2.remap(image, *self._maps, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=0)
