"""Arms that somebody holds out are looked at again by the heavier landmark network, and what it says is remembered.

The lighter network bends straight arms and raises level ones. Its error hardly changes while the arm keeps still, so
that one further look corrects the images that follow.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from metrichmsr_ros.body.joints import JOINT_NAMES
from metrichmsr_ros.types import Float32Array

SIDES = ("left", "right")
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


@dataclass(frozen=True, eq=False)
class _Correction:
    stamp_s: float
    forearm: Float32Array  # (3,) by the lighter network
    turns: Float32Array  # (4, 3, 3) from its rotations to the better ones


@dataclass
class _Arm:
    anchor: Float32Array
    since_s: float
    correction: _Correction | None = None

    def see(self, forearm: Float32Array, stamp_s: float) -> None:
        """Count how long it has been still; a correction does not outlive a movement."""
        if float(self.anchor @ forearm) < np.cos(_STILL_RAD):
            self.anchor, self.since_s = forearm, stamp_s
        if self.correction is not None and float(self.correction.forearm @ forearm) < np.cos(_STILL_RAD):
            self.correction = None

    def waits_s(self, stamp_s: float) -> float:
        """For how long a further look has been due; negative: it is not."""
        due_s = self.since_s + _STILL_S
        if self.correction is not None:
            due_s = max(due_s, self.correction.stamp_s + _AGAIN_S)
        return stamp_s - due_s


@dataclass
class _Person:
    arms: dict[int, _Arm] = field(default_factory=dict)


class ArmMemory:
    """What the heavier network said of the arms of the people of a video."""

    def __init__(self) -> None:
        self._people: dict[str, _Person] = {}

    def asks(self, rotmats: Float32Array, ids: Sequence[str], is_seen: NDArray[np.bool_], stamp_s: float) -> int | None:
        """The row of the person who should be looked at again; None: nobody. One person an image, the longest due.

        Args:
            rotmats: (B, 24, 3, 3) by the lighter network.
            ids: of the people.
            is_seen: (B, 2), whether the image shows the left and the right forearm.
            stamp_s: of the image, s.
        """
        arms = directions(rotmats)
        waits: dict[int, float] = {}
        for row, id in enumerate(ids):
            known = self._people.setdefault(id, _Person()).arms
            for side in range(len(SIDES)):
                if not arms.is_out[row, side]:
                    known.pop(side, None)
                    continue
                arm = known.setdefault(side, _Arm(arms.forearm[row, side], stamp_s))
                arm.see(arms.forearm[row, side], stamp_s)
                if is_seen[row, side]:
                    waits[row] = max(waits.get(row, -np.inf), arm.waits_s(stamp_s))
        due = {row: wait for row, wait in waits.items() if wait >= 0}
        return max(due, key=lambda row: due[row], default=None)

    def learn(self, id: str, light: Float32Array, better: Float32Array, stamp_s: float) -> None:
        """Remember of a person what a further look changes.

        Args:
            id: of the person. light, better: (24, 3, 3), without and with the look. stamp_s: s.
        """
        forearm = directions(light[None]).forearm[0]
        for side, arm in self._people[id].arms.items():
            chain = _CHAIN[side]
            turns = better[chain] @ light[chain].swapaxes(-1, -2)
            arm.correction = _Correction(stamp_s, forearm[side], turns)

    def corrected(self, rotmats: Float32Array, ids: Sequence[str]) -> Float32Array:
        """Rotations (B, 24, 3, 3) with the arms as they were last seen by the heavier network."""
        found = [
            (row, side, arm.correction.turns)
            for row, id in enumerate(ids)
            for side, arm in self._people.get(id, _Person()).arms.items()
            if arm.correction is not None
        ]
        if not found:
            return rotmats
        result = rotmats.copy()
        for row, side, turns in found:
            result[row, _CHAIN[side]] = turns @ rotmats[row, _CHAIN[side]]
        return result

    def forget_all_but(self, ids: Collection[str]) -> None:
        """Drop people who are gone."""
        self._people = {id: person for id, person in self._people.items() if id in ids}


def directions(rotmats: Float32Array) -> ArmDirections:
    """Of both arms of rotations (B, 24, 3, 3) of SMPL's joints, of any proportions near a person's."""
    collar, shoulder, elbow = (rotmats[:, _CHAIN[:, part]] for part in range(3))
    upper = collar @ shoulder
    forearm = np.einsum("bsij,sj->bsi", upper @ elbow, _REST)
    whole = (1 - _FOREARM) * np.einsum("bsij,sj->bsi", upper, _REST) + _FOREARM * forearm
    reach = np.linalg.norm(whole, axis=-1)
    is_up = whole[..., 1] > np.sin(_LOWEST_RAD) * reach
    return ArmDirections(forearm.astype(np.float32), is_up & (reach > _LEAST_REACH))
