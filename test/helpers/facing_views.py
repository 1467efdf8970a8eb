"""Views of people who face given ways."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from metrichmsr_ros.hmr.estimate import HMREstimate
from metrichmsr_ros.hmr.test_time_augmentation import Views


def views_of(people: Sequence[Sequence[float]], weights: Sequence[float] | None = None) -> Views:
    """Views of people 3 m ahead: a list of angles in degrees for each, 0 towards the camera, first views first."""
    order = [(0, row) for row in range(len(people))]
    order += [(k, row) for row, angles in enumerate(people) for k in range(1, len(angles))]
    angle = np.deg2rad(np.array([people[row][k] for k, row in order], np.float32))
    front = np.stack([np.sin(angle), np.zeros_like(angle), -np.cos(angle)], axis=-1)
    up = np.tile(np.array([0, -1, 0], np.float32), (len(order), 1))
    root = np.stack([np.cross(up, front), up, front], axis=-1)
    count = len(order)
    transl = np.tile(np.array([0, 0, 3], np.float32), (count, 1))
    rotmats = np.concatenate([root[:, None], np.tile(np.eye(3, dtype=np.float32), (count, 23, 1, 1))], axis=1)
    output = HMREstimate(rotmats, np.zeros((count, 10), np.float32), transl, np.ones((count, 2), np.float32))
    weight = np.ones(count, np.float32) if weights is None else np.array(weights, np.float32)
    return Views(output, np.array([row for _, row in order]), weight, len(people), np.zeros(count, np.float32))
