"""Adapters of hub networks on tiny random models saved to disk, and on a fake with MapAnything's interface."""

from __future__ import annotations

import sys
import types

import numpy as np
import pytest
import torch

from metrichmsr_ros.depth.sources.base import DepthContext, DepthError, resampled
from metrichmsr_ros.depth.sources.hub import HubDepth
from metrichmsr_ros.depth.sources.map_anything import MapAnythingDepth, network_size
from metrichmsr_ros.geometry.camera import Camera

CAMERA = Camera.from_fov(96, 64, 1.0)
IMAGE = np.random.default_rng(0).integers(0, 255, (64, 96, 3), dtype=np.uint8)


def save_depth_anything(folder, kind: str) -> str:
    transformers = pytest.importorskip("transformers")
    backbone = transformers.Dinov2Config(
        image_size=56,
        patch_size=14,
        hidden_size=32,
        num_hidden_layers=4,
        num_attention_heads=2,
        out_features=["stage1", "stage2", "stage3", "stage4"],
        reshape_hidden_states=False,
        apply_layernorm=True,
    )
    config = transformers.DepthAnythingConfig(
        backbone_config=backbone,
        reassemble_hidden_size=32,
        neck_hidden_sizes=[8, 8, 8, 8],
        fusion_hidden_size=8,
        head_hidden_size=8,
        patch_size=14,
        depth_estimation_type=kind,
        max_depth=20,
    )
    torch.manual_seed(0)
    transformers.DepthAnythingForDepthEstimation(config).save_pretrained(folder)
    transformers.DPTImageProcessor(
        size={"height": 56, "width": 56}, keep_aspect_ratio=True, ensure_multiple_of=14
    ).save_pretrained(folder)
    return str(folder)


def test_a_metric_network_from_a_folder(tmp_path):
    source = HubDepth(save_depth_anything(tmp_path, "metric"))
    answer = source.predict(IMAGE, CAMERA, DepthContext())
    assert answer.depth.shape == (64, 96)
    assert answer.camera is CAMERA
    assert answer.source == f"hub:{tmp_path}"
    known = answer.depth[np.isfinite(answer.depth)]
    assert len(known)
    assert 0 < known.min() <= known.max() <= 20


def test_relative_depth_is_refused(tmp_path):
    with pytest.raises(DepthError, match="relative depth"):
        HubDepth(save_depth_anything(tmp_path, "relative"))


def test_an_absent_model_is_named(tmp_path):
    pytest.importorskip("transformers")
    with pytest.raises(DepthError, match="nowhere"):
        HubDepth(str(tmp_path / "nowhere"))


class StandInMapAnything:
    """A fake MapAnything: returns the depth of a known plane for the given intrinsics."""

    def __init__(self) -> None:
        self.seen: list[dict] = []

    @classmethod
    def from_pretrained(cls, model):
        if model != "local":
            raise OSError("no such weights")
        return cls()

    def to(self, device):
        return self

    def eval(self):
        return self

    def infer(self, views, **options):
        assert options == {"use_amp": False, "apply_mask": False, "mask_edges": False}
        self.seen = views
        (view,) = views
        _, channels, height, width = view["img"].shape
        assert channels == 3
        assert height % 14 == width % 14 == 0
        inverse = torch.linalg.inv(view["intrinsics"][0])
        v, u = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
        rays = torch.stack([u, v, torch.ones_like(u)], -1).float() @ inverse.T
        depth = 2.0 / (rays @ torch.tensor([0.2, -0.1, 0.9]))
        ambiguous = torch.zeros(1, height, width)
        ambiguous[:, height // 4 :] = 1
        return [{"depth_z": depth[None, ..., None], "non_ambiguous_mask": ambiguous}]


@pytest.fixture
def map_anything(monkeypatch):
    models = types.ModuleType("mapanything.models")
    models.MapAnything = StandInMapAnything
    monkeypatch.setitem(sys.modules, "mapanything", types.ModuleType("mapanything"))
    monkeypatch.setitem(sys.modules, "mapanything.models", models)


@pytest.mark.parametrize("size", [(640, 480), (1920, 1080), (480, 640), (500, 333)])
def test_map_anything_depth_is_resampled_to_the_image(map_anything, size):
    camera = Camera.from_fov(*size, 1.1)
    image = np.zeros((size[1], size[0], 3), np.uint8)
    answer = MapAnythingDepth("local").predict(image, camera, DepthContext())
    assert max(answer.camera.size) == 518
    full = resampled(answer, camera)
    grid = np.stack(np.meshgrid(np.arange(size[0]), np.arange(size[1])), axis=-1)
    expected = 2.0 / (camera.back_project(grid, 1.0) @ [0.2, -0.1, 0.9])
    known = np.isfinite(full)
    assert not known[: size[1] // 4 - 4].any()
    assert known[size[1] // 4 + 4 :].all()
    inner = known & (grid > 2).all(-1) & (grid < np.array(size) - 3).all(-1)
    np.testing.assert_allclose(full[inner], expected[inner], rtol=1e-3)


def test_map_anything_gets_a_normalised_image(map_anything):
    source = MapAnythingDepth("local")
    source.predict(np.full((480, 640, 3), 255, np.uint8), Camera.from_fov(640, 480, 1.0), DepthContext())
    white = (1 - torch.tensor([0.485, 0.456, 0.406])) / torch.tensor([0.229, 0.224, 0.225])
    torch.testing.assert_close(source._model.seen[0]["img"][0, :, 5, 5], white)


def test_network_sizes_are_multiples_of_the_patch_size():
    assert network_size(Camera.from_fov(640, 480, 1.0)) == (518, 392)
    assert network_size(Camera.from_fov(1920, 1080, 1.0)) == (518, 294)
    assert network_size(Camera.from_fov(480, 640, 1.0)) == (392, 518)


def test_missing_package_and_missing_weights_are_named(monkeypatch, map_anything):
    with pytest.raises(DepthError, match="cannot load MapAnything weights 'elsewhere'"):
        MapAnythingDepth("elsewhere")
    monkeypatch.setitem(sys.modules, "mapanything.models", None)
    with pytest.raises(DepthError, match="pip install"):
        MapAnythingDepth("local")
