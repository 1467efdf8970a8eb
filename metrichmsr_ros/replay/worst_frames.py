"""The worst few frames of a run, at least a second apart, as overlay images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

APART_NS = 1_000_000_000
_LONG_SIDE = 640  # pixels of a kept image; eight of them are less than 1 MB


@dataclass(frozen=True)
class Picture:
    """One kept frame: its score (larger is worse), a caption with the reason, and its overlay as JPEG."""

    stamp_ns: int
    score: float
    caption: str
    jpeg: bytes


class WorstFrames:
    """Keeps the `limit` frames of highest score; of frames within a second of each other, only the worst."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._kept: list[Picture] = []

    def offer(self, stamp_ns: int, score: float, caption: str, draw: Callable[[], NDArray[np.uint8]]) -> None:
        """Offer a frame; `draw` (-> HWC uint8 RGB) is called only if the frame is kept."""
        if not np.isfinite(score) or self._limit < 1:
            return
        near = [p for p in self._kept if abs(p.stamp_ns - stamp_ns) < APART_NS]
        if any(p.score >= score for p in near):
            return
        rest = [p for p in self._kept if p not in near]
        if len(rest) >= self._limit:
            least_bad = min(rest, key=lambda p: p.score)
            if least_bad.score >= score:
                return
            rest.remove(least_bad)
        self._kept = [*rest, Picture(stamp_ns, score, caption, _jpeg(draw()))]

    @property
    def pictures(self) -> list[Picture]:
        """The kept frames, worst first."""
        return sorted(self._kept, key=lambda p: -p.score)


def _jpeg(image: NDArray[np.uint8]) -> bytes:
    height, width = image.shape[:2]
    shrink = min(1.0, _LONG_SIDE / max(height, width))
    if shrink < 1.0:
        size = (max(1, round(width * shrink)), max(1, round(height * shrink)))
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    ok, data = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 80])
    if not ok:
        raise RuntimeError(f"OpenCV cannot write a {width}x{height} JPEG")
    return bytes(data.tobytes())
