"""The objective: zero at the truth, masked without a label, and an uncertainty term that is least at the true one."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import roma
import torch
from helpers.simulated_people import simulate

from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.hmr.network.losses import HALF_TRUSTED, HumanLossWeights, human_losses, project, total_loss
from metrichmsr_ros.hmr.network.model import HMROutput


@pytest.fixture(scope="module")
def people(body):
    return simulate(body, 6)


def output_of(truth, covariance=1e-2):
    count = len(truth)
    return HMROutput(
        rotmats=roma.rotvec_to_rotmat(truth.pose.reshape(count, 24, 3)),
        betas=truth.betas,
        transl=truth.transl,
        transl_cov=covariance * torch.eye(3).expand(count, 3, 3),
        transl_deviation=covariance**0.5 * torch.ones(count, 2),
        expert_share=torch.full((count, 1, 4), 0.25),
        load_balance=torch.tensor(1.0),
    )


def test_losses_of_the_truth_are_zero(people, body):
    losses = human_losses(output_of(people.truth), people.truth, people.inputs, body)
    assert losses.pop("load_balance").item() == 1.0
    losses.pop("uncertainty")
    assert set(losses) == {"joints_2d", "joints_3d", "vertices", "pose", "betas", "height", "position"}
    for name, value in losses.items():
        assert value.item() < 2e-4, name


def test_loss_j2d_is_pixels_over_box_size(people, body):
    """Moved by 0.1 m to the right, a joint at depth z moves by f 0.1 / z pixels."""
    truth, batch = people.truth, people.inputs
    moved = dataclasses.replace(output_of(truth), transl=truth.transl + torch.tensor([0.1, 0.0, 0.0]))
    size = (batch.bbox[:, 2:] - batch.bbox[:, :2]).amax(-1, keepdim=True)
    expected = (batch.intrinsics[:, 0, :1] * 0.1 / truth.joints_cam[..., 2] / size).mean()
    losses = human_losses(moved, truth, batch, body)
    assert losses["joints_2d"].item() == pytest.approx(expected.item(), rel=1e-3)
    assert losses["joints_3d"].item() < 1e-4
    relative = (0.1 / truth.joints_cam[:, 0].norm(dim=-1)).mean()
    assert losses["position"].item() == pytest.approx(relative.item(), rel=1e-3)


@pytest.mark.parametrize(
    ("mask", "silenced"),
    [
        ("has_pose", {"pose", "vertices"}),
        ("has_betas", {"betas", "height", "vertices"}),
        ("has_transl", {"position", "uncertainty"}),
        ("has_joints_cam", {"joints_3d"}),
        ("has_joints_2d", {"joints_2d"}),
    ],
)
def test_masked_loss_is_zero_and_has_no_gradient(people, body, mask, silenced):
    truth = dataclasses.replace(people.truth, **{mask: torch.zeros(len(people), dtype=torch.bool)})
    wrong = output_of(people.truth)
    betas = (wrong.betas + 1).requires_grad_()
    wrong = dataclasses.replace(wrong, betas=betas, transl=wrong.transl + 1, rotmats=wrong.rotmats.roll(1, dims=1))
    losses = human_losses(wrong, truth, people.inputs, body)
    assert {name for name, value in losses.items() if value.item() == 0.0} == silenced
    total_loss({name: losses[name] for name in silenced}, HumanLossWeights()).backward() if silenced & {
        "betas"
    } else None
    assert betas.grad is None or (betas.grad == 0).all()


def test_half_a_mask_is_half_the_loss(people, body):
    wrong = dataclasses.replace(output_of(people.truth), betas=people.truth.betas + 1)
    half = torch.arange(len(people)) % 2 == 0
    truth = dataclasses.replace(people.truth, has_betas=half)
    whole = human_losses(wrong, people.truth, people.inputs, body)["betas"]
    assert human_losses(wrong, truth, people.inputs, body)["betas"].item() == pytest.approx(whole.item() / 2)


def test_weights_of_people_scale_their_losses(people, body):
    """Everybody's shape is wrong by 1, so that the term is the mean weight."""
    weight = torch.tensor([0.5, 0.9, 0.0, 1.0, 0.6, 0.75])
    wrong = dataclasses.replace(output_of(people.truth), betas=people.truth.betas + 1, transl=people.truth.transl + 1)
    weighted = human_losses(wrong, dataclasses.replace(people.truth, weight=weight), people.inputs, body)
    assert weighted["betas"].item() == pytest.approx(weight.mean().item(), rel=1e-5)
    distance = people.truth.joints_cam[:, 0].norm(dim=-1)
    true = people.truth.joints_cam[:, 0]
    moved = body.joints(wrong.betas, wrong.rotmats, torch.zeros_like(true))[:, 0] + wrong.transl
    expected = (weight * (moved - true).norm(dim=-1) / distance).mean()
    assert weighted["position"].item() == pytest.approx(expected.item(), rel=1e-4)


def test_positions_count_less_the_less_exact_they_are_and_do_not_train_deviations(people, body):
    distance = people.truth.joints_cam[:, 0].norm(dim=-1)
    wrong = dataclasses.replace(output_of(people.truth), transl=people.truth.transl + 1)
    exact = human_losses(wrong, people.truth, people.inputs, body)
    for relative, share in ((0.0, 1.0), (1.0, 0.5), (3.0, 0.1)):
        truth = dataclasses.replace(people.truth, position_sigma=relative * HALF_TRUSTED * distance)
        losses = human_losses(wrong, truth, people.inputs, body)
        assert losses["position"].item() == pytest.approx(share * exact["position"].item(), rel=1e-4)
        assert losses["uncertainty"].item() == (exact["uncertainty"].item() if relative == 0 else 0.0)
        assert losses["joints_3d"].item() == exact["joints_3d"].item()


def test_uncertainty_loss_is_minimal_at_the_true_deviation(people, body):
    generator = torch.Generator().manual_seed(0)
    errors = torch.randn(len(people), 3, generator=generator)
    heavy = (torch._standard_gamma(torch.full((len(people), 1), 4.0), generator=generator) / 4.0).rsqrt()  # t, 8 d.o.f.
    errors, spread = errors * heavy * 0.1, 0.01

    def loss(variance):
        moved = dataclasses.replace(output_of(people.truth, variance), transl=people.truth.transl + errors)
        return human_losses(moved, people.truth, people.inputs, body)["uncertainty"].item()

    assert loss(spread) < min(loss(spread * 1.5), loss(spread / 1.5))


def test_projection_agrees_with_camera():
    camera = Camera.from_fov(640, 480, 1.0)
    points = np.array([[0.3, -0.2, 2.0], [-1.0, 0.5, 5.0]])
    K = torch.tensor(camera.intrinsics, dtype=torch.float32)[None]
    ours = project(torch.tensor(points, dtype=torch.float32)[None], K)[0].numpy()
    np.testing.assert_allclose(ours, camera.project(points), atol=1e-3)


def test_loss_of_a_person_behind_the_camera_is_finite(people, body):
    wrong = output_of(people.truth)
    transl = (-wrong.transl).requires_grad_()
    losses = human_losses(dataclasses.replace(wrong, transl=transl), people.truth, people.inputs, body)
    total = total_loss(losses, HumanLossWeights())
    total.backward()
    assert torch.isfinite(total)
    assert torch.isfinite(transl.grad).all()
