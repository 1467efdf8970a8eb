"""Effects of lens, sensor and codec on a rendered image: blur, vignetting, white balance, exposure, noise, JPEG."""

from __future__ import annotations

import cv2
import numpy as np

from metrichmsr_ros.io.images import decode_image


def photograph(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Convert a rendered image (H, W, 3) float32 in 0..1 to a photograph of an ordinary camera, HWC uint8."""
    picture = _blurred(image.astype(np.float32), rng)
    height, width = picture.shape[:2]
    if rng.random() < 0.3:
        y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
        picture = picture * (1 - rng.uniform(0.05, 0.4) * (x * x + y * y) / 2)[..., None].astype(np.float32)
    picture = picture * (_exposure(picture, rng) * rng.uniform(0.92, 1.08, 3)).astype(np.float32)
    picture = np.clip(picture, 0, 1) ** np.float32(rng.uniform(0.8, 1.25))
    if rng.random() < 0.25:
        grey = picture.mean(2, keepdims=True)
        picture = grey + (picture - grey) * np.float32(rng.choice([0.0, 0.5, 1.4], p=[0.3, 0.4, 0.3]))
    sigma = np.float32(abs(rng.normal(0, 0.013)))
    noise = rng.standard_normal((height, width, 1 if rng.random() < 0.4 else 3), dtype=np.float32)
    picture = picture + sigma * (0.5 + picture) * noise
    result = (np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8)
    if rng.random() < 0.6:
        quality = int(rng.integers(35, 96))
        code = cv2.imencode(".jpg", result[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        result = decode_image(code, upright=False)
    return result


def _blurred(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    kind = rng.random()
    if kind < 0.4:
        return cv2.GaussianBlur(image, (0, 0), rng.uniform(0.3, 1.3))
    if kind < 0.52:  # motion
        length = int(rng.integers(3, 10))
        kernel = np.zeros((length, length), np.float32)
        angle = rng.uniform(0, np.pi)
        tip = (length / 2 * np.array([np.cos(angle), np.sin(angle)])).round().astype(int)
        middle = np.array([length // 2, length // 2])
        cv2.line(kernel, tuple(map(int, middle - tip)), tuple(map(int, middle + tip)), 1.0)
        return cv2.filter2D(image, -1, kernel / max(float(kernel.sum()), 1.0))
    return image


def _exposure(picture: np.ndarray, rng: np.random.Generator) -> float:
    """Gain of an inexact automatic exposure; a few images are too dark or too bright."""
    mean = float(picture[::4, ::4].mean())
    automatic = float(np.clip((0.45 / max(mean, 0.05)) ** 0.6, 0.7, 2.2))
    return automatic * float(np.exp(rng.normal(0, 0.15)))
