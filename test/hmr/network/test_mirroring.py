"""Views that the network sees mirrored: geometry against projections."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from helpers.simulated_people import SMALL_MOE, simulate

from metrichmsr_ros.body.joints import MIRROR_JOINTS
from metrichmsr_ros.config import build
from metrichmsr_ros.hmr.config import ModelConfig
from metrichmsr_ros.hmr.network.mirroring import mirrored, mirrored_back
from metrichmsr_ros.hmr.network.model import MetricHMR
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
