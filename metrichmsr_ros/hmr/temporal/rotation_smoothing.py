"""Causal smoothing of the rotations of a person's joints over a video.

Joints are taken for random walks that are measured with noise, for which the best filter is a Kalman filter of constant
gain: each image moves the last rotation by that share towards the estimate. The gain depends on the time between
images and on the ratio of the variance of the joint's motion in a second to that of the noise. Most of the error of an
estimate is the same in the next image, so that little smoothing is the best: a smaller gain lags more than it steadies.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

import roma
import torch

from metrichmsr_ros.body.joints import JOINT_NAMES

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
        self._last: dict[str, tuple[float, torch.Tensor]] = {}

    @torch.inference_mode()
    def __call__(self, rotmats: torch.Tensor, ids: Sequence[str], stamp_s: float) -> torch.Tensor:
        """(B, 24, 3, 3) smoothed rotations of the people `ids`.

        Args:
            rotmats: (B, 24, 3, 3) of the image with stamp `stamp_s`, s.
        """
        known = [self._last.get(name, (-math.inf, rotmats[row])) for row, name in enumerate(ids)]
        last = torch.stack([rotation for _, rotation in known])
        elapsed = rotmats.new_tensor([stamp_s - stamp for stamp, _ in known])
        turn = (last[:, 0, :, 2] * rotmats[:, 0, :, 2]).sum(-1)
        share = torch.where((turn > _SAME_TURN)[:, None], gains(elapsed), 1.0)[..., None, None]
        smooth = roma.special_procrustes(share * rotmats + (1.0 - share) * last)
        self._last |= {name: (stamp_s, smooth[row]) for row, name in enumerate(ids)}
        return smooth

    def forget_all_but(self, ids: Collection[str]) -> None:
        """Drop the rotations of all people but `ids`."""
        self._last = {name: last for name, last in self._last.items() if name in ids}


def gains(elapsed_s: torch.Tensor) -> torch.Tensor:
    """(B, 24) share 0..1 of the way to a new estimate after `elapsed_s` (B,), of each joint.

    It is the steady gain of the Kalman filter of a random walk; 1 after a gap, and for stamps that do not go forward.
    """
    continues = (elapsed_s > 0.0) & (elapsed_s <= MAX_GAP_S)
    ratio = torch.where(continues, elapsed_s, MAX_GAP_S)[:, None] * elapsed_s.new_tensor(MOTION_OVER_NOISE)
    steady = 0.5 * ((ratio * ratio + 4.0 * ratio).sqrt() - ratio)
    return torch.where(continues[:, None], steady, 1.0)
