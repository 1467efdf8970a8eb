"""The appearance of a person: the colours of the clothes. They distinguish people whose paths cross."""

from __future__ import annotations

import cv2
import numpy as np

from metrichmsr_ros.people.blazepose.landmarks import LandmarkSet
from metrichmsr_ros.types import FloatingArray

_DOWN = (0.2, 0.35, 0.5, 0.65, 0.8)
_LIGHTNESS_WEIGHT = 0.6
"""Shadows change lightness more than colour."""


def appearance_of(image: np.ndarray, landmarks: LandmarkSet) -> FloatingArray:
    """(2, 3) float32 median CIELAB (lightness weighted down) of torso and thighs; NaN outside the image."""
    p = landmarks.pixels
    torso = [p[11] + (p[23] - p[11]) * down for down in _DOWN] + [p[12] + (p[24] - p[12]) * down for down in _DOWN]
    torso += [(left + right) / 2 for left, right in zip(torso[: len(_DOWN)], torso[len(_DOWN) :], strict=True)]
    thighs = [p[hip] + (p[knee] - p[hip]) * down for hip, knee in ((23, 25), (24, 26)) for down in _DOWN]
    return np.stack([_median_lab(image, np.array(torso)), _median_lab(image, np.array(thighs))])


def colour_distance(first: FloatingArray, second: FloatingArray) -> float:
    """Mean CIELAB distance between two appearances (2, 3) over the parts that both have; 0 when there are none."""
    apart = np.linalg.norm(first - second, axis=1)
    seen = np.isfinite(apart)
    return float(apart[seen].mean()) if seen.any() else 0.0


def _median_lab(image: np.ndarray, points: FloatingArray) -> FloatingArray:
    whole = np.round(points).astype(int)
    inside = ((whole >= 0) & (whole < (image.shape[1], image.shape[0]))).all(1)
    if inside.sum() < 3:
        return np.full(3, np.nan, np.float32)
    x, y = whole[inside].T
    lab = cv2.cvtColor((image[y, x][None] / np.float32(255)).astype(np.float32), cv2.COLOR_RGB2LAB)[0]
    return np.median(lab, axis=0) * np.array([_LIGHTNESS_WEIGHT, 1.0, 1.0], np.float32)
