"""Rendered sequences of random people, not used for tuning: bodies, clothes, paths and camera height from a seed."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from metrichmsr_ros.data.rendering.clothing import PlainOutfit, Rgb
from metrichmsr_ros.data.synthesis.walkers import Walker
from metrichmsr_ros.data.synthesis.walking_sequence import WalkingSequence
from metrichmsr_ros.types import Float64Array

PEOPLE = 3
NEAR_M, FAR_M = 2.5, 8.0
SKINS: tuple[Rgb, ...] = ((234, 192, 164), (205, 160, 126), (150, 104, 76), (92, 62, 46))


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


def random_walker(rng: np.random.Generator, id: str, start: tuple[float, float], enters_s: float) -> Walker:
    """A random person who walks straight on or on a circle from `start` (m), from a moment (s) on."""
    is_round = rng.random() < 0.5
    return Walker(
        id=id,
        betas=tuple(rng.normal(0.0, 1.0, 10).tolist()),
        outfit=_outfit(rng),
        start=start,
        heading=float(rng.uniform(-np.pi, np.pi)),
        enters_s=enters_s,
        radius=float(rng.uniform(0.6, 1.2)) if is_round else 0.0,
        pace=float(rng.uniform(0.7, 1.2)),
    )


def _outfit(rng: np.random.Generator) -> PlainOutfit:
    def colour() -> Rgb:
        red, green, blue = rng.integers(20, 236, 3).tolist()
        return red, green, blue

    skin = SKINS[int(rng.integers(len(SKINS)))]
    return PlainOutfit(colour(), colour(), skin, colour(), colour())
