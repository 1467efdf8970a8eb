"""People of a video who are hidden in an image: predicted from when they were last seen, never measured."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from metrichmsr_ros.hmr.network.model import HMROutput
from metrichmsr_ros.types import Float64Array

CONFIDENCE_HALF_LIFE_S = 0.5  # a hidden person's confidence halves in this time


@dataclass(frozen=True)
class _LastSeen:
    stamp_s: float
    rotmats: torch.Tensor  # (24, 3, 3)
    betas: torch.Tensor  # (10,)


class HiddenPeople:
    """Pose and shape of people when they were last seen, by id."""

    def __init__(self) -> None:
        self._last: dict[str, _LastSeen] = {}

    def __contains__(self, person_id: str) -> bool:
        """Whether this person has been seen."""
        return person_id in self._last

    def see(self, ids: Sequence[str], estimate: HMROutput, stamp_s: float) -> None:
        """Remember the B people of `estimate`, who are seen at `stamp_s`."""
        for row, person_id in enumerate(ids):
            self._last[person_id] = _LastSeen(stamp_s, estimate.rotmats[row], estimate.betas[row])

    def confidence(self, person_id: str, stamp_s: float) -> float:
        """Factor 1 to 0 on the confidence of a person who has been hidden since last seen."""
        return float(0.5 ** ((stamp_s - self._last[person_id].stamp_s) / CONFIDENCE_HALF_LIFE_S))

    def estimate(
        self, ids: Sequence[str], positions: Sequence[Float64Array], covariances: Sequence[Float64Array]
    ) -> HMROutput:
        """Hidden people in their last pose and shape, at predicted positions.

        Args:
            ids: H people who have been seen. positions: (3,) m each, predicted translations in the camera frame.
            covariances: (3, 3) m^2 each.
        """
        last = [self._last[person_id] for person_id in ids]
        rotmats = torch.stack([one.rotmats for one in last])
        transl = rotmats.new_tensor(np.stack(positions))
        transl_cov = rotmats.new_tensor(np.stack(covariances))
        deviation = transl_cov.diagonal(dim1=1, dim2=2).mean(-1).sqrt()[:, None].expand(-1, 2)
        return HMROutput(
            rotmats=rotmats,
            betas=torch.stack([one.betas for one in last]),
            transl=transl,
            transl_cov=transl_cov,
            transl_deviation=deviation,
            expert_share=rotmats.new_zeros(len(last), 0, 0),
            load_balance=rotmats.new_zeros(()),
        )

    def forget_all_but(self, ids: Collection[str]) -> None:
        """Drop people who are gone."""
        self._last = {person_id: last for person_id, last in self._last.items() if person_id in ids}
