"""How many bits the values of 16-bit images use: cameras with 10 or 12 bits leave the upper bits zero."""

from __future__ import annotations

import cv2
import numpy as np

from metrichmsr_ros.types import AnyArray, ImageArray

_BITS = (8, 10, 12, 14, 16)


class BitDepth:
    """The value range of a video. It only grows, so that the brightness does not flicker with the scene.

    Attributes:
        bits: 8, 10, 12, 14 or 16; 0 before the first image of 16 bits.
    """

    def __init__(self) -> None:
        self.bits = 0

    def see(self, pixels: AnyArray, said: int = 0) -> None:
        """Extend the range by the values of an image. The alpha channel is not part of it.

        Args:
            pixels: (H, W) or (H, W, C) uint16, as stored.
            said: number of used bits that the encoding names; 0 if it names none.
        """
        brightest = int((pixels if pixels.ndim == 2 else pixels[..., :3]).max())
        self.bits = max(self.bits, said, next(bits for bits in _BITS if brightest < 1 << bits))

    def to_8_bits(self, pixels: AnyArray) -> ImageArray:
        """Scale values (H, W) or (H, W, C) uint16 from the range seen so far to 8 bits. Call `see` first."""
        flat = np.ascontiguousarray(pixels, np.uint16).reshape(pixels.shape[0], -1)
        scaled = cv2.convertScaleAbs(flat, alpha=255.0 / ((1 << self.bits) - 1))
        return np.asarray(scaled, np.uint8).reshape(pixels.shape)
