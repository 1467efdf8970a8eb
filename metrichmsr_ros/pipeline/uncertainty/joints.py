"""Covariances of joints against the middle of the hips, and the probability that a joint is seen.

The error of a joint has four parts, each with a variance of its own:

- along and across the line of sight, by the kind of joint; it grows where landmarks are hidden, with the distance
  outside the image, with the share of the body that is cut, with fewer pixels, and with poses far from upright;
- disagreement between views, as far as the rotations in which they differ move the joint;
- size: somebody who is larger than estimated has every joint farther from the hips, in the joint's direction;
- the other reading of the same outlines, front for back, weighted by its probability where that is more than usual.

`scripts/fit_joint_covariance.py` fits the numbers in `fitted.py`.
"""

from __future__ import annotations

import numpy as np

from metrichmsr_ros.body.joints import JOINT_NAMES
from metrichmsr_ros.pipeline.uncertainty.evidence import Evidence
from metrichmsr_ros.pipeline.uncertainty.fitted import FITTED, JOINT_KINDS, Fitted
from metrichmsr_ros.types import Float32Array

KIND = np.array([JOINT_KINDS.index(name.split("_")[-1]) for name in JOINT_NAMES])
"""(24,) row of each joint's kind in `JOINT_KINDS`."""
_FARTHEST_OUT_M = 1.0
_LOGISTIC = 1.702  # the logistic function of this many standard deviations is nearly the normal distribution's


def joint_influences(evidence: Evidence) -> Float32Array:
    """(B, 24, 6), what makes the deviation of a joint grow: `JOINT_INFLUENCES`; none is negative."""
    hidden = 1 - evidence.visibility
    outside = np.clip(-evidence.margin / evidence.px_per_m, 0, _FARTHEST_OUT_M)
    body = np.stack([evidence.cut, evidence.small, evidence.bent, evidence.tilt], axis=-1)
    shared = np.broadcast_to(body[:, None], (*hidden.shape, body.shape[-1]))
    influences: Float32Array = np.concatenate([hidden[..., None], outside[..., None], shared], axis=-1)
    return influences


def joint_covariances(evidence: Evidence, fitted: Fitted = FITTED) -> Float32Array:
    """(B, 24, 3, 3) m^2, camera frame, of `Evidence.relative`."""
    logarithms = np.array(fitted.joint_base, np.float32)[KIND] + joint_influences(evidence) @ np.array(
        fitted.joint_growth, np.float32
    )
    swing = np.square(evidence.swing)[..., None] * np.array(fitted.swing, np.float32)
    along, across = np.moveaxis(np.exp(2 * logarithms) + swing, -1, 0)[..., None, None]
    sight = (evidence.sight[:, :, None] * evidence.sight[:, None])[:, None]
    size = np.square(fitted.size * evidence.size)[:, None, None, None]
    other = (fitted.doubt * evidence.more_doubt)[:, None, None, None]
    gap = evidence.other - evidence.relative
    covariances: Float32Array = (
        (along - across) * sight
        + across * np.eye(3, dtype=np.float32)
        + size * evidence.relative[..., :, None] * evidence.relative[..., None, :]
        + other * gap[..., :, None] * gap[..., None, :]
    ).astype(np.float32)
    return covariances


def joint_confidences(evidence: Evidence, covariances: Float32Array, fitted: Fitted = FITTED) -> Float32Array:
    """(B, 24) probability 0..1 that a joint lies inside the image and nothing is before it.

    Args:
        evidence: about B people. covariances: (B, 24, 3, 3) m^2 of its joints.
    """
    along = np.einsum("bi,bjik,bk->bj", evidence.sight, covariances, evidence.sight)
    across = np.maximum(np.trace(covariances, axis1=-2, axis2=-1) - along, 1e-8) / 2
    inside = _probability(_LOGISTIC * evidence.margin / (np.sqrt(across) * evidence.px_per_m + 1))
    visibility = np.clip(evidence.visibility, 1e-3, 1 - 1e-3)
    odds = np.log(visibility / (1 - visibility))
    kinds = np.array(fitted.seen_base, np.float32)[KIND]
    return (inside * _probability(kinds + fitted.seen_by_landmarks * odds)).astype(np.float32)


def _probability(log_odds: Float32Array) -> Float32Array:
    return (1 / (1 + np.exp(-np.clip(log_odds, -30, 30)))).astype(np.float32)
