"""The refiner's contract before and after training: sizes, units, the cases without change, and learning."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from metrichmsr_ros.depth.anchor import Anchor
from metrichmsr_ros.depth.calibration.affine import IDENTITY
from metrichmsr_ros.depth.calibration.losses import (
    RefinerLossWeights,
    refiner_loss,
    relative_error,
    total_variation,
    variance,
)
from metrichmsr_ros.depth.calibration.network import MAX_LOG_SCALE, Refiner, TorchRefiner
from metrichmsr_ros.depth.calibration.planes import fit_planes
from metrichmsr_ros.depth.calibration.refiner import (
    INPUT_CHANNELS,
    REFINERS,
    RefinerConfig,
    calibration_from_fields,
    refine,
    refiner_inputs,
)
from metrichmsr_ros.depth.calibration.weights import load_refiner, save_refiner
from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.runtime.weights_file import WeightsFileError

H, W = 90, 120
CAMERA = Camera.from_fov(W, H, 1.0)
TINY = RefinerConfig(width=32, height=24, channels=(4, 8, 8), dim=16, layers=1, heads=2)
V, U = np.mgrid[:H, :W].astype(np.float32)
SCENE = (1 / (0.5 - 0.3 * U / W)).astype(np.float32)  # a wall, 2 to 5 m away


BENT = (SCENE * np.exp(0.15 * np.cos(2 * np.pi * U / W) * np.cos(2 * np.pi * V / H))).astype(np.float32)


def anchor_of(truth: np.ndarray, present: bool = True) -> Anchor:
    person = np.full((H, W), -1, np.int32)
    if present:
        person[20:80, 30:50] = 0
    seen = person >= 0
    return Anchor(np.where(seen, truth, np.nan).astype(np.float32), seen.astype(np.float32), person)


def tiny_refiner(seed: int = 0, head: float = 0.0) -> Refiner:
    torch.manual_seed(seed)
    model = Refiner(TINY).eval()
    torch.nn.init.normal_(model.head.weight, std=head) if head else None
    return model


def tiny_engine(seed: int = 0, head: float = 0.0) -> TorchRefiner:
    return TorchRefiner(tiny_refiner(seed, head))


@pytest.mark.parametrize("size", REFINERS)
def test_network_sizes_are_valid_and_the_small_one_is_small(size):
    config = REFINERS[size]
    assert dataclasses.replace(config) == config
    if size == "small":
        parameters = sum(p.numel() for p in Refiner(config).parameters())
        assert parameters * 4 <= 8e6  # bytes of float32 weights: <= 8 MB
        out = Refiner(config)(torch.zeros(2, INPUT_CHANNELS, config.height, config.width))
        assert out.shape == (2, 2, config.height // 4, config.width // 4)


def test_invalid_sizes_are_errors_that_name_them():
    with pytest.raises(ValueError, match="multiples of 8"):
        RefinerConfig(width=30)
    with pytest.raises(ValueError, match="heads"):
        RefinerConfig(dim=50, heads=4)


def test_an_untrained_refiner_gives_the_closed_form():
    initial = (SCENE * 0.4 + 0.3).astype(np.float32)
    anchor = anchor_of(SCENE)
    fitted = refine(tiny_engine(), initial, anchor, CAMERA)
    np.testing.assert_allclose(fitted.apply(initial), fit_planes(initial, anchor).apply(initial), rtol=1e-5)
    assert fitted.method == "refiner"


def test_without_people_nothing_changes():
    assert refine(tiny_engine(head=1.0), SCENE, anchor_of(SCENE, present=False), CAMERA) is IDENTITY


def test_unknown_pixels_stay_unknown_and_affect_no_others():
    initial = SCENE.copy()
    initial[:, 90:] = np.nan
    answer = refine(tiny_engine(head=0.5), initial, anchor_of(SCENE), CAMERA).apply(initial)
    assert np.isnan(answer[:, 90:]).all()
    assert np.isfinite(answer[:, :90]).mean() > 0.99


def test_all_inputs_but_the_scale_are_independent_of_the_scale_of_the_depth():
    """Depth of another scale changes only the channel with the scale of the closed form."""
    once = refiner_inputs(SCENE, anchor_of(SCENE), CAMERA, TINY)
    scaled = refiner_inputs((SCENE * np.float32(2)).astype(np.float32), anchor_of(SCENE), CAMERA, TINY)
    np.testing.assert_allclose(scaled.channels[:-2], once.channels[:-2], atol=1e-3)
    np.testing.assert_allclose(once.channels[-2] - scaled.channels[-2], np.log(2), rtol=1e-3)


def test_refined_depth_scales_with_the_scene():
    """Twice the initial and human depth gives twice the result: the scale comes from the people alone."""
    model = tiny_engine(head=0.1)
    once = refine(model, BENT, anchor_of(SCENE), CAMERA).apply(BENT)
    big = (2 * BENT).astype(np.float32)
    np.testing.assert_allclose(
        refine(model, big, anchor_of(2 * SCENE), CAMERA).apply(big), 2 * once, rtol=1e-3, atol=1e-3
    )


def test_measured_depth_gets_one_scale_and_no_field():
    fitted = refine(tiny_engine(head=3.0), SCENE, anchor_of(1.5 * SCENE), CAMERA)
    assert fitted.method == "refiner"
    assert float(fitted.scale) == pytest.approx(1.5, rel=0.01)


def test_fields_are_bounded_and_smooth():
    fitted = refine(tiny_engine(head=3.0), BENT, anchor_of(SCENE), CAMERA)
    base = fit_planes(BENT, anchor_of(SCENE))
    assert fitted.scale.shape == fitted.offset.shape == (H, W)
    assert np.abs(np.log(fitted.scale / base.scale)).max() <= MAX_LOG_SCALE + 1e-4
    assert np.abs(np.diff(fitted.scale, axis=1)).max() < 0.3


def test_every_input_channel_holds_its_quantity():
    initial = (SCENE * 0.5).astype(np.float32)
    initial[:10] = np.nan
    inputs = refiner_inputs(initial, anchor_of(SCENE), CAMERA, TINY)
    np.testing.assert_allclose(inputs.base.scale, 2, rtol=0.015)
    log_depth, known, residual, weight, log_human, inverse, y, *_normal, ray_x, ray_y, scale, offset = inputs.channels
    assert (known[:2] == 0).all()
    assert (known[3:] > 0.99).all()
    assert np.abs(np.median(log_depth[known > 0])) < 1e-5
    np.testing.assert_allclose(
        np.exp(log_depth[12]) * inputs.median, 1 / (0.5 - 0.3 * (np.arange(32) + 0.5) / 32), rtol=0.02
    )
    assert np.abs(residual).max() < 2e-2  # after the global scale they agree
    assert weight[12, 10] > 0.9
    assert weight[12, 0] == 0
    np.testing.assert_allclose(np.exp(log_human[12, 10]) * inputs.median, 1 / (0.5 - 0.3 * 10.5 / 32), rtol=0.02)
    np.testing.assert_allclose(inverse[3:], np.exp(-log_depth[3:]), rtol=1e-5)
    np.testing.assert_allclose(y[3:], (ray_y * np.exp(log_depth))[3:], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(scale, np.log(2), rtol=0.02)
    assert np.abs(offset).max() < 0.02
    edge = CAMERA.back_project([[-0.5 + W / 64, 0], [0, -0.5 + H / 48]], 1.0)
    assert ray_x[0, 0] == pytest.approx(edge[0, 0], abs=1e-5)
    assert ray_y[0, 0] == pytest.approx(edge[1, 1], abs=1e-5)


def test_fields_become_metric_scale_and_offset():
    inputs = refiner_inputs(SCENE, anchor_of(SCENE), CAMERA, TINY)
    fields = np.stack([np.full((6, 8), np.log(1.5)), np.full((6, 8), 0.1)]).astype(np.float32)
    fitted = calibration_from_fields(fields, inputs, (H, W))
    np.testing.assert_allclose(fitted.scale, 1.5 * inputs.base.scale, rtol=1e-5)
    np.testing.assert_allclose(fitted.offset, 1.5 * inputs.base.offset + 0.1 * inputs.median, rtol=1e-4)


def test_pixels_of_a_plane_have_its_normal():
    """Every pixel of a plane n . p = d has the same normal, towards the camera."""
    grid = np.stack(np.meshgrid(np.arange(W), np.arange(H)), axis=-1)
    rays = CAMERA.back_project(grid, 1.0)
    normal = np.array([0.2, -0.8, -0.5]) / np.linalg.norm([0.2, -0.8, -0.5])
    depth = (-3.0 / (rays @ normal)).astype(np.float32)
    depth[~((depth > 0) & (depth < 20))] = np.nan
    seen = np.where(np.isfinite(depth), depth, 5).astype(np.float32)
    config = RefinerConfig(width=W, height=88, channels=(4, 8, 8), dim=16, layers=1, heads=2)
    channels = refiner_inputs(seen, anchor_of(seen), CAMERA, config).channels
    inner = np.isfinite(depth)[44:84, 10:-10]
    found = channels[7:10, 46:86, 10:-10]
    angle = np.arccos(np.clip(np.einsum("chw,c->hw", found, normal), -1, 1))
    assert inner.mean() > 0.9
    assert np.rad2deg(np.median(angle)) < 3
    assert (channels[7:10] == 0).all(axis=0).sum() == 0


def test_a_refiner_learns_a_warp_from_a_loss_of_four_terms():
    torch.manual_seed(0)
    model = Refiner(TINY)
    initial = (SCENE * (0.8 + 0.4 * U / W)).astype(np.float32)
    inputs = refiner_inputs(initial, anchor_of(SCENE), CAMERA, TINY)
    channels = torch.from_numpy(inputs.channels)[None]
    truth, human, weight = (
        torch.from_numpy(image)[None, None]
        for image in (SCENE, np.nan_to_num(anchor_of(SCENE).depth), anchor_of(SCENE).weight)
    )
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    history = []
    for _ in range(30):
        fields = model(channels)
        full = torch.nn.functional.interpolate(fields, (H, W), mode="bilinear")
        base = torch.from_numpy(inputs.base.apply(initial))[None, None]
        refined = full[:, :1].exp() * base + full[:, 1:] * inputs.median
        terms = refiner_loss(refined, fields, truth, torch.ones_like(truth), human, weight, RefinerLossWeights())
        optimizer.zero_grad()
        terms["total"].backward()
        optimizer.step()
        history.append(terms["depth"].item())
    assert set(terms) == {"depth", "anchor", "tv", "var", "total"}
    assert history[-1] < 0.6 * history[0]


def test_loss_terms_by_hand():
    truth, weight = torch.full((1, 1, 2, 2), 2.0), torch.tensor([[[[1.0, 1], [0, 0]]]])
    depth = torch.tensor([[[[3.0, 2], [9, 9]]]])
    assert relative_error(depth, truth, weight) == pytest.approx(0.25)
    assert relative_error(depth, truth, torch.zeros_like(weight)) == 0
    ramp = torch.arange(8.0).expand(1, 1, 4, 8) / 8
    assert total_variation(ramp) == pytest.approx(1)
    finer = torch.nn.functional.interpolate(ramp, scale_factor=4.0, mode="bilinear", align_corners=True)
    assert total_variation(finer) == pytest.approx(1, rel=0.2)  # resolution does not change it much
    assert variance(torch.tensor([[[[1.0, 3]]]])) == pytest.approx(1)
    assert variance(torch.full((1, 2, 3, 3), 7.0)) == 0


def test_weight_files_include_their_configuration(tmp_path):
    model = tiny_refiner(head=0.1)
    save_refiner(tmp_path / "r.safetensors", model, {"data": "test"})
    loaded = load_refiner(tmp_path / "r.safetensors")
    assert loaded.config == TINY
    assert not loaded.training
    answers = [refine(TorchRefiner(m), BENT, anchor_of(SCENE), CAMERA).scale for m in (model, loaded)]
    np.testing.assert_array_equal(*answers)


def test_bad_weights_are_named(tmp_path):
    with pytest.raises(WeightsFileError, match=r"absent\.safetensors"):
        load_refiner(tmp_path / "absent.safetensors")
    save_file({"x": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(WeightsFileError, match="is not a depth refiner"):
        load_refiner(tmp_path / "other.safetensors")
    header = {"format": "metrichmsr-refiner-1", "config": '{"width": 32, "height": 24, "channels": [4, 8, 8]}'}
    save_file({"x": torch.zeros(1)}, tmp_path / "wrong.safetensors", metadata=header)
    with pytest.raises(WeightsFileError, match="do not fit"):
        load_refiner(tmp_path / "wrong.safetensors")
