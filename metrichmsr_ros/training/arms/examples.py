"""Arms of rendered people: features of their landmarks, and what the true arms do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from metrichmsr_ros.body.joints import JOINT_NAMES
from metrichmsr_ros.data.synthesis.crops.shard_files import CropArrays, crop_shards, read_crops
from metrichmsr_ros.people.gestures.arm_features import NUM_FEATURES, arm_features
from metrichmsr_ros.people.gestures.arms import SIDES, arms_of
from metrichmsr_ros.people.gestures.poses import is_pointing, is_raised
from metrichmsr_ros.types import Float32Array, FloatingArray

_ANSWER = ("landmarks", "world", "visibility")
_NAMES = (*_ANSWER, *(f"heavy_{name}" for name in (*_ANSWER, "score")), "joints", "joints_seen")
_LEAST_SCORE = 0.3  # of an answer of the heavier network that shows the person
_FOREARMS = np.array([[JOINT_NAMES.index(f"{side}_{part}") for part in ("elbow", "wrist")] for side in SIDES])


@dataclass(frozen=True, eq=False)
class ArmExamples:
    """N arms, each as a landmark network saw it.

    Attributes:
        features: (N, `NUM_FEATURES`).
        truth: (N, 2) float32 0 or 1, of `arm_network.KINDS`. An arm whose forearm is hidden does nothing.
        is_heavy: (N,) whether the heavier landmark network saw it.
    """

    features: Float32Array
    truth: Float32Array
    is_heavy: NDArray[np.bool_]

    def __len__(self) -> int:
        """Number of arms."""
        return len(self.truth)


def read_examples(folder: Path, held_out: bool = False) -> ArmExamples:
    """All arms of the shards of a folder.

    Args:
        folder: of `metrichmsr synthesize-crops --heavy` or `metrichmsr synthesize-acts`.
        held_out: those for validation.

    Raises:
        CropShardError: there are no shards, or they lack the heavier network's answers.
    """
    return joined([_of_shard(read_crops(path, _NAMES)) for path in crop_shards(folder, held_out)])


def _of_shard(looks: CropArrays) -> ArmExamples:
    truth = true_acts(looks["joints"], looks["joints_seen"].astype(bool))
    parts = []
    for prefix, is_heavy in (("", False), ("heavy_", True)):
        rows = looks["heavy_score"] > _LEAST_SCORE if is_heavy else np.ones(len(truth), bool)
        landmarks, world, visibility = (looks[prefix + name][rows] for name in _ANSWER)
        features = arm_features(landmarks, world, visibility, np.full(rows.sum(), is_heavy))
        count = 2 * int(rows.sum())
        parts.append(
            ArmExamples(features.reshape(count, NUM_FEATURES), truth[rows].reshape(count, -1), np.full(count, is_heavy))
        )
    return joined(parts)


def true_acts(joints: FloatingArray, seen: NDArray[np.bool_]) -> Float32Array:
    """(B, 2, 2) whether each arm (left, right) points, and whether its hand is raised, where the forearm is seen.

    Args:
        joints: (B, 24, 3) m.
        seen: (B, 24) whether a joint is inside the image and nothing lies before it.
    """
    acts = np.zeros((len(joints), len(SIDES), 2), np.float32)
    for row, of_one in enumerate(joints):
        for side, arm in enumerate(arms_of(of_one) or ()):
            acts[row, side] = is_pointing(arm), is_raised(arm)
    shown = np.all(seen[:, _FOREARMS], axis=-1, keepdims=True)
    return np.asarray(acts * shown, np.float32)


def joined(parts: Sequence[ArmExamples]) -> ArmExamples:
    """All arms of several sources."""
    return ArmExamples(
        np.concatenate([part.features for part in parts]),
        np.concatenate([part.truth for part in parts]),
        np.concatenate([part.is_heavy for part in parts]),
    )
