"""How many bits the numbers of 16-bit images use: cameras of 10 or 12 bits leave the upper ones zero."""

from __future__ import annotations

import cv2
import numpy as np

from metrichmsr_ros.types import AnyArray, ImageArray

_BITS = (8, 10, 12, 14, 16)


class BitDepth:
    """The range in use, remembered over a video, so that the brightness does not flicker with the scene.

    Attributes:
        bits: 8, 10, 12, 14 or 16; 0 before the first image of 16 bits.
    """

    def __init__(self) -> None:
        self.bits = 0

    def to_8_bits(self, pixels: AnyArray, said: int = 0) -> ImageArray:
        """Scale numbers (H, W) or (H, W, C) uint16 by the range in use; an alpha channel does not count for it.

        Args:
            pixels: as stored.
            said: bits that the encoding says are used; 0: it does not say.
        """
        brightest = int((pixels if pixels.ndim == 2 else pixels[..., :3]).max())
        self.bits = max(self.bits, said, next(bits for bits in _BITS if brightest < 1 << bits))
        flat = np.ascontiguousarray(pixels, np.uint16).reshape(pixels.shape[0], -1)
        scaled = cv2.convertScaleAbs(flat, alpha=255.0 / ((1 << self.bits) - 1))
        return np.asarray(scaled, np.uint8).reshape(pixels.shape)
