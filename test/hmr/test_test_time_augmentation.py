"""Test-time augmentation: mirrored geometry against projections, means over views against SciPy."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from helpers.simulated_people import SMALL_MOE, simulate
from scipy.spatial.transform import Rotation

from metrichmsr_ros.config import build
from metrichmsr_ros.hmr.config import ModelConfig
from metrichmsr_ros.hmr.network.heads import covariance
from metrichmsr_ros.hmr.network.mirroring import mirrored, mirrored_back
from metrichmsr_ros.hmr.network.model import MetricHMR
from metrichmsr_ros.hmr.test_time_augmentation import (
    HEAVY_WEIGHT,
    ViewRoles,
    estimate_from_views,
)
from metrichmsr_ros.training.human.landmark_augment import mirror


@pytest.fixture(scope="module")
def people(body):
    return simulate(body, 6)


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(3)
    config = {"image_encoder": {"reads_heavy": True}, "moe": SMALL_MOE, "head": {"hidden": 64}}
    return MetricHMR(build(ModelConfig, config)).eval()


def joints_2d(body, output, intrinsics):
    joints = body.joints(output.betas, output.rotmats, output.transl)
    seen = joints @ intrinsics.mT
    return (seen[..., :2] / seen[..., 2:]).numpy()


@torch.inference_mode()
def test_an_estimate_of_mirrored_people_projects_onto_the_mirrored_pixels(body, people, model):
    """The same estimate in both images: u becomes width - 1 - u, and left and right joints swap."""
    from metrichmsr_ros.body.joints import MIRROR_JOINTS

    turned = mirrored(people.inputs)
    answer = model(turned)
    there = joints_2d(body, answer, turned.intrinsics)
    here = joints_2d(body, mirrored_back(answer), people.inputs.intrinsics)
    width = people.inputs.image_size[:, :1].numpy()
    np.testing.assert_allclose(here[..., 0], width - 1 - there[:, list(MIRROR_JOINTS), 0], atol=0.05)
    np.testing.assert_allclose(here[..., 1], there[:, list(MIRROR_JOINTS), 1], atol=0.05)


@torch.inference_mode()
def test_mirroring_back_twice_changes_nothing(people, model):
    answer = model(people.inputs)
    again = mirrored_back(mirrored_back(answer))
    for name in ("rotmats", "transl", "transl_cov", "betas"):
        torch.testing.assert_close(getattr(again, name), getattr(answer, name), atol=1e-5, rtol=1e-5)


def test_the_mirrored_batch_equals_that_of_training(people):
    batch, _ = mirror(*people.select(torch.arange(6)))
    for name, value in mirrored(people.inputs).tensors().items():
        torch.testing.assert_close(value, getattr(batch, name))


def further_views(people, who):
    """Further views of the rows of `who`, each with its own small error."""
    more = people.inputs.select(torch.tensor(who, dtype=torch.long))
    off = 4 * torch.randn(more.landmarks.shape, generator=torch.Generator().manual_seed(5))
    heavy = torch.arange(len(who)) % 2 == 1
    return more.with_tensors({"landmarks": more.landmarks + off, "heavy": heavy})


def single_view_estimates(model, people, more, roles):
    """Estimates and weights of single views by person: the first view, then the others."""
    first = model(people.inputs)
    plain, mirrored_view = model(more), mirrored_back(model(mirrored(more)))
    weights = torch.where(more.heavy, HEAVY_WEIGHT, 1.0).tolist()
    by_person = [[(first, row, 1.0)] for row in range(len(people))]
    for view, (row, is_mirrored) in enumerate(zip(roles.person, roles.mirrored, strict=True)):
        by_person[row].append((mirrored_view if is_mirrored else plain, view, weights[view]))
    return by_person


@torch.inference_mode()
def test_every_person_gets_the_mean_over_its_own_views(people, model):
    """Against SciPy and plain sums over the views of each; views in any order, some people without."""
    roles = ViewRoles([4, 1, 4, 4], [True, True, False, False])
    more = further_views(people, roles.person)
    found = estimate_from_views(model, people.inputs, more, roles)
    for row, views in enumerate(single_view_estimates(model, people, more, roles)):
        for name in ("transl", "betas", "transl_deviation"):
            expected = sum(w * getattr(output, name)[at] for output, at, w in views) / sum(w for _, _, w in views)
            torch.testing.assert_close(getattr(found, name)[row], expected, atol=1e-5, rtol=1e-5)
        for joint in range(24):
            turns = Rotation.from_matrix(np.stack([output.rotmats[at, joint].numpy() for output, at, _ in views]))
            expected = turns.mean(weights=[w for _, _, w in views]).as_matrix()
            np.testing.assert_allclose(found.rotmats[row, joint].numpy(), expected, atol=1e-4)
    torch.testing.assert_close(found.transl_cov, covariance(found.transl, found.transl_deviation))


class FakeFacing(torch.nn.Module):
    """A fake network: if the first landmark's u is above 100, the person faces the other way and is 9 m off."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, batch):
        output = self.model(batch)
        away = (batch.landmarks[:, 0, 0] > 100).float()[:, None]
        turn = torch.diag_embed(torch.cat([1 - 2 * away, torch.ones_like(away), 1 - 2 * away], dim=1))
        rotmats = torch.cat([turn[:, None], output.rotmats[:, 1:]], dim=1)
        return dataclasses.replace(output, rotmats=rotmats, transl=output.transl * 0 + 1 + 8 * away)


@torch.inference_mode()
def test_a_view_that_confuses_front_and_back_is_left_out(people, model):
    def views_with(u, rows):
        batch = people.inputs.select(torch.tensor(rows))
        landmarks = batch.landmarks.clone()
        landmarks[:, 0, 0] = u
        return batch.with_tensors({"landmarks": landmarks})

    roles = ViewRoles([0, 1], [False, False])
    more = views_with(50.0, [0, 1])
    more.landmarks[1, 0, 0] = 200.0
    found = estimate_from_views(FakeFacing(model), views_with(50.0, [0, 1]), more, roles)
    torch.testing.assert_close(found.transl, torch.ones(2, 3))
    torch.testing.assert_close(found.rotmats[:, 0], torch.eye(3).expand(2, 3, 3))


@torch.inference_mode()
def test_without_further_views_the_estimate_is_that_of_one_view(people, model):
    found = estimate_from_views(model, people.inputs, further_views(people, []), ViewRoles())
    torch.testing.assert_close(found.rotmats, model(people.inputs).rotmats, rtol=1e-4, atol=1e-5)
