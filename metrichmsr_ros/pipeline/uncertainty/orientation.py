"""Covariance of the orientation of bodies: yaw, roll and lean are known unequally well.

The error is a rotation about fixed axes of the camera frame. It is stated about the body's vertical (yaw), about the
horizontal axis towards the camera (roll, which the outline shows), and about the one across (lean, which it hides).
"""

from __future__ import annotations

import numpy as np

from metrichmsr_ros.body.joints import JOINT_NAMES
from metrichmsr_ros.hmr.estimate import unit
from metrichmsr_ros.pipeline.uncertainty.evidence import Evidence
from metrichmsr_ros.pipeline.uncertainty.fitted import FITTED, Fitted
from metrichmsr_ros.types import Float32Array

_TORSO = [JOINT_NAMES.index(name) for name in ("left_shoulder", "right_shoulder", "left_hip", "right_hip")]
_END_ON = 0.05  # weight of the front where the body's vertical points at the camera and nothing is across


def body_axes(evidence: Evidence) -> Float32Array:
    """(B, 3, 3) columns: the body's vertical, the horizontal axis away from the camera, and the one across."""
    up, front = evidence.root[..., 1], evidence.root[..., 2]
    away = evidence.sight - (evidence.sight * up).sum(-1, keepdims=True) * up
    away = unit(away + _END_ON * (np.linalg.norm(away, axis=-1, keepdims=True) < _END_ON) * front)
    across = up[:, [1, 2, 0]] * away[:, [2, 0, 1]] - up[:, [2, 0, 1]] * away[:, [1, 2, 0]]
    return np.stack([up, away, across], axis=-1)


def orientation_influences(evidence: Evidence) -> Float32Array:
    """(B, 5), what makes the deviations grow: `ORIENTATION_INFLUENCES`; none is negative."""
    hidden = 1 - evidence.visibility[:, _TORSO].mean(axis=1)
    return np.stack([hidden, evidence.cut, evidence.small, evidence.bent, evidence.tilt], axis=-1)


def orientation_covariances(evidence: Evidence, fitted: Fitted = FITTED) -> Float32Array:
    """(B, 3, 3) rad^2, about the fixed axes of the camera frame.

    Where front and back are in doubt, the turn to the other reading is added, weighted by its probability.
    """
    axes = body_axes(evidence)
    growth = orientation_influences(evidence) @ np.array(fitted.orientation_growth, np.float32)
    variances = np.exp(2 * (np.array(fitted.orientation_base, np.float32) + growth))
    variances = variances + np.square(evidence.turned)[:, None] * np.array(fitted.turned, np.float32)
    turn = evidence.other_turn
    doubt = (fitted.doubt * evidence.more_doubt)[:, None, None]
    covariances = (axes * variances[:, None]) @ axes.swapaxes(1, 2) + doubt * turn[:, :, None] * turn[:, None]
    return covariances.astype(np.float32)
