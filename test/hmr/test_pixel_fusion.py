"""The fusion of what landmarks and pixels say: closed forms, and views combined by hand."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch
from helpers.pixel_networks import CONFIG, CORRELATION, ROUNDING
from helpers.simulated_people import simulate
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from metrichmsr_ros.config import build
from metrichmsr_ros.hmr.config import ModelConfig
from metrichmsr_ros.hmr.estimate import EstimateFromPixels, unit
from metrichmsr_ros.hmr.network.batch import CropBatch
from metrichmsr_ros.hmr.network.engine import TorchEngine
from metrichmsr_ros.hmr.network.mirroring import MIRROR_X, mirrored
from metrichmsr_ros.hmr.network.model import MetricHMR
from metrichmsr_ros.hmr.pixel_fusion import fused, hips_shown, mean_of_views, sitting, trust_in_pixels, with_pixels
from metrichmsr_ros.hmr.test_time_augmentation import ViewRoles, estimate_from_views


def with_maps(inputs):
    rng = np.random.default_rng(0)
    shapes = {"trunk_maps": (88, 16, 16), "decoder_maps": (288, 8, 8)}
    maps = {name: rng.random((len(inputs), *shape), np.float32) for name, shape in shapes.items()}
    return dataclasses.replace(inputs, **maps)


@pytest.fixture(scope="module")
def people(body):
    return with_maps(simulate(body, 6).inputs.inputs())


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(3)
    network = MetricHMR(build(ModelConfig, CONFIG)).eval()
    with torch.no_grad():
        network.pixel_position.position[-1].weight.mul_(20)  # so that people differ
    return network


@pytest.fixture(scope="module")
def engine(model):
    return TorchEngine(model)


def straight(people):
    return np.zeros(len(people), np.bool_)


@pytest.fixture(scope="module")
def person(engine, people):
    return engine(people.select(np.array([0])), np.zeros(1, np.bool_))


def placed(estimate, distance, deviation):
    """The landmarks' estimate with these distances and relative deviations along the line of sight."""
    distance, deviation = (np.asarray(values, np.float32) for values in (distance, deviation))
    spread = np.stack([deviation * distance, 0.01 * distance], axis=-1)
    return dataclasses.replace(estimate, transl=unit(estimate.transl) * distance[:, None], transl_deviation=spread)


@settings(deadline=None, max_examples=40)
@given(
    ours=st.floats(0.02, 0.3),
    theirs=st.floats(0.02, 0.3),
    ratio=st.floats(0.7, 1.4),
    correlation=st.floats(0.0, 0.8),
)
def test_fused_distance_has_the_stated_variance(person, ours, theirs, ratio, correlation):
    """Against matrices in float64: weights of inverse variances, of which the landmarks' is taken fourfold, and the
    variance that they have for correlated errors.
    """
    landmarks = placed(person, [3.0], [ours])
    direction = unit(landmarks.transl)
    log_deviation = np.array([[0.0, 0.0, math.log(theirs)]], np.float32)
    pixels = EstimateFromPixels(direction * np.float32(3.0 * ratio), log_deviation, landmarks.betas + 1)
    result = fused(landmarks, pixels, correlation, np.ones(1, np.float32))

    weights = np.array([(2 * ours) ** -2, theirs**-2])
    weights /= weights.sum()
    cross = correlation * ours * theirs
    variance = weights @ np.array([[ours**2, cross], [cross, theirs**2]]) @ weights
    assert np.linalg.norm(result.transl) == pytest.approx(3 * ratio ** weights[1], rel=1e-4)
    np.testing.assert_allclose(result.betas - landmarks.betas, weights[1], atol=1e-3)
    np.testing.assert_allclose(unit(result.transl), direction, **ROUNDING)
    spread = ours**2 + theirs**2 - 2 * cross
    stretched = variance * max(1.0, math.log(ratio) ** 2 / spread)
    along = float(direction[0] @ result.transl_cov[0] @ direction[0]) ** 0.5
    assert along / np.linalg.norm(result.transl) == pytest.approx(stretched**0.5, rel=2e-3)


def test_people_whose_hips_the_image_does_not_hold_keep_the_landmarks_distance(people, engine):
    landmarks = engine(people, straight(people))
    hips = people.landmarks.copy()
    to_crop = people.crop_intrinsics @ np.linalg.inv(people.intrinsics)  # image px to crop px
    below = np.array([people.image_size[0, 0] / 2, people.image_size[0, 1] + 20, 1])
    hips[0, 23, :2] = (to_crop[0] @ below)[:2]
    cut = dataclasses.replace(people, landmarks=hips)
    inside = hips_shown(cut)
    assert inside[0] == 0
    assert inside[1:].tolist() == hips_shown(people)[1:].tolist()
    result = with_pixels(engine, landmarks, cut, None, ViewRoles())
    np.testing.assert_allclose(result.transl[0], landmarks.transl[0], **ROUNDING)
    pixels = engine.from_pixels(cut, straight(cut))
    stated = np.exp(pixels.log_deviation[0, 2]) * np.linalg.norm(landmarks.transl[0])
    expected = max(stated, landmarks.transl_deviation[0, 0])
    np.testing.assert_allclose(result.transl_deviation[0, 0], expected, **ROUNDING)
    np.testing.assert_allclose(result.betas[0], landmarks.betas[0], **ROUNDING)


def test_people_whose_legs_are_hidden_keep_the_landmarks_distance(people, engine):
    estimate = engine(people, straight(people))
    visibility = people.visibility.copy()
    visibility[:, 25:29] = 0.9
    visibility[0, 25:29] = 0.1
    hidden = dataclasses.replace(people, visibility=visibility)
    result = with_pixels(engine, estimate, hidden, None, ViewRoles())
    same = np.isclose(result.transl, estimate.transl, rtol=1e-6).all(1)
    assert same.tolist() == [True] + [False] * (len(people) - 1)


def assert_no_jumps(estimate, in_steps):
    """Landmarks at 4 m and pixels at 5 m, seen while a person is hidden in small steps: one goes over into the other.

    Args:
        in_steps: pairs of views and estimates, from trust in pixels to none.
    """
    count = len(estimate.transl)
    log = np.full((count, 3), math.log(0.05), np.float32)
    seen = []
    for views, posed in in_steps:
        placed_there = placed(posed, np.full(count, 4.0), np.full(count, 0.3))
        pixels = EstimateFromPixels(unit(placed_there.transl) * 5, log, placed_there.betas)
        result = fused(placed_there, pixels, CORRELATION, trust_in_pixels(views, placed_there))
        seen.append(np.column_stack([np.linalg.norm(result.transl, axis=-1), result.transl_deviation[:, 0]]))
    steps = np.abs(np.diff(seen, axis=0))
    whole = np.abs(seen[-1] - seen[0])
    assert (whole[:, 0] > 0.5).all()
    assert (steps < [0.04, 0.15]).all()
    np.testing.assert_allclose(seen[-1][:, 0], 4, rtol=1e-6)


def test_trust_in_pixels_fades_while_legs_disappear(people, engine):
    estimate = engine(people, straight(people))

    def hidden(visible):
        visibility = people.visibility.copy()
        visibility[:, 25:29] = visible
        return dataclasses.replace(people, visibility=visibility)

    assert_no_jumps(estimate, [(hidden(visible), estimate) for visible in np.linspace(0.6, 0.3, 121)])


def test_trust_in_pixels_fades_while_hips_leave_the_image(people, engine):
    """The image ends higher and higher: from 60 crop pixels below the hips to 2 above."""
    estimate = engine(people, straight(people))
    to_image = people.intrinsics @ np.linalg.inv(people.crop_intrinsics)
    hips = people.landmarks[:, 23:25, :2].mean(1)
    visibility = people.visibility.copy()
    visibility[:, 25:29] = 0.9

    def ending(below):
        end = to_image @ np.concatenate([hips + np.array([0, below]), np.ones((len(hips), 1))], 1)[..., None]
        size = np.concatenate([people.image_size[:, :1], end[:, 1] / end[:, 2]], 1).astype(np.float32)
        return dataclasses.replace(people, image_size=size, visibility=visibility)

    assert_no_jumps(estimate, [(ending(below), estimate) for below in np.linspace(60, -2, 249)])


def test_trust_in_pixels_fades_while_people_sit_down(people, engine):
    estimate = engine(people, straight(people))
    visibility = people.visibility.copy()
    visibility[:, 25:29] = 0.9
    shown = dataclasses.replace(people, visibility=visibility)

    def lifted(degrees):
        rotmats = estimate.rotmats.copy()
        rotmats[:, 1:3] = Rotation.from_euler("x", -degrees, degrees=True).as_matrix()
        return dataclasses.replace(estimate, rotmats=rotmats)

    assert_no_jumps(estimate, [(shown, lifted(degrees)) for degrees in np.linspace(10, 80, 281)])


def test_people_who_sit_keep_the_landmarks_distance(people, engine):
    """Thighs that are lifted by 60 degrees, of one person both, of another one."""
    estimate = engine(people, straight(people))
    lifted = np.array(Rotation.from_euler("x", -60, degrees=True).as_matrix(), np.float32)
    hanging = np.array(Rotation.from_euler("xz", [-20, 10], degrees=True).as_matrix(), np.float32)
    rotmats = estimate.rotmats.copy()
    rotmats[:, 1:3] = hanging
    rotmats[0, 1:3], rotmats[1, 1] = lifted, lifted
    posed = dataclasses.replace(estimate, rotmats=rotmats)
    assert sitting(posed.rotmats).tolist() == [1] + [0] * (len(people) - 1)
    result = with_pixels(engine, posed, people, None, ViewRoles())
    same = np.isclose(result.transl, posed.transl, rtol=1e-6).all(1)
    assert same.tolist() == [True] + [False] * (len(people) - 1)


def test_an_uncertain_branch_changes_little_and_a_certain_one_decides(people, engine):
    count = len(people)
    landmarks = placed(engine(people, straight(people)), np.full(count, 4.0), np.full(count, 0.08))
    direction, trust = unit(landmarks.transl), np.ones(count, np.float32)

    def with_deviation(value):
        log = np.full((count, 3), math.log(value), np.float32)
        pixels = EstimateFromPixels(direction * 5, log, landmarks.betas)
        return np.linalg.norm(fused(landmarks, pixels, 0.0, trust).transl, axis=-1)

    np.testing.assert_allclose(with_deviation(5.0), 4.0, rtol=1e-3)
    np.testing.assert_allclose(with_deviation(0.002), 5.0, rtol=1e-3)


def test_views_are_averaged_in_the_logarithm_of_the_distance():
    along = np.array([0, 0, 1], np.float32)
    views = EstimateFromPixels(
        np.stack([2 * along, 8 * along, 3 * along]),
        np.array([[0.0] * 3, [2.0] * 3, [1.0] * 3], np.float32),
        np.eye(3, 10, dtype=np.float32),
    )
    mean = mean_of_views(views, np.array([0, 0, 1]), 2)
    np.testing.assert_allclose(mean.transl, np.stack([4 * along, 3 * along]), rtol=1e-6)
    np.testing.assert_allclose(mean.log_deviation, np.ones((2, 3)), rtol=1e-6)
    np.testing.assert_allclose(mean.betas[0], [0.5, 0.5] + [0.0] * 8, rtol=1e-6)


def test_a_mirrored_view_counts_in_the_original_image_and_heavy_views_do_not(people, model, engine):
    """A mirrored view of the mirrored image is a straight view of it, and its answer the straight one mirrored."""
    first = dataclasses.replace(people, heavy=np.zeros(len(people), np.bool_))
    with torch.inference_mode():
        turned = dataclasses.replace(mirrored(CropBatch.of(first)).inputs(), heavy=first.heavy)
        back = model.pixel_position(mirrored(CropBatch.of(turned)))
    estimate = estimate_from_views(engine, first, None, ViewRoles())
    roles = ViewRoles(list(range(len(people))), [True] * len(people))
    both = with_pixels(engine, estimate, first, turned, roles)
    seen, rows = engine.from_pixels(first, straight(first)), np.arange(len(people))
    flipped = EstimateFromPixels(
        back.transl.numpy() * np.array(MIRROR_X, np.float32), back.log_deviation.numpy(), back.betas.numpy()
    )
    views = mean_of_views(EstimateFromPixels.joined([seen, flipped]), np.concatenate([rows, rows]), len(people))
    expected = fused(estimate, views, CORRELATION, trust_in_pixels(first, estimate))
    np.testing.assert_allclose(both.transl, expected.transl, **ROUNDING)
    heavy = dataclasses.replace(turned, heavy=np.ones(len(people), np.bool_), trunk_maps=None, decoder_maps=None)
    alone = with_pixels(engine, estimate, first, heavy, roles)
    expected = fused(estimate, seen, CORRELATION, trust_in_pixels(first, estimate))
    np.testing.assert_allclose(alone.transl, expected.transl, **ROUNDING)


def test_a_network_without_the_branch_and_people_without_maps_are_left_as_they_are(people, engine):
    estimate = engine(people, straight(people))
    assert with_pixels(engine, estimate, people.without_maps(), None, ViewRoles()) is estimate
    plain = MetricHMR(build(ModelConfig, CONFIG | {"image_encoder": {"reads_heavy": True}}))
    assert plain.pixel_position is None
    assert with_pixels(TorchEngine(plain), estimate, people, None, ViewRoles()) is estimate
