"""The pixel branch and the fusion of its distances: geometry, closed forms, and a second implementation."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch
from helpers.simulated_people import SMALL_MOE, simulate
from hypothesis import given, settings
from hypothesis import strategies as st

from metrichmsr_ros.config import build
from metrichmsr_ros.hmr.config import ModelConfig, PixelPositionConfig
from metrichmsr_ros.hmr.network.checkpoint import load_model, save_model
from metrichmsr_ros.hmr.network.heads import covariance
from metrichmsr_ros.hmr.network.mirroring import MIRROR_X, mirrored
from metrichmsr_ros.hmr.network.model import MetricHMR
from metrichmsr_ros.hmr.network.pixels.branch import PixelEstimate
from metrichmsr_ros.hmr.pixel_fusion import fused, mean_of_views, shows_hips, with_pixels
from metrichmsr_ros.hmr.test_time_augmentation import ViewRoles, estimate_from_views

CONFIG = {
    "image_encoder": {"kind": "blazepose_pixels", "reads_heavy": True},
    "moe": SMALL_MOE,
    "head": {"hidden": 64},
    "pixel_position": {"width": 32, "layers": 1},
}

CORRELATION = PixelPositionConfig().correlation

ROUNDING = {"rtol": 1e-4, "atol": 1e-5}
"""float32 sums differ by their order, which threads and batch sizes choose."""


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
def test_nothing_in_the_forward_pass_breaks_the_graph(people, model):
    compiled = torch.compile(model.pixel_position, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(people).transl, model.pixel_position(people).transl, **ROUNDING)


@pytest.fixture(scope="module")
def person(model, people):
    with torch.inference_mode():
        return model(people.select(torch.tensor([0])))


def placed(output, distance, deviation):
    """The landmarks' estimate with these distances and relative deviations along the line of sight."""
    transl = torch.nn.functional.normalize(output.transl, dim=-1) * distance[:, None]
    spread = torch.stack([deviation * distance, 0.01 * distance], dim=-1)
    return dataclasses.replace(output, transl=transl, transl_deviation=spread, transl_cov=covariance(transl, spread))


@settings(deadline=None, max_examples=40)
@given(
    ours=st.floats(0.02, 0.3),
    theirs=st.floats(0.02, 0.3),
    ratio=st.floats(0.7, 1.4),
    correlation=st.floats(0.0, 0.8),
)
def test_fused_distance_has_the_stated_variance(person, ours, theirs, ratio, correlation):
    """Against matrices in float64: inverse-variance weights, and the variance that they have for correlated errors."""
    landmarks = placed(person, torch.tensor([3.0]), torch.tensor([ours]))
    direction = torch.nn.functional.normalize(landmarks.transl, dim=-1)
    pixels = PixelEstimate(direction * 3.0 * ratio, torch.tensor([[0.0, 0.0, math.log(theirs)]]), landmarks.betas + 1)
    result = fused(landmarks, pixels, correlation, torch.tensor([True]))

    weights = np.array([ours**-2, theirs**-2]) / (ours**-2 + theirs**-2)
    cross = correlation * ours * theirs
    variance = weights @ np.array([[ours**2, cross], [cross, theirs**2]]) @ weights
    assert result.transl.norm().item() == pytest.approx(3 * ratio ** weights[1], rel=1e-4)
    np.testing.assert_allclose((result.betas - landmarks.betas).numpy(), weights[1], atol=1e-3)
    torch.testing.assert_close(torch.nn.functional.normalize(result.transl, dim=-1), direction, **ROUNDING)
    spread = ours**2 + theirs**2 - 2 * cross
    stretched = variance * max(1.0, math.log(ratio) ** 2 / spread)
    along = (direction @ result.transl_cov[0] @ direction.T).item() ** 0.5
    assert along / result.transl.norm().item() == pytest.approx(stretched**0.5, rel=2e-3)


@torch.inference_mode()
def test_people_whose_hips_the_image_does_not_hold_keep_the_landmarks_distance(people, model):
    landmarks = model(people)
    hips = people.landmarks.clone()
    bottom = people.crop_intrinsics @ torch.linalg.inv(people.intrinsics)  # image px to crop px
    size = people.image_size
    below = torch.stack([size[:, 0] / 2, size[:, 1] + 20, torch.ones(len(size))], dim=-1)
    hips[0, 23, :2] = (bottom[0] @ below[0])[:2]
    cut = dataclasses.replace(people, landmarks=hips)
    inside = shows_hips(cut)
    assert not inside[0]
    assert inside[1:].tolist() == shows_hips(people)[1:].tolist()
    result = with_pixels(model, landmarks, cut, None, ViewRoles())
    torch.testing.assert_close(result.transl[0], landmarks.transl[0], **ROUNDING)
    pixels = model.pixel_position(cut)
    stated = pixels.log_deviation[0, 2].exp() * landmarks.transl[0].norm()
    torch.testing.assert_close(
        result.transl_deviation[0, 0], torch.maximum(stated, landmarks.transl_deviation[0, 0]), **ROUNDING
    )
    torch.testing.assert_close(result.betas[0], landmarks.betas[0], **ROUNDING)


@torch.inference_mode()
def test_an_uncertain_branch_changes_little_and_a_certain_one_decides(people, model):
    distance = torch.full((len(people),), 4.0)
    landmarks = placed(model(people), distance, torch.full_like(distance, 0.08))
    direction = torch.nn.functional.normalize(landmarks.transl, dim=-1)

    reads = torch.ones(len(people), dtype=torch.bool)

    def with_deviation(value):
        log = torch.full((len(people), 3), math.log(value))
        return fused(landmarks, PixelEstimate(direction * 5.0, log, landmarks.betas), 0.0, reads).transl.norm(dim=-1)

    torch.testing.assert_close(with_deviation(5.0), distance, rtol=1e-3, atol=0)
    torch.testing.assert_close(with_deviation(0.002), torch.full_like(distance, 5.0), rtol=1e-3, atol=0)


@torch.inference_mode()
def test_views_are_averaged_in_the_logarithm_of_the_distance():
    along = torch.tensor([0.0, 0.0, 1.0])
    views = PixelEstimate(
        torch.stack([2 * along, 8 * along, 3 * along]),
        torch.tensor([[0.0] * 3, [2.0] * 3, [1.0] * 3]),
        torch.eye(3, 10),
    )
    mean = mean_of_views(views, torch.tensor([0, 0, 1]), 2)
    torch.testing.assert_close(mean.transl, torch.stack([4 * along, 3 * along]))
    torch.testing.assert_close(mean.log_deviation, torch.ones(2, 3))
    torch.testing.assert_close(mean.betas[0], torch.tensor([0.5, 0.5] + [0.0] * 8))


@torch.inference_mode()
def test_a_mirrored_view_counts_in_the_original_image_and_heavy_views_do_not(people, model):
    """A mirrored view of the mirrored image is a straight view of it, and its answer the straight one mirrored."""
    straight = dataclasses.replace(people, heavy=torch.zeros(len(people), dtype=torch.bool))
    turned = dataclasses.replace(mirrored(straight), heavy=straight.heavy)
    estimate = estimate_from_views(model, straight, None, ViewRoles())
    roles = ViewRoles(list(range(len(people))), [True] * len(people))
    both = with_pixels(model, estimate, straight, turned, roles)
    seen, back = model.pixel_position(straight), model.pixel_position(mirrored(turned))
    flipped = dataclasses.replace(back, transl=back.transl * torch.tensor(MIRROR_X))
    rows = torch.arange(len(people))
    views = PixelEstimate(*(torch.cat([getattr(seen, f), getattr(flipped, f)]) for f in vars(seen)))
    expected = fused(
        estimate, mean_of_views(views, torch.cat([rows, rows]), len(people)), CORRELATION, shows_hips(straight)
    )
    torch.testing.assert_close(both.transl, expected.transl, **ROUNDING)
    heavy = dataclasses.replace(
        turned, heavy=torch.ones(len(people), dtype=torch.bool), trunk_maps=None, decoder_maps=None
    )
    alone = with_pixels(model, estimate, straight, heavy, roles)
    torch.testing.assert_close(
        alone.transl, fused(estimate, seen, CORRELATION, shows_hips(straight)).transl, **ROUNDING
    )


@torch.inference_mode()
def test_a_network_without_the_branch_and_people_without_maps_are_left_as_they_are(people, model):
    estimate = model(people)
    bare = dataclasses.replace(people, trunk_maps=None, decoder_maps=None)
    assert with_pixels(model, estimate, bare, None, ViewRoles()) is estimate
    plain = MetricHMR(build(ModelConfig, CONFIG | {"image_encoder": {"reads_heavy": True}}))
    assert plain.pixel_position is None
    assert with_pixels(plain, estimate, people, None, ViewRoles()) is estimate


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
