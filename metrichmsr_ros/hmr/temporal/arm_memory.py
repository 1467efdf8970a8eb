"""Arms that somebody holds out are looked at again by the heavier landmark network, and what it says is remembered.

The lighter network bends straight arms and raises level ones. Its error hardly changes while the arm keeps still, so
that one further look corrects the images that follow.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from metrichmsr_ros.body.joints import JOINT_NAMES
from metrichmsr_ros.people.gestures.arms import SIDES, Vector
from metrichmsr_ros.people.gestures.timing import Stillness
from metrichmsr_ros.types import Float32Array

_CHAIN = np.array([[JOINT_NAMES.index(f"{s}_{n}") for n in ("collar", "shoulder", "elbow", "wrist")] for s in SIDES])
_REST = np.array([[1.0, 0.0, 0.0], [-1.0, 0.0, 0.0]], np.float32)  # of the bones of both arms, axes of the chest
_FOREARM = 0.47  # share of the arm's length
_STILL_S, _STILL_RAD = 0.2, 0.4
_AGAIN_S = 1.5  # after which an arm that is still held out is looked at again
_LOWEST_RAD, _LEAST_REACH = -0.75, 0.65  # elevation and length of arms that are held out


@dataclass(frozen=True, eq=False)
class ArmDirections:
    """The arms of B people in the axes of the chest (x left, y up, z ahead).

    Attributes:
        forearm: (B, 2, 3) unit vectors.
        is_out: (B, 2) bool, whether the arm is held away from the body.
    """

    forearm: Float32Array
    is_out: NDArray[np.bool_]


def _still() -> Stillness:
    return Stillness(_STILL_RAD)


@dataclass(eq=False)
class _Correction:
    stamp_s: float
    turns: Float32Array  # (4, 3, 3) from the lighter network's rotations to the better ones
    still: Stillness = field(default_factory=_still)  # since then


@dataclass(eq=False)
class _Arm:
    still: Stillness = field(default_factory=_still)
    since_s: float = 0.0
    correction: _Correction | None = None

    def see(self, forearm: Vector, stamp_s: float) -> None:
        """Count how long it has been still; a correction does not outlive a movement."""
        if not self.still.update(forearm):
            self.since_s = stamp_s
        if self.correction is not None and not self.correction.still.update(forearm):
            self.correction = None

    def waits_s(self, stamp_s: float) -> float:
        """For how long a further look has been due; negative: it is not."""
        due_s = self.since_s + _STILL_S
        if self.correction is not None:
            due_s = max(due_s, self.correction.stamp_s + _AGAIN_S)
        return stamp_s - due_s


class ArmMemory:
    """What the heavier network said of the arms of the people of a video."""

    def __init__(self) -> None:
        self._arms: dict[str, dict[int, _Arm]] = {}  # that are held out, by person and side

    def asks(
        self, rotmats: Float32Array, ids: Sequence[str], is_seen: Callable[[int, int], bool], stamp_s: float
    ) -> int | None:
        """The row of the person who should be looked at again; None: nobody. One person an image, the longest due.

        Args:
            rotmats: (B, 24, 3, 3) by the lighter network.
            ids: of the people.
            is_seen: whether the image shows the forearm of a row and a side, 0 left, 1 right; asked of few.
            stamp_s: of the image, s.
        """
        arms = directions(rotmats)
        due: dict[int, float] = {}
        for row, id in enumerate(ids):
            known = self._arms.setdefault(id, {})
            for side in range(len(SIDES)):
                if not arms.is_out[row, side]:
                    known.pop(side, None)
                    continue
                arm = known.setdefault(side, _Arm())
                arm.see(_vector(arms.forearm[row, side]), stamp_s)
                wait_s = arm.waits_s(stamp_s)
                if wait_s >= 0 and is_seen(row, side):
                    due[row] = max(due.get(row, 0.0), wait_s)
        return max(due, key=lambda row: due[row], default=None)

    def learn(self, id: str, light: Float32Array, better: Float32Array, stamp_s: float) -> None:
        """Remember of a person what a further look changes.

        Args:
            id: of the person. light, better: (24, 3, 3), without and with the look. stamp_s: s.
        """
        forearm = directions(light[None]).forearm[0]
        for side, arm in self._arms[id].items():
            chain = _CHAIN[side]
            arm.correction = _Correction(stamp_s, better[chain] @ light[chain].swapaxes(-1, -2))
            arm.correction.still.update(_vector(forearm[side]))

    def corrected(self, rotmats: Float32Array, ids: Mapping[int, str]) -> Float32Array:
        """Rotations (B, 24, 3, 3) with the arms as they were last seen by the heavier network.

        Args:
            rotmats: by the lighter network. ids: by row, of the people to correct.
        """
        found = [
            (row, _CHAIN[side], arm.correction.turns)
            for row, id in ids.items()
            for side, arm in self._arms.get(id, {}).items()
            if arm.correction is not None
        ]
        result = rotmats.copy() if found else rotmats
        for row, chain, turns in found:
            result[row, chain] = turns @ rotmats[row, chain]
        return result

    def forget_all_but(self, ids: Collection[str]) -> None:
        """Drop people who are gone."""
        self._arms = {id: arms for id, arms in self._arms.items() if id in ids}


def _vector(direction: Float32Array) -> Vector:
    x, y, z = direction.tolist()
    return x, y, z


def directions(rotmats: Float32Array) -> ArmDirections:
    """Of both arms of rotations (B, 24, 3, 3) of SMPL's joints, of any proportions near a person's."""
    collar, shoulder, elbow = (rotmats[:, _CHAIN[:, part]] for part in range(3))
    upper = collar @ shoulder
    forearm = np.einsum("bsij,sj->bsi", upper @ elbow, _REST)
    whole = (1 - _FOREARM) * np.einsum("bsij,sj->bsi", upper, _REST) + _FOREARM * forearm
    reach = np.linalg.norm(whole, axis=-1)
    is_up = whole[..., 1] > np.sin(_LOWEST_RAD) * reach
    return ArmDirections(forearm.astype(np.float32), is_up & (reach > _LEAST_REACH))
