"""How the uncertainty of pose grows while somebody is hidden: people turn, and their limbs move on.

The last pose stands for a person who may have gone on walking: joints spread to where they are in another moment of a
walk, and the body's yaw diffuses until nothing is known of it.
"""

from __future__ import annotations

import math

import numpy as np

from metrichmsr_ros.hmr.temporal.facing_memory import FacingMemoryConfig
from metrichmsr_ros.pipeline.uncertainty.fitted import FITTED, Fitted
from metrichmsr_ros.pipeline.uncertainty.joints import KIND
from metrichmsr_ros.pipeline.uncertainty.pose import PoseUncertainty, symmetric
from metrichmsr_ros.types import Float32Array

LIMBS_S = 0.25
"""Seconds after which limbs have moved most of the way; of the recorded walk."""
UNKNOWN_YAW = math.pi**2 / 3
"""rad^2, variance of a yaw of which nothing is known."""


def grown(
    last: PoseUncertainty, relative: Float32Array, root: Float32Array, seconds: float, fitted: Fitted = FITTED
) -> PoseUncertainty:
    """The uncertainty of one person who has been hidden for `seconds`.

    Args:
        last: when the person was last seen. relative: (24, 3) m, joints from the middle of the hips.
        root: (3, 3) rotation of the root. seconds: since then, not negative.
        fitted: numbers of the model.
    """
    up = root[:, 1]
    known = float(up @ last.orientation_cov @ up)
    yaw = max(min(FacingMemoryConfig.turning**2 * seconds, UNKNOWN_YAW - known), 0.0)
    moved = np.square(np.array(fitted.moves, np.float32)[KIND]) * -math.expm1(-((seconds / LIMBS_S) ** 2))
    carried = np.cross(up, relative)  # where a turn about the vertical moves joints
    limbs = (root * moved[:, None]) @ root.T
    around = min(yaw, 1.0) * carried[:, :, None] * carried[:, None]
    return PoseUncertainty(
        joint_confidence=np.zeros_like(last.joint_confidence),
        joint_cov=symmetric((last.joint_cov + limbs + around).astype(np.float32)),
        orientation_cov=symmetric((last.orientation_cov + yaw * np.outer(up, up)).astype(np.float32)),
    )
