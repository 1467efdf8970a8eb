"""Causal smoothing of the rotations of a person's joints over a video.

Joints are taken for random walks that are measured with noise, for which the best filter is a Kalman filter of constant
gain: each image moves the last rotation by that share towards the estimate. The gain depends on the time between
images and on the ratio of the variance of the joint's motion in a second to that of the noise. Most of the error of an
estimate is the same in the next image, so that little smoothing is the best: a smaller gain lags more than it steadies.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

import numpy as np

from metrichmsr_ros.body.joints import JOINT_NAMES
from metrichmsr_ros.geometry.rotations import nearest_rotations
from metrichmsr_ros.types import FloatingArray

_LEGS, _ARMS, _PELVIS, _TRUNK = 300.0, 100.0, 60.0, 30.0
_OF_PART = {
    "pelvis": _PELVIS,
    **dict.fromkeys(("hip", "knee", "ankle", "foot"), _LEGS),
    **dict.fromkeys(("shoulder", "elbow", "wrist", "hand"), _ARMS),
}
MOTION_OVER_NOISE: tuple[float, ...] = tuple(_OF_PART.get(name.split("_")[-1], _TRUNK) for name in JOINT_NAMES)
"""1/s, by joint: legs move much for their noise, the trunk little. On rendered walkers these ratios lower the errors of
joints and of their acceleration (`python -m benchmarks.facing` prints both, and the delay)."""
MAX_GAP_S = 0.5
"""After a longer time without an image the estimate is taken as it is."""
_SAME_TURN = 0.0  # cosine of 90 degrees: a root that turns by more between two images starts anew


class RotationSmoother:
    """Last rotations by the person's id."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[float, FloatingArray]] = {}

    def __call__(self, rotmats: FloatingArray, ids: Sequence[str], stamp_s: float) -> FloatingArray:
        """(B, 24, 3, 3) smoothed rotations of the people `ids`.

        Args:
            rotmats: (B, 24, 3, 3) of the image with stamp `stamp_s`, s.
        """
        known = [self._last.get(name, (-math.inf, rotmats[row])) for row, name in enumerate(ids)]
        last = np.stack([rotation for _, rotation in known])
        elapsed = np.array([stamp_s - stamp for stamp, _ in known], rotmats.dtype)
        turn = (last[:, 0, :, 2] * rotmats[:, 0, :, 2]).sum(-1)
        share = np.where((turn > _SAME_TURN)[:, None], gains(elapsed), rotmats.dtype.type(1))[..., None, None]
        smooth = nearest_rotations(share * rotmats + (1 - share) * last)
        self._last |= {name: (stamp_s, smooth[row]) for row, name in enumerate(ids)}
        return smooth

    def forget_all_but(self, ids: Collection[str]) -> None:
        """Drop the rotations of all people but `ids`."""
        self._last = {name: last for name, last in self._last.items() if name in ids}


def gains(elapsed_s: FloatingArray) -> FloatingArray:
    """(B, 24) share 0..1 of the way to a new estimate after `elapsed_s` (B,), of each joint.

    It is the steady gain of the Kalman filter of a random walk; 1 after a gap, and for stamps that do not go forward.
    """
    dtype = elapsed_s.dtype
    continues = (elapsed_s > 0.0) & (elapsed_s <= MAX_GAP_S)
    ratio = np.where(continues, elapsed_s, dtype.type(MAX_GAP_S))[:, None] * np.array(MOTION_OVER_NOISE, dtype)
    steady = 0.5 * (np.sqrt(ratio * ratio + 4 * ratio) - ratio)
    return np.where(continues[:, None], steady, dtype.type(1))
