"""People of a video who are hidden in an image: predicted from when they were last seen, never measured."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from metrichmsr_ros.hmr.estimate import HMREstimate
from metrichmsr_ros.pipeline.scene import PersonEstimate
from metrichmsr_ros.pipeline.uncertainty.hidden import grown
from metrichmsr_ros.pipeline.uncertainty.pose import PoseUncertainty
from metrichmsr_ros.types import Float32Array, Float64Array

_HIPS = [1, 2]
CONFIDENCE_HALF_LIFE_S = 0.5  # a hidden person's confidence halves in this time


@dataclass(frozen=True)
class _LastSeen:
    stamp_s: float
    rotmats: Float32Array  # (24, 3, 3)
    betas: Float32Array  # (10,)
    relative: Float32Array  # (24, 3) m, joints from the middle of the hips
    uncertainty: PoseUncertainty


class HiddenPeople:
    """Pose and shape of people when they were last seen, by id."""

    def __init__(self) -> None:
        self._last: dict[str, _LastSeen] = {}

    def __contains__(self, person_id: str) -> bool:
        """Whether this person has been seen."""
        return person_id in self._last

    def see(self, ids: Sequence[str], estimate: HMREstimate, people: Sequence[PersonEstimate], stamp_s: float) -> None:
        """Remember `people`, who are seen at `stamp_s`, and are among those of `estimate` by `ids`."""
        rows = {person_id: row for row, person_id in enumerate(ids)}
        for person in people:
            row, joints = rows[person.id], person.joints_cam
            known = PoseUncertainty(person.joint_confidence, person.joint_cov, person.orientation_cov)
            relative = joints - joints[_HIPS].mean(axis=0)
            self._last[person.id] = _LastSeen(stamp_s, estimate.rotmats[row], estimate.betas[row], relative, known)

    def uncertainty(self, ids: Sequence[str], stamp_s: float) -> PoseUncertainty:
        """That of H people who have been hidden since they were last seen."""
        parts = [
            grown(last.uncertainty, last.relative, last.rotmats[0], max(stamp_s - last.stamp_s, 0.0))
            for last in (self._last[person_id] for person_id in ids)
        ]
        return PoseUncertainty.stacked(parts)

    def confidence(self, person_id: str, stamp_s: float) -> float:
        """Factor 1 to 0 on the confidence of a person who has been hidden since last seen."""
        return float(0.5 ** ((stamp_s - self._last[person_id].stamp_s) / CONFIDENCE_HALF_LIFE_S))

    def estimate(
        self, ids: Sequence[str], positions: Sequence[Float64Array], covariances: Sequence[Float64Array]
    ) -> HMREstimate:
        """Hidden people in their last pose and shape, at predicted positions.

        Args:
            ids: H people who have been seen. positions: (3,) m each, predicted translations in the camera frame.
            covariances: (3, 3) m^2 each; the estimate has their mean variance in all directions.
        """
        last = [self._last[person_id] for person_id in ids]
        variances = np.stack([matrix.diagonal() for matrix in covariances]).mean(-1, keepdims=True)
        return HMREstimate(
            rotmats=np.stack([one.rotmats for one in last]),
            betas=np.stack([one.betas for one in last]),
            transl=np.stack(positions).astype(np.float32),
            transl_deviation=np.repeat(np.sqrt(variances), 2, axis=1).astype(np.float32),
        )

    def forget_all_but(self, ids: Collection[str]) -> None:
        """Drop people who are gone."""
        self._last = {person_id: last for person_id, last in self._last.items() if person_id in ids}
