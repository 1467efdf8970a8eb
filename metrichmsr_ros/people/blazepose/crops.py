"""Crops of an image for the networks, each with the matrix from image px to input px."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from metrichmsr_ros.people.blazepose.anchors import INPUT_SIZE
from metrichmsr_ros.people.blazepose.landmarks import CROP_SIZE, Roi
from metrichmsr_ros.types import FloatingArray


@dataclass(frozen=True)
class Tile:
    """A part of the image for the detector, px: left, top, width, height."""

    x: int
    y: int
    width: int
    height: int

    def cut(self, image: np.ndarray) -> np.ndarray:
        """This part of an HWC image, as a view."""
        return image[self.y : self.y + self.height, self.x : self.x + self.width]

    def holds(self, box: FloatingArray, image_size: tuple[int, int], margin: float = 0.02) -> bool:
        """False for a box (4,) px that reaches a border of this tile inside the image of this (width, height)."""
        edge = margin * max(self.width, self.height)
        right, bottom = self.x + self.width, self.y + self.height
        return bool(
            (self.x == 0 or box[0] > self.x + edge)
            and (self.y == 0 or box[1] > self.y + edge)
            and (right == image_size[0] or box[2] < right - edge)
            and (bottom == image_size[1] or box[3] < bottom - edge)
        )


def letterbox(part: np.ndarray, tile: Tile) -> tuple[np.ndarray, FloatingArray]:
    """Fit a tile into the detector's square, centred, black around; also the (3, 3) map from image px to the square."""
    height, width = part.shape[:2]
    ratio = INPUT_SIZE / max(height, width)
    new = (max(1, round(width * ratio)), max(1, round(height * ratio)))
    resized = cv2.resize(part, new, interpolation=cv2.INTER_AREA if ratio < 1 else cv2.INTER_LINEAR)
    left, top = (INPUT_SIZE - new[0]) // 2, (INPUT_SIZE - new[1]) // 2
    square = np.zeros((INPUT_SIZE, INPUT_SIZE, 3), np.uint8)
    square[top : top + new[1], left : left + new[0]] = resized
    scale = np.array([new[0] / width, new[1] / height])
    matrix = np.diag([*scale, 1.0])
    matrix[:2, 2] = (0.5 - np.array([tile.x, tile.y])) * scale + (left, top) - 0.5
    return square, matrix


def cut_out(image: np.ndarray, roi: Roi, matrix: FloatingArray) -> np.ndarray:
    """The landmark network's crop; large ROIs are first shrunk by an integer factor, so that no pixels are skipped."""
    shrink = int(roi.size // CROP_SIZE)
    if shrink >= 2:
        low = np.clip(np.floor(roi.corners().min(0)), 0, None).astype(int)
        high = np.clip(np.ceil(roi.corners().max(0)) + 1, 0, (image.shape[1], image.shape[0])).astype(int)
        blocks = (high - low) // shrink
        if (blocks > 0).all():
            high = low + blocks * shrink
            image = cv2.resize(image[low[1] : high[1], low[0] : high[0]], _pair(blocks), interpolation=cv2.INTER_AREA)
            enlarge = np.diag([shrink, shrink, 1.0])
            enlarge[:2, 2] = low + (shrink - 1) / 2
            matrix = matrix @ enlarge
    return cv2.warpAffine(
        image, matrix[:2], (CROP_SIZE, CROP_SIZE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )


def _pair(values: np.ndarray) -> tuple[int, int]:
    return int(values[0]), int(values[1])
