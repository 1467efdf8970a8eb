"""A small network that says what arms do. It reads the landmarks of a person, and was trained on rendered people.

A network that estimates joints gives the mean of what an arm may be. The mean of an arm stretched towards the camera
and of a bent one is bent, so that the joints alone tell pointing arms badly. This network says how likely each is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from metrichmsr_ros.assets import AssetError, asset_path
from metrichmsr_ros.io.npz import read_npz
from metrichmsr_ros.people.blazepose.landmarks import LandmarkSet
from metrichmsr_ros.people.gestures.arm_features import NUM_FEATURES, arm_features
from metrichmsr_ros.types import Float32Array

WEIGHTS = "arms.npz"
FARTHEST = 6.0
"""Features are cut off at this many standard deviations from the mean."""
KINDS = ("points", "raised")
"""What the network tells apart, in the order of its outputs."""


@dataclass(frozen=True)
class ArmOdds:
    """Of one arm, logarithms of the odds that it points, and that its hand is raised.

    Attributes:
        points, raised: from the views of the usual landmark network.
        more: what the heavier landmark network's views change in the two; None: it was not asked.
    """

    points: float
    raised: float
    more: tuple[float, float] | None = None


@dataclass(frozen=True, eq=False)
class ArmWeights:
    """Weights of the network, float32: F features, H and K hidden units.

    Attributes:
        mean, scale: (F,) of the features.
        weight1: (F, H). bias1: (H,). weight2: (H, K). bias2: (K,). weight3: (K, 2). bias3: (2,).
    """

    mean: Float32Array
    scale: Float32Array
    weight1: Float32Array
    bias1: Float32Array
    weight2: Float32Array
    bias2: Float32Array
    weight3: Float32Array
    bias3: Float32Array

    @classmethod
    def read(cls, path: Path) -> ArmWeights:
        """Read an npz file.

        Raises:
            NpzError: it is missing or damaged.
            AssetError: it holds other arrays.
        """
        arrays = read_npz(path)
        names = [field.name for field in fields(cls)]
        hidden, second = (len(arrays.get(f"bias{layer}", ())) for layer in (1, 2))
        widths = (NUM_FEATURES, hidden, second, len(KINDS))
        shapes: dict[str, tuple[int, ...]] = {"mean": widths[:1], "scale": widths[:1]}
        for layer in (1, 2, 3):
            shapes |= {f"weight{layer}": widths[layer - 1 : layer + 1], f"bias{layer}": widths[layer : layer + 1]}
        if {name: array.shape for name, array in arrays.items()} != shapes:
            raise AssetError(f"{path} does not hold the network over arms: install the package again, or train it anew")
        return cls(**{name: np.asarray(arrays[name], np.float32) for name in names})


class ArmNetwork:
    """Reads landmarks of people.

    Args:
        weights: None: those of this package.

    Raises:
        AssetError, NpzError: the package's weights are missing or damaged.
    """

    def __init__(self, weights: ArmWeights | None = None) -> None:
        self._weights = weights or ArmWeights.read(asset_path(WEIGHTS))

    def __call__(self, sets: Sequence[LandmarkSet]) -> Float32Array:
        """(N, 2, 2) logarithms of the odds, by set, arm (left, right) and `KINDS`."""
        features = arm_features(
            np.stack([found.crop_landmarks for found in sets]),
            np.stack([found.world for found in sets]),
            np.stack([found.visibility for found in sets]),
            np.array([found.heavy for found in sets]),
        )
        return self.of_features(features)

    def of_features(self, features: Float32Array) -> Float32Array:
        """As the call, of features (..., `NUM_FEATURES`)."""
        w = self._weights
        values = np.clip((features - w.mean) / w.scale, -FARTHEST, FARTHEST)
        hidden = np.maximum(values @ w.weight1 + w.bias1, 0)
        hidden = np.maximum(hidden @ w.weight2 + w.bias2, 0)
        odds: Float32Array = hidden @ w.weight3 + w.bias3
        return odds

    def odds(self, views: Mapping[str, Sequence[LandmarkSet]]) -> dict[str, tuple[ArmOdds, ArmOdds]]:
        """Of the left and the right arm of each person by id: means over the views, of which there is at least one."""
        if not views:
            return {}
        every = iter(self([found for of_one in views.values() for found in of_one]))
        return {id: _mean_odds(np.stack([next(every) for _ in sets]), sets) for id, sets in views.items()}


def _mean_odds(odds: Float32Array, sets: Sequence[LandmarkSet]) -> tuple[ArmOdds, ArmOdds]:
    """Of one person's arms, from (N, 2, 2) by set."""
    is_heavy = np.array([found.heavy for found in sets])
    usual = odds if is_heavy.all() else odds[~is_heavy]
    few, every = usual.mean(0), odds.mean(0)
    more = (every - few).tolist() if is_heavy.any() else (None, None)
    left, right = (
        ArmOdds(points, raised, None if change is None else (change[0], change[1]))
        for (points, raised), change in zip(few.tolist(), more, strict=True)
    )
    return left, right
