"""Test-time augmentation: means over views against SciPy, and views that are left out."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from helpers.facing_views import views_of
from helpers.simulated_people import SMALL_MOE, simulate
from scipy.spatial.transform import Rotation

from metrichmsr_ros.config import build
from metrichmsr_ros.hmr.config import ModelConfig
from metrichmsr_ros.hmr.estimate import covariance
from metrichmsr_ros.hmr.network.batch import CropBatch
from metrichmsr_ros.hmr.network.engine import TorchEngine
from metrichmsr_ros.hmr.network.mirroring import mirrored, mirrored_back
from metrichmsr_ros.hmr.network.model import MetricHMR
from metrichmsr_ros.hmr.test_time_augmentation import HEAVY_WEIGHT, ViewRoles, estimate_from_views, mean_of


@pytest.fixture(scope="module")
def people(body):
    return simulate(body, 6).inputs.inputs()


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(3)
    config = {"image_encoder": {"reads_heavy": True}, "moe": SMALL_MOE, "head": {"hidden": 64}}
    return MetricHMR(build(ModelConfig, config)).eval()


@pytest.fixture(scope="module")
def engine(model):
    return TorchEngine(model)


def straight(people):
    return np.zeros(len(people), np.bool_)


def further_views(people, who):
    """Further views of the rows of `who`, each with its own small error."""
    more = people.select(np.array(who, int))
    off = 4 * np.random.default_rng(5).normal(size=more.landmarks.shape).astype(np.float32)
    return dataclasses.replace(more, landmarks=more.landmarks + off, heavy=np.arange(len(who)) % 2 == 1)


@torch.inference_mode()
def single_view_estimates(model, people, more, roles):
    """Estimates and weights of single views by person: the first view, then the others."""
    first, further = model(CropBatch.of(people)), CropBatch.of(more)
    plain, mirrored_view = model(further), mirrored_back(model(mirrored(further)))
    weights = np.where(more.heavy, HEAVY_WEIGHT, 1.0).tolist()
    by_person = [[(first, row, 1.0)] for row in range(len(people))]
    for view, (row, is_mirrored) in enumerate(zip(roles.person, roles.mirrored, strict=True)):
        by_person[row].append((mirrored_view if is_mirrored else plain, view, weights[view]))
    return by_person


def test_every_person_gets_the_mean_over_its_own_views(people, model, engine):
    """Against SciPy and plain sums over the views of each; views in any order, some people without."""
    roles = ViewRoles([4, 1, 4, 4], [True, True, False, False])
    more = further_views(people, roles.person)
    found = estimate_from_views(engine, people, more, roles)
    for row, views in enumerate(single_view_estimates(model, people, more, roles)):
        for name in ("transl", "betas", "transl_deviation"):
            expected = sum(w * getattr(output, name)[at] for output, at, w in views) / sum(w for _, _, w in views)
            np.testing.assert_allclose(getattr(found, name)[row], expected.numpy(), atol=1e-5, rtol=1e-5)
        for joint in range(24):
            turns = Rotation.from_matrix(np.stack([output.rotmats[at, joint].numpy() for output, at, _ in views]))
            expected = turns.mean(weights=[w for _, _, w in views]).as_matrix()
            np.testing.assert_allclose(found.rotmats[row, joint], expected, atol=1e-4)
    np.testing.assert_allclose(found.transl_cov, covariance(found.transl, found.transl_deviation))


def test_views_tell_how_much_they_differ_and_who_dissents():
    """Two views 20 degrees apart are 10 from their mean; the third faces away and is left out."""
    views = views_of([[0, 20, 180], [90]])
    mean = mean_of(views, views.voted(views.weight))
    np.testing.assert_allclose(mean.spread[0, 0], np.deg2rad(10), rtol=5e-3)  # the chord, not the arc
    np.testing.assert_allclose(mean.spread[0, 1:], 0, atol=1e-3)
    assert np.isnan(mean.spread[1]).all()
    np.testing.assert_allclose(mean.doubt, [1 / 3, 0], atol=1e-6)
    second = mean.select([1])
    assert (second.spread.shape, second.doubt.tolist()) == ((1, 24), [0])


def test_wide_views_move_people_but_do_not_turn_them():
    """The first person has two usual views and a wide one; of the second, a wide one alone is kept."""
    views = views_of([[0, 20, 40], [90, 80]])  # in the order 0, 90, 20, 40, 80
    views.output.transl[:, 2] = [3, 5, 4, 8, 7]
    views.output.transl_deviation[:] = [[1, 1], [3, 1], [2, 2], [5, 4], [6, 2]]
    views.output.betas[:, 0] = [0, 7, 1, 5, 2]
    wide, keep = np.array([0, 0, 0, 1, 1], np.float32), np.array([1, 0, 1, 1, 1], bool)
    mean = mean_of(dataclasses.replace(views, wide=wide), keep)
    np.testing.assert_allclose(mean.transl[:, 2], [8, 7], rtol=1e-6)
    chest = mean.transl + 0.4 * mean.rotmats[:, 0, :, 1]
    np.testing.assert_allclose(chest[0] / chest[0, 2], np.array([0, -0.4, 3.5]) / 3.5, atol=1e-6)  # on its ray
    np.testing.assert_allclose(mean.transl_deviation, [[5, 1.5], [6, 2]], rtol=1e-6)
    np.testing.assert_allclose(mean.betas[:, 0], [0.5, 2], rtol=1e-6)
    front = np.degrees(np.arctan2(mean.rotmats[:, 0, 0, 2], -mean.rotmats[:, 0, 2, 2]))
    np.testing.assert_allclose(front, [10, 80], atol=1e-3)
    np.testing.assert_allclose(mean.spread[0, 0], np.deg2rad(10), rtol=5e-3)
    assert np.isnan(mean.spread[1]).all()
    np.testing.assert_allclose(mean.doubt, [0, 1 / 2])


def test_half_hidden_people_lie_between_the_distances_of_usual_and_wide_views():
    views = views_of([[0, 0, 0], [0]])
    views.output.transl[:, 2] = [3, 6, 4, 8]
    views.output.transl_deviation[:, 0] = [1, 3, 1, 5]
    for share, expected, deviation in ((0.5, (3.5 + 8) / 2, 3), (0.01, 3.5 + 0.045, 1.04)):
        mean = mean_of(dataclasses.replace(views, wide=np.array([0, 0, 0, share], np.float32)), np.ones(4, bool))
        np.testing.assert_allclose(mean.transl[:, 2], [expected, 6], rtol=1e-6)
        np.testing.assert_allclose(mean.transl_deviation[:, 0], [deviation, 3], rtol=1e-6)


class FakeFacing:
    """A fake network: if the first landmark's u is above 100, the person faces the other way and is 9 m off."""

    def __init__(self, engine):
        self.engine, self.config, self.weights_sha256 = engine, engine.config, ""

    def __call__(self, views, is_mirrored):
        output = self.engine(views, is_mirrored)
        away = views.landmarks[:, 0, 0] > 100
        rotmats = output.rotmats.copy()
        rotmats[:, 0] = np.where(away[:, None, None], np.diag([-1, 1, -1]), np.eye(3))
        return dataclasses.replace(output, rotmats=rotmats, transl=output.transl * 0 + 1 + 8 * away[:, None])


def test_a_view_that_confuses_front_and_back_is_left_out(people, engine):
    def views_with(u, rows):
        views = people.select(np.array(rows))
        landmarks = views.landmarks.copy()
        landmarks[:, 0, 0] = u
        return dataclasses.replace(views, landmarks=landmarks)

    roles = ViewRoles([0, 1], [False, False])
    more = views_with(50.0, [0, 1])
    more.landmarks[1, 0, 0] = 200.0
    found = estimate_from_views(FakeFacing(engine), views_with(50.0, [0, 1]), more, roles)
    np.testing.assert_allclose(found.transl, np.ones((2, 3)), rtol=1e-5)
    np.testing.assert_allclose(found.rotmats[:, 0], np.tile(np.eye(3), (2, 1, 1)), atol=1e-5)


def test_without_further_views_the_estimate_is_that_of_one_view(people, engine):
    found = estimate_from_views(engine, people, further_views(people, []), ViewRoles())
    np.testing.assert_allclose(found.rotmats, engine(people, straight(people)).rotmats, rtol=1e-4, atol=1e-5)
