"""Landmarks of nobody."""

from __future__ import annotations

from typing import Any

import numpy as np

from metrichmsr_ros.people.blazepose.landmarks import LandmarkSet, Roi


def landmark_set(seed: int) -> LandmarkSet:
    """What BlazePose might find of somebody who is not there."""
    rng = np.random.default_rng(seed)
    roi = Roi(np.array([300.0, 200.0]), 220.0, 0.3)
    matrix = roi.matrix()
    crop = rng.uniform(0, 255, (39, 3))
    pixels = (crop[:, :2] - matrix[:2, 2]) @ np.linalg.inv(matrix[:2, :2]).T
    values: dict[str, Any] = {
        "roi": roi,
        "score": 0.9,
        "crop_landmarks": crop,
        "visibility": np.ones(39),
        "presence": np.ones(39),
    }
    return LandmarkSet(**values, world=rng.normal(0, 0.3, (39, 3)), crop_matrix=matrix, pixels=pixels)
