"""The plane fit: bent rooms become flat, flat ones stay, and only people change the scale."""

from __future__ import annotations

import numpy as np
import pytest

from metrichmsr_ros.depth.anchor import Anchor
from metrichmsr_ros.depth.calibration.affine import IDENTITY, fit_affine
from metrichmsr_ros.depth.calibration.planes import BLOCK, fit_planes, normal_matrix
from metrichmsr_ros.geometry.camera import Camera

H, W = 120, 160
CAMERA = Camera.from_fov(W, H, 1.1)
V, U = np.mgrid[:H, :W].astype(np.float32)


def corridor() -> np.ndarray:
    """Floor, ceiling, two walls and an end: exact depth (H, W)."""
    x, y, _ = np.moveaxis(CAMERA.back_project(np.stack([U, V], axis=-1), 1.0), -1, 0)
    with np.errstate(divide="ignore"):
        planes = [1.2 / np.abs(np.where(y > 0, y, 1e-9)), 1.5 / np.abs(np.where(y < 0, y, -1e-9)), 1.6 / np.abs(x)]
    return np.minimum(np.minimum.reduce(planes), 7.0).astype(np.float32)


ROOM = corridor()


def anchor_of(truth: np.ndarray, present: bool = True) -> Anchor:
    person = np.full((H, W), -1, np.int32)
    if present:
        person[30:100, 60:75] = 0
    seen = person >= 0
    return Anchor(np.where(seen, truth, np.nan).astype(np.float32), seen.astype(np.float32), person)


def with_person(room: np.ndarray) -> np.ndarray:
    depth = room.copy()
    depth[30:100, 60:75] = 3.5
    return depth


TRUTH = with_person(ROOM)


def abs_rel(depth: np.ndarray) -> float:
    return float(np.mean(np.abs(depth - TRUTH) / TRUTH))


@pytest.mark.parametrize("factor", [0.5, 1.0, 2.0])
def test_a_flat_room_stays_flat(factor):
    initial = (TRUTH * factor).astype(np.float32)
    assert abs_rel(fit_planes(initial, anchor_of(TRUTH)).apply(initial)) < 0.02


@pytest.mark.parametrize("bend", ["across", "down", "both"])
def test_a_bent_room_is_flattened(bend):
    across, down = np.cos(2 * np.pi * U / W), np.sin(1.5 * np.pi * V / H)
    warp = {"across": across, "down": down, "both": across * down}[bend]
    initial = (TRUTH * np.exp(0.12 * warp)).astype(np.float32)
    anchor = anchor_of(TRUTH)
    before, after = (abs_rel(fit(initial, anchor).apply(initial)) for fit in (fit_affine, fit_planes))
    assert after < 0.8 * before


def test_only_people_determine_the_scale():
    big = (2 * TRUTH).astype(np.float32)
    once = fit_planes(TRUTH, anchor_of(TRUTH)).apply(TRUTH)
    np.testing.assert_allclose(fit_planes(TRUTH, anchor_of(big)).apply(TRUTH), 2 * once, rtol=1e-3)


def test_without_people_nothing_changes_and_unknown_pixels_stay_unknown():
    assert fit_planes(TRUTH, anchor_of(TRUTH, present=False)) is IDENTITY
    holes = TRUTH.copy()
    holes[:40, 90:] = np.nan
    answer = fit_planes(holes, anchor_of(TRUTH)).apply(holes)
    np.testing.assert_array_equal(np.isnan(answer), np.isnan(holes))


def test_noise_is_not_treated_as_planes():
    """A scene without planes changes little beyond the affine fit."""
    rng = np.random.default_rng(0)
    forest = with_person(np.exp(rng.normal(1.2, 0.4, (H, W))).astype(np.float32))
    anchor = anchor_of(forest)
    affine, planes = fit_affine(forest, anchor).apply(forest), fit_planes(forest, anchor).apply(forest)
    assert np.median(np.abs(planes - affine) / affine) < 0.05


@pytest.mark.parametrize("count", [0, 1, BLOCK, 5 * BLOCK + 3])
def test_the_normal_matrix_is_the_weighted_sum_of_outer_products(count):
    rng = np.random.default_rng(count)
    rows, trust = rng.normal(size=(count, 9)).astype(np.float32), rng.random(count, np.float32)
    expected = np.einsum("ni,n,nj->ij", *(values.astype(np.float64) for values in (rows, trust, rows)))
    np.testing.assert_allclose(normal_matrix(rows, trust), expected, rtol=1e-5, atol=1e-5)
