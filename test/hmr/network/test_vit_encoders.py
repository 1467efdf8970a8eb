"""ViTPose and ViT encoders on tiny random networks saved to disk: shapes, matching crops, weights from a folder."""

from __future__ import annotations

import dataclasses
import shutil

import numpy as np
import pytest
import torch
from helpers.random_batches import random_batch
from helpers.small_networks import TINY_VITPOSE

from metrichmsr_ros.config import ConfigError, build
from metrichmsr_ros.geometry.crop import apply_matrix, crop_matrix
from metrichmsr_ros.hmr.config import ModelConfig
from metrichmsr_ros.hmr.network.checkpoint import load_model, save_model
from metrichmsr_ros.hmr.network.crop_camera import CropCamera
from metrichmsr_ros.hmr.network.model import MetricHMR
from metrichmsr_ros.hmr.network.ray_map import ray_map, rays_at

transformers = pytest.importorskip("transformers")


def pixel_batch(count=2):
    torch.manual_seed(0)
    return dataclasses.replace(random_batch(count), crop_size=(48, 64), image=torch.rand(count, 3, 64, 48))


@pytest.mark.parametrize("frame", ["camera", "crop"])
def test_vitpose_network_runs(frame):
    config = build(ModelConfig, TINY_VITPOSE | {"head": {"hidden": 16, "orientation_frame": frame}})
    model, batch = MetricHMR(config).eval(), pixel_batch()
    assert model.image_encoder(batch).shape == (2, 4 * 3, 16)
    view = CropCamera.of(batch.crop_intrinsics, batch.crop_size)
    assert model.ray_encoder(batch, view).shape == (2, 1 + 3 * 2, 16)
    out = model(batch)
    assert torch.isfinite(out.transl).all()
    out.transl.sum().backward()
    assert model.image_encoder.project.weight.grad is not None


def test_ray_encoder_covers_exactly_the_crop():
    """The ray at a pixel centre of the transformer is the crop's ray at the same relative position."""
    config = build(ModelConfig, TINY_VITPOSE | {"head": {"hidden": 16, "orientation_frame": "camera"}})
    model, batch = MetricHMR(config), pixel_batch()
    rays = model.ray_encoder.rays(batch, CropCamera.of(batch.crop_intrinsics, batch.crop_size))
    u, v = 5, 11
    crop_pixel = torch.tensor([(u + 0.5) * 48 / 32 - 0.5, (v + 0.5) * 64 / 48 - 0.5]).expand(2, 1, 2)
    assert torch.allclose(rays[:, :, v, u], rays_at(batch.crop_intrinsics, crop_pixel)[:, 0], atol=1e-5)


@pytest.mark.parametrize("rotation", [0.0, 0.7])
def test_ray_encoder_input_equals_the_cropped_ray_map_of_the_full_image(rotation):
    """Rays are affine in the pixel, so that bilinear sampling of the full map at the crop's pixels is exact."""
    K = np.array([[480.0, 0, 310.0], [0, 505.0, 233.0], [0, 0, 1]])
    matrix = crop_matrix((331.3, 214.8), (150.0, 200.0), (48, 64), rotation)
    full = ray_map(K, 480, 640)
    u, v = apply_matrix(np.linalg.inv(matrix), np.stack(np.meshgrid(np.arange(48), np.arange(64)), -1)).transpose(
        2, 0, 1
    )
    x, y = np.floor(u).astype(int), np.floor(v).astype(int)
    rows = [(1 - (v - y)) * full[:, y, x] + (v - y) * full[:, y + 1, x] for x in (x, x + 1)]
    cropped = (1 - (u - x)) * rows[0] + (u - x) * rows[1]
    values = {
        "ray_encoder": TINY_VITPOSE["ray_encoder"] | {"image_size": [48, 64]},
        "head": {"hidden": 16, "orientation_frame": "camera"},
    }
    crop_camera = torch.tensor(matrix @ K, dtype=torch.float64)[None]
    batch = dataclasses.replace(pixel_batch(1), crop_intrinsics=crop_camera)
    rays = MetricHMR(build(ModelConfig, TINY_VITPOSE | values)).ray_encoder.rays(
        batch, CropCamera.of(crop_camera, (48, 64))
    )
    np.testing.assert_allclose(rays[0].numpy(), cropped, rtol=0, atol=1e-6)


def test_vitpose_weights_load_from_a_folder(tmp_path):
    backbone = transformers.VitPoseBackboneConfig(
        image_size=(64, 48), hidden_size=32, num_hidden_layers=2, num_attention_heads=2, out_indices=[2]
    )
    saved = transformers.VitPoseForPoseEstimation(
        transformers.VitPoseConfig(backbone_config=backbone, num_labels=17, use_simple_decoder=True)
    )
    saved.save_pretrained(tmp_path / "vitpose")
    vit = transformers.ViTConfig(
        image_size=(48, 32), hidden_size=24, num_hidden_layers=1, num_attention_heads=2, intermediate_size=96
    )
    transformers.ViTModel(vit, add_pooling_layer=False).save_pretrained(tmp_path / "vit")
    values = {
        "image_encoder": TINY_VITPOSE["image_encoder"] | {"weights": str(tmp_path / "vitpose")},
        "ray_encoder": TINY_VITPOSE["ray_encoder"] | {"weights": str(tmp_path / "vit")},
    }
    model = MetricHMR(build(ModelConfig, TINY_VITPOSE | values))
    for name, value in saved.backbone.state_dict().items():
        assert torch.equal(model.image_encoder.backbone.state_dict()[name], value), name
    estimate = model.eval()(pixel_batch()).betas
    assert torch.isfinite(estimate).all()
    save_model(tmp_path / "mine.safetensors", model)
    for folder in ("vitpose", "vit"):
        shutil.rmtree(tmp_path / folder)
    again = load_model(tmp_path / "mine.safetensors")  # a checkpoint needs no further files
    assert torch.allclose(again(pixel_batch()).betas, estimate, atol=1e-6)
    assert (again.config.image_encoder.weights, again.config.image_encoder.layers) == ("", 2)


def test_plus_models_take_a_dataset_index():
    values = TINY_VITPOSE | {"image_encoder": TINY_VITPOSE["image_encoder"] | {"dataset_index": 0}}
    model = MetricHMR(build(ModelConfig, values)).eval()
    assert torch.isfinite(model(pixel_batch()).betas).all()


def test_frozen_encoder_is_not_trained():
    values = TINY_VITPOSE | {"image_encoder": TINY_VITPOSE["image_encoder"] | {"frozen": True}}
    model = MetricHMR(build(ModelConfig, values))
    model(pixel_batch()).transl.sum().backward()
    assert all(p.grad is None for p in model.image_encoder.backbone.parameters())


def test_encoder_errors_name_the_remedy(tmp_path):
    model = MetricHMR(build(ModelConfig, TINY_VITPOSE))
    with pytest.raises(ValueError, match="needs pixels"):
        model(random_batch())
    with pytest.raises(ValueError, match=r"needs \(48, 64\)"):
        model(dataclasses.replace(pixel_batch(), crop_size=(64, 64)))
    (tmp_path / "empty").mkdir()
    values = TINY_VITPOSE | {"image_encoder": TINY_VITPOSE["image_encoder"] | {"weights": str(tmp_path / "empty")}}
    with pytest.raises(ConfigError, match="cannot load folder"):
        MetricHMR(build(ModelConfig, values))
