"""Calibrations are applied only as far as people confirm them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from metrichmsr_ros.depth.anchor import Anchor
from metrichmsr_ros.depth.calibration import METHODS
from metrichmsr_ros.depth.calibration.affine import IDENTITY, Calibration, fit_scale
from metrichmsr_ros.depth.calibration.confirm import believed, confirm
from metrichmsr_ros.depth.calibration.evidence import Ratios, SourceErrors

H, W = 120, 160
V, U = np.mgrid[:H, :W].astype(np.float32)
ROOM = (4 + 4 * U / W + 2 * (H - V) / H).astype(np.float32)
BOXES = [(slice(20, 110), slice(15, 45)), (slice(40, 110), slice(110, 130)), (slice(30, 70), slice(70, 82))]
BENT_ROOM = (ROOM * np.exp(0.1 * np.sin(U / 8))).astype(np.float32)
METRES = [2.0, 3.0, 3.5]
NETWORK = SourceErrors(element_px=4.0)


def place(factors: list[float], room: np.ndarray = ROOM) -> tuple[np.ndarray, Anchor]:
    """A room with people, and their bodies estimated `factors` too far."""
    truth, human = room.copy(), np.full((H, W), np.nan, np.float32)
    person = np.full((H, W), -1, np.int32)
    for number, factor in enumerate(factors):
        truth[BOXES[number]] = METRES[number]
        human[BOXES[number]] = METRES[number] * factor
        person[BOXES[number]] = number
    return truth, Anchor(human, (person >= 0).astype(np.float32), person)


def off_people(depth: np.ndarray, truth: np.ndarray, anchor: Anchor) -> float:
    where = anchor.person < 0
    return float(np.mean(np.abs(depth - truth)[where] / truth[where]))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("factor", [0.5, 0.8, 1.6])
def test_people_who_agree_correct_a_wrong_scale(method, factor):
    truth, anchor = place([1.0, 1.0, 1.0])
    initial = (factor * truth).astype(np.float32)
    found = confirm(METHODS[method], initial, anchor, NETWORK)
    assert found.calibration.method == method
    assert found.problem == ""
    assert found.share > 0.95
    assert off_people(found.calibration.apply(initial), truth, anchor) < 0.05


def test_a_small_far_person_does_not_outvote_a_large_near_one():
    """Seen among the pixels of the wall, the far one has no step at the silhouette and few pixels."""
    truth, anchor = place([1.0, 1.0])
    small = (slice(50, 60), slice(140, 144))
    anchor.depth[small], anchor.weight[small], anchor.person[small] = 20.0, 1.0, 2
    found = confirm(fit_scale, truth, anchor, SourceErrors(element_px=16.0))
    assert np.log(found.calibration.scale) == pytest.approx(0, abs=0.05)


@pytest.mark.parametrize("method", METHODS)
def test_without_people_nothing_changes(method):
    truth, _ = place([])
    nobody = Anchor(np.full((H, W), np.nan, np.float32), np.zeros((H, W), np.float32), np.full((H, W), -1, np.int32))
    found = confirm(METHODS[method], truth, nobody, NETWORK)
    assert found.calibration is IDENTITY
    assert found.problem == ""


def test_a_source_without_steps_at_silhouettes_is_named():
    _, anchor = place([0.4])
    flat = np.full((H, W), 5.0, np.float32)
    found = confirm(fit_scale, flat, anchor, SourceErrors(element_px=4.0, body_std=2.0))
    assert found.share < 0.1
    assert "does not separate people from their background" in found.problem
    assert f"{0.4 * 2 / 5:.2f}" in found.problem


def test_uncertain_distances_are_named():
    truth, anchor = place([0.4])
    anchor = Anchor(anchor.depth, anchor.weight, anchor.person, (2.0,))
    assert "distances are too uncertain" in confirm(fit_scale, truth, anchor, NETWORK).problem


@pytest.mark.parametrize("method", METHODS)
@given(first=st.floats(-1.0, 1.0), second=st.floats(-1.0, 1.0))
@example(first=-0.25, second=0.25)
@example(first=-0.2, second=0.2)
@example(first=0.2, second=-0.2)
@example(first=-0.3, second=0.2)
@settings(max_examples=12, deadline=None)
def test_wrong_people_make_correct_depth_no_worse_than_what_they_agree_on(method, first, second):
    """Two people err by independent factors; the depth is right. Only what both say, to 0.1, may change it."""
    truth, anchor = place([float(np.exp(first)), float(np.exp(second))])
    found = confirm(METHODS[method], truth, anchor, NETWORK)
    common = 0.0 if first * second <= 0 else min(abs(first), abs(second))
    worst = max(abs(first), abs(second))
    changed = np.nanmedian(np.log(found.calibration.apply(truth) / truth)[anchor.person < 0])
    assert abs(changed) <= min(worst, 1.5 * common) + 0.1


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("room", [ROOM, BENT_ROOM], ids=["flat", "bent"])
@pytest.mark.parametrize(
    "logs",
    [(-0.25, 0.25), (0.25, -0.25), (-0.2, 0.2), (-0.4, 0.3), (-0.2, 0.2, 0.2), (0.2, -0.2, -0.2), (-0.3, 0.3, 0.3)],
)
def test_a_shape_does_not_reconcile_people_who_contradict_each_other(method, room, logs):
    """The depth is right and the people are wrong by more than their deviations, in opposite directions."""
    truth, anchor = place([float(factor) for factor in np.exp(logs)], room)
    found = confirm(METHODS[method], truth, anchor, NETWORK)
    changed = np.nanmedian(np.log(found.calibration.apply(truth) / truth)[anchor.person < 0])
    assert abs(changed) <= 0.1


@pytest.mark.parametrize("method", METHODS)
def test_depth_with_flat_planes_gets_no_shape(method):
    """Three people say that farther is farther still; an offset that explains them would bend the walls."""
    truth, anchor = place([float(factor) for factor in np.exp([0.1, 0.2, 0.3])])
    found = confirm(METHODS[method], truth, anchor, NETWORK)
    assert found.calibration.method == method
    np.testing.assert_allclose(found.calibration.scale, np.mean(found.calibration.scale), rtol=1e-5)
    np.testing.assert_allclose(found.calibration.offset, 0, atol=1e-5)


def test_people_whom_only_a_far_fetched_shape_reconciles_are_named_as_the_source_sees_them():
    truth, anchor = place([float(factor) for factor in np.exp([-0.5, 0.5])], BENT_ROOM)
    shape = np.where(U < W / 2, np.exp(-0.5), np.exp(0.5)).astype(np.float32)  # fits both people
    found = confirm(lambda depth, people: Calibration(shape, 0 * shape, "x"), truth, anchor, NETWORK)
    assert found.share < 0.1
    assert found.problem == "people contradict each other: alone they would scale the source by 0.61, 1.65"


def test_the_agreement_that_a_shape_adds_counts_where_people_contradict_each_other_within_their_deviations():
    truth, anchor = place([float(factor) for factor in np.exp([0.2, 0.3])], BENT_ROOM)
    shape = np.where(U < W / 2, np.exp(0.2), np.exp(0.3)).astype(np.float32)  # fits both people
    found = confirm(lambda depth, people: Calibration(shape, 0 * shape, "x"), truth, anchor, NETWORK)
    assert found.share > 0.9
    assert found.problem == ""


def test_a_shape_is_kept_and_only_its_scale_replaced():
    truth, anchor = place([1.0], BENT_ROOM)
    tilt = np.exp(0.3 * (U / W - 0.5)).astype(np.float32)
    found = confirm(lambda depth, people: Calibration(5 * tilt, np.float32(0) * tilt, "x"), truth, anchor, NETWORK)
    shape = found.calibration.scale / tilt
    np.testing.assert_allclose(shape, shape[0, 0], rtol=1e-5)
    assert abs(np.log(shape[0, 0])) < 0.2


def test_people_far_from_the_confirmed_scale_count_little():
    _, anchor = place([1.0, 1.0])
    ratios = Ratios(np.array([0, 1]), np.array([0.0, 0.8]), np.array([0.1, 0.1]), np.ones(2))
    weight = believed(anchor, ratios, 0.0).weight
    assert weight[BOXES[0]].max() == 1
    assert weight[BOXES[1]].max() == pytest.approx(1 / (1 + (0.8 / 0.2) ** 2))
    assert weight[0, 0] == 0
