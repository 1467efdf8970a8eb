"""Cameras around a floor that see people as a camera does: exact in direction, wrong in distance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from metrichmsr_ros.fusion.sighting import CameraSighting
from metrichmsr_ros.types import Float64Array

CAMERAS: Mapping[str, Float64Array] = {
    "south": np.array([0.0, -5.0, 1.0]),
    "east": np.array([5.0, 0.0, 1.0]),
    "north": np.array([0.0, 5.0, 1.0]),
    "west": np.array([-5.0, 0.0, 1.0]),
}
ALONG_STD, ACROSS_STD = 0.06, 0.01  # of the distance


def seen_by(
    camera: str,
    person: str,
    place: Sequence[float],
    stamp_s: float = 0.0,
    scale: float = 1.0,
    offset: Sequence[float] = (0.0, 0.0, 0.0),
    height: float = 1.7,
    quality: float = 1.0,
    is_hidden: bool = False,
) -> CameraSighting:
    """A person at `place` whom the camera sees `scale` times as far away, with extrinsics wrong by `offset`."""
    origin = CAMERAS[camera]
    ray = (np.array([*place]) - origin) * scale
    far = float(np.linalg.norm(ray))
    along = np.outer(ray, ray) / far**2
    covariance = far**2 * (ALONG_STD**2 * along + ACROSS_STD**2 * (np.eye(3) - along))
    wrong = np.asarray(offset, np.float64)
    return CameraSighting(
        camera,
        f"{camera}_{person}",
        stamp_s,
        origin + ray + wrong,
        covariance,
        origin + wrong,
        height,
        np.zeros(10),
        quality,
        is_hidden=is_hidden,
    )
