"""Whether anything in the image has changed since it was last searched, apart from the people who are known.

A still camera before an empty room needs no detector. A camera that moves changes everything, and every image counts.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from metrichmsr_ros.types import Float32Array, FloatingArray, ImageArray

CELLS = 64
"""Cells along the longer side of the image."""
_CHANGED = 4.0
"""Difference of the mean colour of a cell, of 255, that is a change: cells average the noise of a hundred pixels."""
_ROOM = 0.15  # a person's box is larger by this share of its sides: arms, shadows


class ChangeWatch:
    """Compares images with the last one that was searched. All are of one size until `reset`."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget all images."""
        self._searched: Float32Array | None = None  # cells of the last image that was searched
        self._now: Float32Array | None = None
        self._covered: NDArray[np.bool_] | None = None  # cells that showed somebody known since

    def cover(self, shape: tuple[int, ...], known: Sequence[FloatingArray]) -> None:
        """Changes in these boxes do not count until the next search.

        Args:
            shape: of the image, (H, W, 3).
            known: (4,) x0, y0, x1, y1 px each, around people who are known.
        """
        columns, rows = _grid(shape)
        if self._covered is None:
            self._covered = np.zeros((rows, columns), np.bool_)
        for box in known:
            self._covered[_cells_of(box, shape, (rows, columns))] = True

    def changed(self, image: ImageArray) -> bool:
        """Whether a part of the image that is not covered looks other than when it was last searched.

        A change of all colours alike, as by the camera's exposure, does not count.

        Args:
            image: HWC uint8 RGB.
        """
        self._now = _cells(image)
        if self._searched is None or self._covered is None:
            return True
        difference = self._now - self._searched
        difference -= np.median(difference, axis=(0, 1))
        return bool(((np.abs(difference).max(axis=2) > _CHANGED) & ~self._covered).any())

    def searched(self) -> None:
        """The image that was compared last is being searched."""
        self._searched, self._covered = self._now, None


def _grid(shape: tuple[int, ...]) -> tuple[int, int]:
    """Columns and rows of cells for an image of (H, W, ...)."""
    longer = max(shape[:2])
    return max(round(shape[1] * CELLS / longer), 1), max(round(shape[0] * CELLS / longer), 1)


def _cells(image: ImageArray) -> Float32Array:
    """Mean colours (R, C, 3) of the cells; of a large image, of a part of its pixels."""
    step = max(max(image.shape[:2]) // (8 * CELLS), 1)
    few = np.ascontiguousarray(image[::step, ::step])
    return cv2.resize(few, _grid(image.shape), interpolation=cv2.INTER_AREA).astype(np.float32)


def _cells_of(box: FloatingArray, image: tuple[int, ...], cells: tuple[int, int]) -> tuple[slice, slice]:
    """The cells that a box covers, with some room around it."""
    room = _ROOM * (box[2:] - box[:2])
    scale = np.array([cells[1] / image[1], cells[0] / image[0]])
    low = np.maximum(np.floor((box[:2] - room) * scale), 0).astype(int)
    high = np.maximum(np.ceil((box[2:] + room) * scale), 0).astype(int)
    return slice(low[1], high[1]), slice(low[0], high[0])
