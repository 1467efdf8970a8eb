"""Closed-form calibration on scenes with known scale, offset and warp."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metrichmsr_ros.depth.anchor import Anchor
from metrichmsr_ros.depth.calibration.affine import IDENTITY, Calibration, fit_affine, fit_field, fit_scale

H, W = 120, 160
V, U = np.mgrid[:H, :W].astype(np.float32)
SCENE = (2 + 4 * U / W + 2 * (H - V) / H).astype(np.float32)  # metres
PEOPLE = [(slice(20, 100), slice(20, 40)), (slice(40, 100), slice(110, 130))]

METHODS = {"scale": fit_scale, "affine": fit_affine, "field": fit_field}


def anchor_of(depth: np.ndarray, people=PEOPLE, weights=(1.0, 1.0), truth=None) -> Anchor:
    person = np.full((H, W), -1, np.int32)
    weight = np.zeros((H, W), np.float32)
    for number, box in enumerate(people):
        person[box] = number
        weight[box] = weights[number]
    human = np.where(person >= 0, SCENE if truth is None else truth, np.nan).astype(np.float32)
    return Anchor(human, weight, person)


def abs_rel(depth: np.ndarray, truth: np.ndarray = SCENE) -> float:
    return float(np.nanmean(np.abs(depth - truth) / truth))


@pytest.mark.parametrize("method", METHODS)
@given(factor=st.floats(0.1, 10))
@settings(max_examples=15, deadline=None)
def test_a_wrong_scale_is_corrected(method, factor):
    initial = (SCENE * np.float32(factor)).astype(np.float32)
    fitted = METHODS[method](initial, anchor_of(initial))
    assert fitted.method == method
    assert abs_rel(fitted.apply(initial)) < 1e-3


@pytest.mark.parametrize("method", METHODS)
def test_correct_depth_does_not_change(method):
    assert abs_rel(METHODS[method](SCENE, anchor_of(SCENE)).apply(SCENE)) < 1e-4


@pytest.mark.parametrize("method", METHODS)
def test_without_people_nothing_changes(method):
    nobody = anchor_of(SCENE, people=[])
    assert METHODS[method](SCENE, nobody) is IDENTITY
    np.testing.assert_array_equal(IDENTITY.apply(SCENE), SCENE)


@pytest.mark.parametrize("method", METHODS)
def test_unknown_pixels_stay_unknown(method):
    initial = (SCENE * 0.5).astype(np.float32)
    initial[10:60, 15:35] = np.nan
    answer = METHODS[method](initial, anchor_of(initial)).apply(initial)
    np.testing.assert_array_equal(np.isnan(answer), np.isnan(initial))
    assert answer.dtype == np.float32
    assert abs_rel(answer) < 1e-3


@pytest.mark.parametrize("method", METHODS)
def test_a_depth_without_any_anchored_pixel_is_unchanged(method):
    initial = np.where(anchor_of(SCENE).person >= 0, np.nan, SCENE).astype(np.float32)
    assert METHODS[method](initial, anchor_of(SCENE)) is IDENTITY


def test_only_the_affine_fit_removes_an_offset():
    initial = ((SCENE - 0.5) / 1.3).astype(np.float32)
    spread = [(slice(20, 100), slice(2, 20)), (slice(40, 100), slice(60, 75)), (slice(10, 100), slice(140, 158))]
    anchor = anchor_of(initial, spread, (1, 1, 1))
    fitted = fit_affine(initial, anchor)
    assert fitted.scale == pytest.approx(1.3, rel=0.1)
    assert abs_rel(fitted.apply(initial)) < 0.5 * abs_rel(fit_scale(initial, anchor).apply(initial))


def test_only_the_field_removes_a_smooth_warp():
    initial = (SCENE * (1 + 0.25 * np.sin(U / W * 3 - 1))).astype(np.float32)
    anchor = anchor_of(initial)
    errors = {name: abs_rel(fit(initial, anchor).apply(initial)) for name, fit in METHODS.items()}
    assert errors["field"] < 0.8 * min(errors["scale"], errors["affine"])


def test_the_field_returns_to_the_global_fit_far_from_people():
    people = [(slice(20, 100), slice(5, 20)), (slice(20, 100), slice(40, 55))]
    initial = SCENE.copy()
    initial[:, :30] *= 1.15
    anchor = anchor_of(initial, people)
    change = fit_field(initial, anchor).apply(initial) / fit_affine(initial, anchor).apply(initial) - 1
    assert np.abs(change[:, 150:]).max() < 0.5 * np.abs(change[20:100, 5:55]).max()


@pytest.mark.parametrize("method", METHODS)
def test_a_third_of_outliers_changes_the_fit_little(method):
    """The lower part of a body is rendered in front of a sofa that really occludes it."""
    initial = (SCENE * 0.7).astype(np.float32)
    initial[75:, 15:45] *= 0.6  # the sofa is much nearer than the mesh
    answer = METHODS[method](initial, anchor_of(initial)).apply(initial)
    clean = np.ones((H, W), bool)
    clean[70:, 10:50] = False
    assert abs_rel(answer[clean], SCENE[clean]) < 0.06


def test_people_count_by_weight_not_by_pixels():
    people = [(slice(10, 110), slice(5, 75)), (slice(50, 70), slice(120, 126))]
    truth = SCENE.copy()
    truth[:, 100:] *= 1.5
    big_first = fit_scale(SCENE, anchor_of(SCENE, people, (1.0, 0.4), truth))
    small_first = fit_scale(SCENE, anchor_of(SCENE, people, (0.4, 1.0), truth))
    assert big_first.scale == pytest.approx(1.0)
    assert small_first.scale == pytest.approx(1.5)


def test_calibration_decays_to_no_change():
    fields = Calibration(np.full((2, 2), 2.0, np.float32), np.full((2, 2), -0.4, np.float32), "field")
    for keep, scale, offset in ((1.0, 2.0, -0.4), (0.5, np.sqrt(2), -0.2), (0.0, 1.0, 0.0)):
        faded = fields.decayed(keep)
        np.testing.assert_allclose(faded.scale, scale, rtol=1e-6)
        np.testing.assert_allclose(faded.offset, offset, rtol=1e-6)
        assert Calibration(2.0, -0.4, "affine").decayed(keep).scale == pytest.approx(scale)


def test_depth_behind_the_camera_is_unknown():
    answer = Calibration(1.0, -3.0, "affine").apply(SCENE)
    assert np.isnan(answer[SCENE <= 3]).all()
    assert (answer[SCENE > 3.01] > 0).all()
