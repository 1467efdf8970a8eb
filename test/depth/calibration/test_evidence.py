"""What people tell about the scale of a depth: deviations in closed form, contradictions, the posterior."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metrichmsr_ros.depth.anchor import Anchor
from metrichmsr_ros.depth.calibration.evidence import (
    SCALE_STD,
    USUAL_STEP,
    Ratios,
    SourceErrors,
    confirmed_scale,
    measure,
    scatter,
)

H, W = 120, 160
SHARP = SourceErrors(element_px=1.0, body_std=0.05)
NEAR, FAR = (slice(20, 110), slice(20, 60)), (slice(50, 62), slice(120, 126))


def scene(*people: tuple[tuple[slice, slice], float], background: float = 8.0) -> np.ndarray:
    depth = np.full((H, W), background, np.float32)
    for box, metres in people:
        depth[box] = metres
    return depth


def anchor_of(*people: tuple[tuple[slice, slice], float], std: tuple[float, ...] = ()) -> Anchor:
    depth = np.full((H, W), np.nan, np.float32)
    person = np.full((H, W), -1, np.int32)
    for number, (box, metres) in enumerate(people):
        depth[box], person[box] = metres, number
    return Anchor(depth, (person >= 0).astype(np.float32), person, std)


def ratios(log_ratio, std) -> Ratios:
    count = len(log_ratio)
    return Ratios(np.arange(count), np.array(log_ratio, float), np.array(std, float), np.ones(count))


def test_a_person_before_a_far_wall_has_the_deviations_of_distance_body_and_pixels():
    found = measure(scene((NEAR, 2.0)), anchor_of((NEAR, 3.0), std=(0.08,)), SHARP)
    assert found.log_ratio[0] == pytest.approx(np.log(1.5))
    assert found.step[0] == pytest.approx(np.log(4))
    assert found.std[0] == pytest.approx(np.sqrt(0.08**2 + 0.05**2 + 0.01 / (90 * 40)), rel=1e-3)


def test_parts_of_a_body_that_disagree_make_it_less_certain():
    depth = scene((NEAR, 2.0))
    depth[65:110, 20:60] = 1.4
    spread = 1.4826 * np.log(2 / 1.4) / 2
    certain = measure(scene((NEAR, 2.0)), anchor_of((NEAR, 3.0)), SHARP).std[0]
    uncertain = measure(depth, anchor_of((NEAR, 3.0)), SHARP).std[0]
    assert uncertain**2 - certain**2 == pytest.approx(spread**2 / 4, rel=0.02)


@pytest.mark.parametrize("step", [0.0, 0.2, 0.6, 1.2])
def test_half_of_the_step_that_a_silhouette_lacks_is_error(step):
    depth = scene((NEAR, 2.0), background=2 * np.exp(step))
    found = measure(depth, anchor_of((NEAR, 3.0)), SHARP)
    sharp = measure(scene((NEAR, 2.0), background=20), anchor_of((NEAR, 3.0)), SHARP)
    assert found.std[0] ** 2 - sharp.std[0] ** 2 == pytest.approx((max(USUAL_STEP - step, 0) / 2) ** 2, abs=1e-5)
    measured = measure(depth, anchor_of((NEAR, 3.0)), SourceErrors(is_measured=True))
    assert measured.std[0] == pytest.approx(sharp.std[0])


def test_few_pixels_and_low_weight_are_little_evidence():
    both = measure(scene((NEAR, 2.0), (FAR, 4.0)), anchor_of((NEAR, 2.0), (FAR, 4.0)), SourceErrors(64.0, 0.05))
    assert both.std[1] ** 2 - both.std[0] ** 2 == pytest.approx(0.01 * 64 / 72 - 0.01 * 64 / 3600, rel=1e-3)
    anchor = anchor_of((NEAR, 3.0))
    half = Anchor(anchor.depth, anchor.weight / 2, anchor.person)
    once, twice = (measure(scene((NEAR, 2.0)), a, SHARP).std[0] ** 2 for a in (anchor, half))
    assert twice == pytest.approx(2 * once)


def test_nobody_and_unknown_depth_are_no_evidence():
    nothing = measure(scene(), anchor_of(), SHARP)
    assert len(nothing.person) == 0
    assert confirmed_scale(nothing, False).log_scale == 0
    assert len(measure(np.full((H, W), np.nan, np.float32), anchor_of((NEAR, 2.0)), SHARP).person) == 0


def test_one_person_moves_the_scale_by_the_posterior_mean():
    found = confirmed_scale(ratios([0.5], [0.3]), False)
    assert found.share == pytest.approx(SCALE_STD**2 / (SCALE_STD**2 + 0.3**2))
    assert found.log_scale == pytest.approx(0.5 * found.share)


def test_people_who_agree_confirm_nearly_everything():
    found = confirmed_scale(ratios([0.5, 0.52, 0.48], [0.06] * 3), False)
    assert found.agreement > 0.98
    assert found.log_scale == pytest.approx(0.5, rel=0.03)


def test_people_who_contradict_each_other_confirm_nothing():
    found = confirmed_scale(ratios([-0.4, 0.8], [0.1, 0.1]), False)
    assert found.agreement == 0
    assert found.log_scale == 0


def test_measured_depth_within_its_error_stays_and_wrong_units_are_corrected():
    close = confirmed_scale(ratios([0.05], [0.06]), True)
    assert abs(close.log_scale) < 0.015
    assert confirmed_scale(ratios([np.log(2)], [0.06]), True).log_scale == pytest.approx(np.log(2), rel=0.03)


@given(
    log_ratio=st.lists(st.floats(-3, 3), min_size=1, max_size=5),
    std=st.lists(st.floats(0.03, 1.0), min_size=5, max_size=5),
    is_measured=st.booleans(),
)
@settings(max_examples=100, deadline=None)
def test_the_scale_lies_between_the_sources_and_the_peoples(log_ratio, std, is_measured):
    found = confirmed_scale(ratios(log_ratio, std[: len(log_ratio)]), is_measured)
    assert 0 <= found.share <= 1
    assert 0 <= found.agreement <= 1
    assert min(log_ratio) - 1e-9 <= found.people <= max(log_ratio) + 1e-9
    assert abs(found.log_scale) <= abs(found.people) + 1e-12


@given(wrong=st.floats(-1.5, 1.5), right=st.floats(-0.05, 0.05))
@settings(max_examples=50, deadline=None)
def test_one_wrong_person_among_two_moves_a_right_scale_by_no_more_than_noise(wrong, right):
    """The other person sees that the scale is right: what is applied is far below what the wrong one says."""
    found = confirmed_scale(ratios([wrong, right], [0.08, 0.08]), False)
    assert abs(found.log_scale) <= max(0.06, 0.1 * abs(wrong))


def test_scatter_is_chi_square_per_degree_of_freedom_about_the_weighted_mean():
    assert scatter(ratios([0.3], [0.1])) == 0
    assert scatter(ratios([-0.2, 0.2], [0.1, 0.1])) == pytest.approx(8.0)
    mean = (100 * 0.1 + 100 * -0.1 + 25 * 0.4) / 225
    by_hand = (100 * (0.1 - mean) ** 2 + 100 * (-0.1 - mean) ** 2 + 25 * (0.4 - mean) ** 2) / 2
    assert scatter(ratios([0.1, -0.1, 0.4], [0.1, 0.1, 0.2])) == pytest.approx(by_hand)


def test_less_agreement_lowers_the_share_in_proportion():
    full = confirmed_scale(ratios([0.3, 0.3], [0.1, 0.1]), False)
    half = full.with_agreement(full.agreement / 2)
    assert half.share == pytest.approx(full.share / 2)
    assert half.log_scale == pytest.approx(half.share * full.people)
    assert (half.people, half.agreement) == (full.people, full.agreement / 2)
