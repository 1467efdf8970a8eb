"""The uncertainty of the pose of people, from all that is known about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from metrichmsr_ros.pipeline.uncertainty.evidence import Evidence
from metrichmsr_ros.pipeline.uncertainty.joints import joint_confidences, joint_covariances
from metrichmsr_ros.pipeline.uncertainty.orientation import orientation_covariances
from metrichmsr_ros.types import Float32Array


@dataclass(frozen=True, eq=False)
class PoseUncertainty:
    """Of B people or, without the first dimension, of one; camera frame, float32.

    Attributes:
        joint_confidence: (B, 24) probability 0..1 that a joint is inside the image and nothing is before it.
        joint_cov: (B, 24, 3, 3) m^2, of joints relative to the middle of the hips.
        orientation_cov: (B, 3, 3) rad^2, of the root's orientation, about the fixed axes of the frame.
    """

    joint_confidence: Float32Array
    joint_cov: Float32Array
    orientation_cov: Float32Array

    @classmethod
    def stacked(cls, people: Sequence[PoseUncertainty]) -> PoseUncertainty:
        """That of several people, at least one, from that of each."""
        return cls(
            np.stack([one.joint_confidence for one in people]),
            np.stack([one.joint_cov for one in people]),
            np.stack([one.orientation_cov for one in people]),
        )


def uncertainty_from(evidence: Evidence) -> PoseUncertainty:
    """Of the people whom the evidence is about, at least one."""
    joints = symmetric(joint_covariances(evidence))
    turns = symmetric(orientation_covariances(evidence))
    return PoseUncertainty(joint_confidences(evidence, joints), joints, turns)


def symmetric(covariances: Float32Array) -> Float32Array:
    """Equal to its transpose in every bit, so that half of the numbers tell the rest."""
    return ((covariances + covariances.swapaxes(-1, -2)) / 2).astype(np.float32)
