"""Sequence evaluation on synthetic people with hand-computed errors."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
import pytest
from rich.console import Console

from metrichmsr_ros.evaluation.metrics import MetricInputError
from metrichmsr_ros.evaluation.metrics.latency import summarise_latency
from metrichmsr_ros.evaluation.metrics.matching import TrueFrame, TruePerson, appearance_distance
from metrichmsr_ros.evaluation.metrics.report import evaluate_sequence


@dataclass(frozen=True)
class Guess:
    id: str
    joints_cam: np.ndarray
    height: float = 1.7


def body(x: float, z: float) -> np.ndarray:
    """A stiff 24-joint figure, 1.6 m tall, root at (x, 0, z)."""
    joints = np.random.default_rng(0).uniform([-0.3, -0.8, -0.1], [0.3, 0.8, 0.1], size=(24, 3))
    joints[0] = 0.0
    return joints + np.array([x, 0.0, z])


def two_people(frames: int = 10) -> list[TrueFrame]:
    return [
        TrueFrame(0.1 * t, (TruePerson("A", body(-1 + 0.05 * t, 4.0), height=1.75), TruePerson("B", body(1.5, 5.0))))
        for t in range(frames)
    ]


def test_perfect_estimates_score_perfectly():
    truth = two_people()
    report = evaluate_sequence(truth, [[Guess(p.id, p.joints_cam) for p in f.people] for f in truth], [0.02] * 10)
    assert (report.frames, report.visible, report.found, report.false_alarms) == (10, 20, 20, 0)
    assert report.recall == 1.0
    assert report.root_mean_m == pytest.approx(0.0, abs=1e-12)
    assert report.mpjpe_mm == pytest.approx(0.0, abs=1e-6)
    assert report.height_error_mm == pytest.approx(50.0)  # 1.75 against 1.70; B's height is unknown
    assert report.tracking is not None
    assert (report.tracking.switches, report.tracking.mota, report.tracking.idf1) == (0, 1.0, 1.0)


def test_a_person_placed_too_far_is_found_with_a_large_error():
    truth = two_people()
    guesses = [[Guess(p.id, p.joints_cam * 1.5) for p in f.people] for f in truth]  # same pixels, 1.5 times as far
    report = evaluate_sequence(truth, guesses)
    assert report.found == 20
    assert report.root_median_percent == pytest.approx(50.0)
    assert report.pa_mpjpe_mm == pytest.approx(0.0, abs=1e-6)
    assert report.mpjpe_mm > 100


def test_misses_false_alarms_and_switches_are_counted():
    truth = two_people()
    guesses = []
    for t, frame in enumerate(truth):
        a, b = frame.people
        people = [Guess("x" if t < 5 else "y", a.joints_cam), Guess("ghost", body(-4.0, 5.0))]
        if t >= 2:
            people.append(Guess("b", b.joints_cam))
        guesses.append(people)
    report = evaluate_sequence(truth, guesses)
    assert (report.found, report.false_alarms) == (18, 10)
    assert report.tracking is not None
    assert report.tracking.switches == 1


def test_hidden_people_are_neither_missed_nor_false():
    truth = [TrueFrame(0.0, (TruePerson("A", body(0, 4)), TruePerson("H", body(2, 6), visible=False)))] * 3
    report = evaluate_sequence(truth, [[Guess("a", body(0, 4)), Guess("h", body(2, 6))]] * 3)
    assert (report.visible, report.found, report.false_alarms) == (3, 3, 0)


def test_frames_without_anybody():
    report = evaluate_sequence([TrueFrame(0.0, ())] * 3, [[], [Guess("ghost", body(0, 3))], []])
    assert (report.frames, report.visible, report.false_alarms, report.tracking) == (3, 0, 1, None)
    assert np.isnan(report.recall)
    assert "| root position error, median | - m |" in report.markdown()


def test_people_in_line_are_distinguished_by_distance():
    truth = (TruePerson("near", body(0, 3)), TruePerson("far", body(0, 3.4)))
    guesses = [Guess("1", body(0, 3.38)), Guess("2", body(0, 3.02))]
    report = evaluate_sequence([TrueFrame(0.0, truth)], [guesses])
    assert {(p.true_id, p.estimated_id) for p in report.pairs} == {("near", "2"), ("far", "1")}


def test_an_estimate_of_nan_matches_nobody():
    cost = appearance_distance([TruePerson("A", body(0, 3))], [Guess("x", np.full((24, 3), np.nan))])
    assert np.isnan(cost).all()
    behind = appearance_distance([TruePerson("A", body(0, 3))], [Guess("x", body(0, -3))])
    assert np.isnan(behind).all()


def test_the_tables_show_every_row():
    truth = two_people(3)
    report = evaluate_sequence(
        truth, [[Guess(p.id, p.joints_cam) for p in f.people] for f in truth], [0.01, 0.02, 0.03]
    )
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(report.table("demo"))
    printed, markdown = console.export_text(), report.markdown()
    for label, value in report.rows():
        assert f"| {label} | {value} |" in markdown
        assert label in printed
    assert "20.0 / 29.0 ms" in markdown
    assert report.as_dict()["found"] == 6


def test_latency_percentiles_by_hand():
    summary = summarise_latency([0.01 * k for k in range(1, 102)])
    assert (summary.p50, summary.p95, summary.p99, summary.max) == pytest.approx((0.51, 0.96, 1.0, 1.01))
    with pytest.raises(MetricInputError, match="no durations"):
        summarise_latency([])
    with pytest.raises(MetricInputError, match="not negative"):
        summarise_latency([-1.0])


def test_unequal_lengths_raise_an_error():
    with pytest.raises(MetricInputError, match="1 true frames and 0 estimated"):
        evaluate_sequence([TrueFrame(0.0, ())], [])
