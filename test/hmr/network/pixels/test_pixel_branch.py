"""The pixel branch and the fusion of its distances: geometry, closed forms, and a second implementation."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from helpers.pixel_networks import CONFIG, ROUNDING
from helpers.simulated_people import simulate
from helpers.small_networks import TINY_MOE

from metrichmsr_ros.config import build
from metrichmsr_ros.hmr.config import ModelConfig, PixelPositionConfig
from metrichmsr_ros.hmr.network.checkpoint import load_model, save_model
from metrichmsr_ros.hmr.network.model import MetricHMR
from metrichmsr_ros.hmr.network.pixels.branch import PixelPosition, shows_feet


def with_maps(batch, seed=0):
    random = torch.Generator().manual_seed(seed)
    shapes = {"trunk_maps": (88, 16, 16), "decoder_maps": (288, 8, 8)}
    return dataclasses.replace(
        batch, **{name: torch.rand(len(batch), *shape, generator=random) for name, shape in shapes.items()}
    )


@pytest.fixture(scope="module")
def people(body):
    return with_maps(simulate(body, 6).inputs)


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(3)
    network = MetricHMR(build(ModelConfig, CONFIG)).eval()
    with torch.no_grad():
        network.pixel_position.position[-1].weight.mul_(20)  # so that people differ
    return network


@torch.inference_mode()
def test_the_position_projects_to_where_the_branch_says(people, model):
    branch = model.pixel_position
    located, estimate = branch.locate(branch.tokens(people)), branch(people)
    seen = (people.crop_intrinsics @ estimate.transl[..., None])[..., 0]
    torch.testing.assert_close(seen[:, :2] / seen[:, 2:], 256 * located.where[:, :2], atol=0.02, rtol=1e-3)
    assert (estimate.transl[:, 2] > 0).all()


@torch.inference_mode()
def test_a_longer_focal_length_puts_the_same_crop_farther_away_only_through_the_camera_token(people, model):
    """Twice the focal length with the same outputs is twice the distance."""
    branch = model.pixel_position
    zoom = torch.diag(torch.tensor([2.0, 2.0, 1.0]))
    middle = torch.tensor([[1.0, 0, 127.5], [0, 1, 127.5], [0, 0, 1]])
    longer = middle @ zoom @ torch.linalg.inv(middle) @ people.crop_intrinsics
    located = branch.locate(branch.tokens(people))
    branch_of = dataclasses.replace(people, crop_intrinsics=longer)
    original = branch.locate
    branch.locate = lambda tokens: located
    try:
        near, far = branch(people), branch(branch_of)
    finally:
        branch.locate = original
    torch.testing.assert_close(far.transl[:, 2], 2 * near.transl[:, 2], **ROUNDING)


@torch.inference_mode()
def test_people_of_a_batch_do_not_see_each_other(people, model):
    alone = [model.pixel_position(people.select(torch.tensor([k]))) for k in range(len(people))]
    together = model.pixel_position(people)
    torch.testing.assert_close(together.transl, torch.cat([one.transl for one in alone]), atol=1e-4, rtol=1e-4)


@torch.inference_mode()
def test_half_of_the_answer_does_not_see_the_pixels(people, model):
    """Against two looks of the same weights, one with all pixel tokens zero, as training leaves them out."""
    people = people.with_tensors({"image_size": torch.full_like(people.image_size, 1e6)})
    assert shows_feet(people).all()
    branch = model.pixel_position
    half = PixelPosition(dataclasses.replace(branch.config, blind_share=0.5)).eval()
    half.load_state_dict(branch.state_dict())
    tokens = branch.tokens(people)
    looks = [
        branch.locate(tokens),
        branch.locate(dataclasses.replace(tokens, pixels=torch.zeros_like(tokens.pixels))),
    ]
    found, seen = half(people), branch(people)
    assert not torch.allclose(found.transl, seen.transl, rtol=1e-3)
    depths = [look.where[:, 2] for look in looks]
    ratio = (found.transl[:, 2] / seen.transl[:, 2]).log()
    torch.testing.assert_close(ratio, (depths[1] - depths[0]) / 2, atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(found.betas, (looks[0].betas + looks[1].betas) / 2, atol=1e-5, rtol=1e-4)
    deviations = (looks[0].log_deviation + looks[1].log_deviation) / 2
    torch.testing.assert_close(found.log_deviation, deviations, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("mixer", [{}, {"mixer": "human_moe", "moe": TINY_MOE}, {"conditioning": "none"}])
@torch.inference_mode()
def test_one_token_without_pixels_stands_for_all(mixer, people):
    torch.manual_seed(4)
    branch = PixelPosition(build(PixelPositionConfig, CONFIG["pixel_position"] | mixer)).eval()
    tokens = branch.tokens(people)
    found = branch.locate_blind(tokens)
    expected = branch.locate(dataclasses.replace(tokens, pixels=torch.zeros_like(tokens.pixels)))
    for name in ("where", "log_deviation", "betas", "features"):
        torch.testing.assert_close(getattr(found, name), getattr(expected, name), atol=1e-5, rtol=1e-4)
    assert not torch.allclose(found.features, branch.locate(tokens).features, rtol=1e-2)


@torch.inference_mode()
def test_pixels_of_people_whose_feet_are_cut_off_do_not_count(people, model):
    """The edge of the image passes just below and just above the lowest point of the feet, in float64."""
    crop = np.concatenate([people.landmarks[:, 27:33, :2].double().numpy(), np.ones((len(people), 6, 1))], axis=-1)
    to_image = people.intrinsics.double().numpy() @ np.linalg.inv(people.crop_intrinsics.double().numpy())
    feet = crop @ to_image.swapaxes(1, 2)
    lowest = torch.from_numpy((feet[..., 1] / feet[..., 2]).max(1)).float()
    whole = people.with_tensors({"image_size": torch.stack([torch.full_like(lowest, 1e6), lowest + 1.5], dim=1)})
    cut = people.with_tensors({"image_size": torch.stack([torch.full_like(lowest, 1e6), lowest - 0.5], dim=1)})
    assert shows_feet(whole).any()
    left = torch.from_numpy((feet[..., 0] / feet[..., 2]).min(1)).float() > 0
    assert torch.equal(shows_feet(whole), left)
    assert not shows_feet(cut).any()
    branch = model.pixel_position
    half = PixelPosition(dataclasses.replace(branch.config, blind_share=0.5)).eval()
    half.load_state_dict(branch.state_dict())
    other = with_maps(cut, seed=1)
    assert not torch.allclose(branch(cut).transl, branch(other).transl, rtol=1e-4)
    torch.testing.assert_close(half(cut).transl, half(other).transl, **ROUNDING)
    blind = dataclasses.replace(branch.tokens(cut), pixels=torch.zeros_like(branch.tokens(cut).pixels))
    torch.testing.assert_close(half(cut).betas, branch.locate(blind).betas, **ROUNDING)


def test_nothing_in_the_forward_pass_breaks_the_graph(people, model):
    compiled = torch.compile(model.pixel_position, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(people).transl, model.pixel_position(people).transl, **ROUNDING)


def test_a_branch_stored_in_half_precision_is_loaded_in_single(tmp_path, model, people):
    stored = MetricHMR(model.config)
    stored.load_state_dict(model.state_dict())
    stored.pixel_position.half()
    save_model(tmp_path / "m.safetensors", stored)
    loaded = load_model(tmp_path / "m.safetensors")
    assert {p.dtype for p in loaded.parameters()} == {torch.float32}
    with torch.inference_mode():
        ours, theirs = model.pixel_position(people).transl, loaded.pixel_position(people).transl
    torch.testing.assert_close(ours, theirs, rtol=2e-2, atol=0.02)
