"""The network over arms: against a second implementation, means over views, and weights that are none."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from helpers.random_landmarks import landmark_set

from metrichmsr_ros.assets import AssetError, asset_path
from metrichmsr_ros.io.npz import NpzError
from metrichmsr_ros.people.gestures.arm_features import NUM_FEATURES, arm_features
from metrichmsr_ros.people.gestures.arm_network import FARTHEST, WEIGHTS, ArmNetwork, ArmWeights


def random_weights(seed=0, hidden=5, second=4):
    rng = np.random.default_rng(seed)
    widths = NUM_FEATURES, hidden, second, 2
    layers = {f"weight{n}": rng.normal(0, 0.3, widths[n - 1 : n + 1]).astype(np.float32) for n in (1, 2, 3)} | {
        f"bias{n}": rng.normal(0, 0.3, widths[n]).astype(np.float32) for n in (1, 2, 3)
    }
    mean = rng.normal(0, 1, NUM_FEATURES).astype(np.float32)
    return ArmWeights(mean=mean, scale=rng.uniform(0.1, 2, NUM_FEATURES).astype(np.float32), **layers)


def save(path, weights, **changes):
    arrays = {field.name: getattr(weights, field.name) for field in fields(weights)} | changes
    np.savez(path, **{name: array for name, array in arrays.items() if array is not None})
    return path


def test_odds_are_those_of_loops_in_float64():
    weights, found = random_weights(), landmark_set(2)
    features = arm_features(
        found.crop_landmarks[None], found.world[None], found.visibility[None], np.array([found.heavy])
    )[0]
    odds = ArmNetwork(weights)([found])
    assert odds.shape == (1, 2, 2)
    for side in range(2):
        values = [
            float(np.clip((float(x) - float(m)) / float(s), -FARTHEST, FARTHEST))
            for x, m, s in zip(features[side], weights.mean, weights.scale, strict=True)
        ]
        for number in (1, 2, 3):
            matrix, bias = (getattr(weights, f"{name}{number}").astype(float) for name in ("weight", "bias"))
            sums = [sum(v * w for v, w in zip(values, column, strict=True)) for column in matrix.T]
            values = [total + b for total, b in zip(sums, bias, strict=True)]
            values = values if number == 3 else [max(value, 0.0) for value in values]
        np.testing.assert_allclose(odds[0, side], values, atol=1e-4)


def test_odds_of_people_are_means_over_their_views_and_the_heavier_network_adds_to_them():
    network = ArmNetwork(random_weights(1))
    first, second, third = (landmark_set(seed) for seed in range(3))
    usual, heavy = [replace(one, heavy=False) for one in (first, second)], replace(third, heavy=True)
    odds = network.odds({"a": usual, "b": [usual[0], heavy], "c": [heavy]})
    single = {name: network([one])[0] for name, one in (("0", usual[0]), ("1", usual[1]), ("h", heavy))}
    for side in range(2):
        mean = (single["0"][side] + single["1"][side]) / 2
        assert (odds["a"][side].points, odds["a"][side].raised) == pytest.approx(tuple(mean), abs=1e-5)
        assert odds["a"][side].more is None
        assert odds["b"][side].points == pytest.approx(single["0"][side][0], abs=1e-5)
        change = (single["h"][side] - single["0"][side]) / 2
        assert odds["b"][side].more == pytest.approx(tuple(change), abs=1e-5)
        assert odds["c"][side].points == pytest.approx(single["h"][side][0], abs=1e-5)
        assert odds["c"][side].more == pytest.approx((0.0, 0.0), abs=1e-5)
    assert network.odds({}) == {}


def test_weights_are_read_as_they_were_written(tmp_path):
    weights = random_weights()
    again = ArmWeights.read(save(tmp_path / "arms.npz", weights))
    for field in fields(weights):
        np.testing.assert_array_equal(getattr(again, field.name), getattr(weights, field.name))


@pytest.mark.parametrize(
    "changes",
    [{"bias2": None}, {"bias3": np.zeros(3, np.float32)}, {"mean": np.zeros(7, np.float32)}, {"more": np.zeros(1)}],
)
def test_other_arrays_are_no_weights(tmp_path, changes):
    path = save(tmp_path / "arms.npz", random_weights(), **changes)
    with pytest.raises(AssetError, match="does not hold the network over arms"):
        ArmWeights.read(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(NpzError, match=r"none\.npz"):
        ArmWeights.read(tmp_path / "none.npz")


def test_the_shipped_weights_are_finite_and_small():
    weights = ArmWeights.read(asset_path(WEIGHTS))
    assert all(np.isfinite(getattr(weights, field.name)).all() for field in fields(weights))
    assert (weights.scale > 0).all()
    assert asset_path(WEIGHTS).stat().st_size < 400_000
