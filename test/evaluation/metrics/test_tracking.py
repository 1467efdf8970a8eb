"""MOTA, IDF1 and id switches against hand-computed sequences and brute force."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metrichmsr_ros.evaluation.metrics import MetricInputError, TrackingFrame, match_people, tracking_errors


def frame(truth: dict[str, float], predicted: dict[str, float]) -> TrackingFrame:
    """People on a line; the distance is in metres."""
    distance = [[abs(a - b) for b in predicted.values()] for a in truth.values()]
    return TrackingFrame(list(truth), list(predicted), distance)


def test_perfect_tracking():
    frames = [frame({"A": t, "B": t + 5}, {"x": t, "y": t + 5}) for t in range(10)]
    errors = tracking_errors(frames, gate=1.0)
    assert (errors.mota, errors.idf1, errors.switches, errors.motp) == (1.0, 1.0, 0, 0.0)


def test_one_switch_by_hand():
    frames = [frame({"A": 0.0}, {"x": 0.1}) for _ in range(6)] + [frame({"A": 0.0}, {"y": 0.1}) for _ in range(4)]
    errors = tracking_errors(frames, gate=1.0)
    assert errors.switches == 1
    assert errors.mota == pytest.approx(1 - 1 / 10)
    assert errors.idf1 == pytest.approx(2 * 6 / 20)  # id x matches in six of ten frames, all of id y are false
    assert errors.motp == pytest.approx(0.1)


def test_misses_and_false_positives_by_hand():
    frames = [frame({"A": 0.0, "B": 3.0}, {"x": 0.0}), frame({"A": 0.0}, {"x": 0.0, "ghost": 9.0}), frame({}, {"x": 0})]
    errors = tracking_errors(frames, gate=1.0)
    assert (errors.misses, errors.false_positives, errors.matches, errors.people, errors.reports) == (1, 2, 2, 3, 4)
    assert errors.mota == pytest.approx(1 - 3 / 3)
    assert errors.idf1 == pytest.approx(2 * 2 / 7)


def test_a_gap_is_not_a_switch_if_the_id_returns():
    frames = [frame({"A": 0.0}, {"x": 0.0}), frame({"A": 0.0}, {}), frame({"A": 0.0}, {"x": 0.0})]
    assert tracking_errors(frames, gate=1.0).switches == 0
    frames[2] = frame({"A": 0.0}, {"z": 0.0})
    assert tracking_errors(frames, gate=1.0).switches == 1


def test_two_people_who_swap_ids_are_two_switches():
    frames = [frame({"A": 0, "B": 5}, {"x": 0, "y": 5})] * 3 + [frame({"A": 0, "B": 5}, {"y": 0, "x": 5})] * 3
    errors = tracking_errors(frames, gate=1.0)
    assert errors.switches == 2
    assert errors.idf1 == pytest.approx(0.5)


def test_the_pair_of_the_previous_frame_is_kept_if_another_is_nearer():
    frames = [frame({"A": 0.0}, {"x": 0.0}), frame({"A": 0.0}, {"x": 0.9, "y": 0.1})]
    assert tracking_errors(frames, gate=1.0).switches == 0


def test_the_gate_is_inclusive_and_nan_cannot_match():
    assert match_people([[1.0]], gate=1.0) == [(0, 0)]
    assert match_people([[1.0 + 1e-9]], gate=1.0) == []
    assert match_people([[np.nan, 0.5], [np.inf, np.nan]], gate=1.0) == [(0, 1)]
    assert match_people(np.zeros((0, 3)), gate=1.0) == []


def brute_force(distance: np.ndarray, gate: float) -> tuple[int, float]:
    """Best (number of pairs, minus summed distance) over all partial matchings."""
    rows, columns = distance.shape
    best = (0, 0.0)
    for k in range(1, min(rows, columns) + 1):
        for chosen in itertools.combinations(range(rows), k):
            for order in itertools.permutations(range(columns), k):
                values = [distance[r, c] for r, c in zip(chosen, order, strict=True)]
                if all(v <= gate for v in values):
                    best = max(best, (k, -sum(values)))
    return best


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.integers(1, 4))
def test_matching_equals_brute_force(seed, rows, columns):
    distance = np.random.default_rng(seed).uniform(0, 2, size=(rows, columns))
    pairs = match_people(distance, gate=1.0)
    count, negative = brute_force(distance, 1.0)
    assert len(pairs) == count
    assert sum(distance[p] for p in pairs) == pytest.approx(-negative)


def test_an_empty_sequence_is_an_error():
    with pytest.raises(MetricInputError, match="0 true people"):
        tracking_errors([frame({}, {"x": 0.0})], gate=1.0)
    with pytest.raises(MetricInputError, match="frame 0: distance has shape"):
        tracking_errors([TrackingFrame(["A"], ["x"], np.zeros((2, 1)))], gate=1.0)
