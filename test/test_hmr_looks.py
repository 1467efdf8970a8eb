"""Two looks at the same people: mirrored geometry against projections, means against SciPy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation
from simulated_people import simulate

from metrichmsr_ros.body.model import load_body
from metrichmsr_ros.hmr.config import ModelConfig, build
from metrichmsr_ros.hmr.heads import covariance
from metrichmsr_ros.hmr.looks import estimate_from_looks, mean_estimate
from metrichmsr_ros.hmr.mirror import mirrored, mirrored_back
from metrichmsr_ros.hmr.model import MetricHMR
from metrichmsr_ros.training.augment import mirror

MOE = {"width": 32, "heads": 2, "patch_layers": 1, "global_layers": 1, "global_tokens": 4}


@pytest.fixture(scope="module")
def body():
    return load_body("open_light")


@pytest.fixture(scope="module")
def people(body):
    return simulate(body, 6)


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(3)
    return MetricHMR(build(ModelConfig, {"moe": MOE, "head": {"hidden": 64}})).eval()


def joints_2d(body, output, intrinsics):
    joints = body.joints(output.betas, output.rotmats, output.transl)
    seen = joints @ intrinsics.mT
    return (seen[..., :2] / seen[..., 2:]).numpy()


@torch.inference_mode()
def test_an_answer_about_the_mirrored_people_projects_onto_the_mirrored_pixels(body, people, model):
    """The same answer, read in both pictures: u and width - 1 - u, left joints where right ones were."""
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


def test_the_mirrored_batch_is_that_of_training(people):
    batch, _ = mirror(*people.select(torch.arange(6)))
    for name, value in mirrored(people.inputs).tensors().items():
        torch.testing.assert_close(value, getattr(batch, name))


@torch.inference_mode()
def test_the_mean_of_two_answers(people, model):
    a, b = model(people.inputs), mirrored_back(model(mirrored(people.inputs)))
    mean = mean_estimate(a, b)
    for person in range(len(people)):
        for joint in range(24):
            pair = Rotation.from_matrix(np.stack([r.rotmats[person, joint].numpy() for r in (a, b)]))
            np.testing.assert_allclose(mean.rotmats[person, joint].numpy(), pair.mean().as_matrix(), atol=1e-4)
    torch.testing.assert_close(mean.betas, 0.5 * (a.betas + b.betas))
    torch.testing.assert_close(mean.transl, 0.5 * (a.transl + b.transl))
    torch.testing.assert_close(mean.transl_cov, covariance(mean.transl, mean.transl_deviation))


@torch.inference_mode()
def test_only_those_with_a_second_look_change_and_order_is_kept(people, model):
    who = [4, 1]
    second = people.inputs.select(torch.tensor(who))
    second = second.with_tensors({"landmarks": second.landmarks + 3.0})
    plain, found = model(people.inputs), estimate_from_looks(model, people.inputs, second, who)
    other = mirrored_back(model(mirrored(second)))
    for row in range(6):
        expected = plain.transl[row]
        if row in who:
            expected = (expected + other.transl[who.index(row)]) / 2
        torch.testing.assert_close(found.transl[row], expected, atol=1e-5, rtol=1e-5)
    assert not torch.allclose(found.transl[4], plain.transl[4], atol=1e-5)


@torch.inference_mode()
def test_without_second_looks_the_answer_is_the_plain_one(people, model):
    nobody = people.inputs.select(torch.tensor([], dtype=torch.long))
    found = estimate_from_looks(model, people.inputs, nobody, [])
    torch.testing.assert_close(found.rotmats, model(people.inputs).rotmats)
