"""Rendered sequences of random people, not used for tuning: bodies, clothes, paths and camera height from a seed."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from metrichmsr_ros.data.synthesis.walkers import Walker, random_walker
from metrichmsr_ros.data.synthesis.walking_sequence import WalkingSequence
from metrichmsr_ros.types import Float64Array

PEOPLE = 3
NEAR_M, FAR_M = 2.5, 8.0


def random_walkers(
    num_frames: int,
    fps: float,
    seed: int,
    camera_path: Callable[..., Float64Array] | None = None,
) -> WalkingSequence:
    """Three people, 2.5 to 8 m from a camera 0.5 to 1.5 m above the floor; they enter one after the other.

    Args:
        num_frames: of the sequence. fps: of the sequence. seed: of the people and of the camera's height.
        camera_path: pose (4, 4) of the camera at a share of the sequence and with its height; None: it drifts slowly.
    """
    rng = np.random.default_rng(1000 + seed)
    walkers = [_before_camera(rng, number, num_frames / fps) for number in range(PEOPLE)]
    height = float(rng.uniform(0.5, 1.5))
    path = partial(camera_path, height=height) if camera_path else None
    return WalkingSequence(num_frames, fps, walkers=walkers, camera_height=height, camera_path=path)


def _before_camera(rng: np.random.Generator, number: int, seconds: float) -> Walker:
    distance = rng.uniform(NEAR_M, FAR_M)
    start = distance, rng.uniform(-0.4, 0.4) * distance
    return random_walker(rng, f"walker{number + 1}", start, number * seconds / 6)
