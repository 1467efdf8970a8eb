"""What lens, sensor and codec do to a picture, at the image's own resolution."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from metrichmsr_ros.io.images import decode_image

_NOISE_SIDE = 640
_HARSH = 0.15  # share of pictures whose dark and light parts lose their detail
UInt8Image = NDArray[np.uint8]


class Sensor:
    """Blur, exposure, colour, noise and compression of pictures; holds a table of noise."""

    def __init__(self, seed: int = 0) -> None:
        """`seed` of the noise's table; where in the table a picture's noise starts is drawn for each picture."""
        rng = np.random.default_rng(seed)
        fine = rng.standard_normal((_NOISE_SIDE, _NOISE_SIDE, 3)).astype(np.float32)
        coarse = rng.standard_normal((_NOISE_SIDE // 2, _NOISE_SIDE // 2, 3)).astype(np.float32)
        big = cv2.resize(coarse, (_NOISE_SIDE, _NOISE_SIDE), interpolation=cv2.INTER_LINEAR)
        self._noise = 0.7 * fine + 0.7 * big

    def photograph(self, picture: NDArray[np.float32], video: bool, rng: np.random.Generator) -> UInt8Image:
        """A rendered picture (H, W, 3) about 0..1 as a camera delivers it, HWC uint8.

        Args:
            picture: not longer or wider than 640 px.
            video: compress as video does: strongly, and often from a lower resolution.
            rng: random generator.
        """
        blurred = _blurred(picture, rng)
        levels = self._developed(blurred, rng)
        if video:
            return _as_video(levels, rng)
        if rng.random() < 0.7:
            return _compressed(levels, int(rng.uniform(30, 97)))
        return levels

    def _developed(self, picture: NDArray[np.float32], rng: np.random.Generator) -> UInt8Image:
        """Exposure, white balance, contrast, saturation, gamma and noise."""
        gain = np.exp(0.25 * rng.standard_normal()) * np.exp(0.08 * rng.standard_normal(3))
        contrast = np.exp(0.2 * rng.standard_normal())
        if rng.random() < _HARSH:  # black clothes without folds before white walls
            contrast *= rng.uniform(1.2, 2.2)
        saturation = 0.0 if rng.random() < 0.06 else min(1.6, np.exp(0.3 * rng.standard_normal()))
        mean = float(picture.mean()) * float(gain.mean())
        # colour = mean + (gain * p - mean) * contrast, then mixed with its grey: one affine map of the three channels
        weights = np.array([0.299, 0.587, 0.114])
        mix = saturation * np.eye(3) + (1 - saturation) * np.ones((3, 1)) * weights
        matrix = np.concatenate([mix * gain * contrast, np.full((3, 1), mean * (1 - contrast))], 1)
        graded = np.asarray(cv2.transform(np.ascontiguousarray(picture), matrix), np.float32)
        gamma = np.exp(0.15 * rng.standard_normal())
        table = 255 * (np.arange(1024) / 1023 * 1.2) ** gamma
        table = table.clip(0, 255).astype(np.float32)
        graded *= np.float32(1023 / 1.2)
        values = table[np.clip(graded, 0, 1023, out=graded).astype(np.int16)]
        strength = rng.uniform(0, 0.02) if rng.random() < 0.6 else rng.uniform(0, 0.08)
        height, width = picture.shape[:2]
        y, x = rng.integers(0, _NOISE_SIDE - height + 1), rng.integers(0, _NOISE_SIDE - width + 1)
        noise = self._noise[y : y + height, x : x + width] * np.float32(255 * strength)
        values += noise
        result: UInt8Image = np.clip(values, 0, 255, out=values).astype(np.uint8)
        return result


def _blurred(picture: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    kind = rng.random()
    if kind < 0.12:  # motion
        length, angle = rng.uniform(2, 9), rng.uniform(0, np.pi)
        reach = length / 2 * np.array([np.cos(angle), np.sin(angle)])
        kernel = np.zeros((9, 9), np.float32)
        ends = [tuple(int(v) for v in np.round(4 + sign * reach)) for sign in (-1, 1)]
        cv2.line(kernel, ends[0], ends[1], 1.0, 1, cv2.LINE_AA)
        blurred = cv2.filter2D(picture, -1, kernel / max(1e-6, float(kernel.sum())), borderType=cv2.BORDER_REPLICATE)
    elif kind < 0.56:
        blurred = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.3, 1.5), borderType=cv2.BORDER_REPLICATE)
    else:
        blurred = picture
    return np.asarray(blurred, np.float32)


def _compressed(levels: UInt8Image, quality: int) -> UInt8Image:
    code = cv2.imencode(".jpg", cv2.cvtColor(levels, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(decode_image(code, upright=False), np.uint8)


def _as_video(levels: UInt8Image, rng: np.random.Generator) -> UInt8Image:
    """Coarse quantisation, smoothed block edges as of a codec's loop filter, and sometimes a lower resolution."""
    height, width = levels.shape[:2]
    share = rng.uniform(0.5, 1.0) if rng.random() < 0.4 else 1.0
    size = (max(8, round(width * share)), max(8, round(height * share)))
    small = levels if share == 1.0 else cv2.resize(levels, size, interpolation=cv2.INTER_AREA)
    coded = _compressed(np.asarray(small, np.uint8), int(rng.uniform(8, 55)))
    smooth = cv2.GaussianBlur(coded, (0, 0), rng.uniform(0.3, 0.9))
    if rng.random() < 0.4:  # cameras sharpen
        soft = cv2.GaussianBlur(smooth, (0, 0), 1.2)
        smooth = cv2.addWeighted(smooth, 1.8, soft, -0.8, 0)
    full = smooth if share == 1.0 else cv2.resize(smooth, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(full, np.uint8)
